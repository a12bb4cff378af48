"""The words of the report that are not in everybody's use; those of docs/glossary.md, short."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    key: str  # of the anchor word-KEY
    term: str
    meaning: str


WORDS = (
    Word(
        "gt", "GT, MT", "Gigatokens and megatokens: billions and millions of tokens that a model has been trained on."
    ),
    Word(
        "arch",
        "arch1, arch2",
        "The two architectures of each size of model: trained on the same data, they differ in depth and width.",
    ),
    Word(
        "signal-model",
        "signal model",
        "A model whose early curve counts for signal quality and for the gate; the other models are held out.",
    ),
    Word(
        "standard-error",
        "standard error",
        "How far a number would vary if other items of the same kind had been drawn. A rise of less than two standard "
        "errors may be chance; the gate asks for three.",
    ),
    Word(
        "gate",
        "gate",
        "What decides on eligibility: the score with right labels must rise over that with wrong labels, by enough "
        "standard errors, and by enough of the whole rise.",
    ),
    Word(
        "rise",
        "Rise",
        "Mean of the last three early scores minus mean of the first three, averaged over the signal models.",
    ),
    Word(
        "trend",
        "Trend",
        "Correlation of an item's scores with the order of training, \u22121 (falls steadily) to 1 (rises steadily).",
    ),
    Word(
        "influence",
        "Effect on SQ",
        "Signal quality of all items minus signal quality without this one: above 0, the item helps.",
    ),
    Word(
        "guesser",
        "guesser",
        "A program without any knowledge that answers by a rule of thumb, such as the longest choice or the words "
        "of the choices alone. Where it beats chance, a score can be won without knowing the answers.",
    ),
    Word("early", "early window", "The first checkpoints, from which all scores but ranking consistency are computed."),
    Word(
        "held-out", "held-out models", "Models that were not used to choose: a gain on them is no luck of the choice."
    ),
)
