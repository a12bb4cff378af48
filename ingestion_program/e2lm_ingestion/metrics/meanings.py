"""What each metric says of an item, in a line; docs/task-language.md explains them at length."""

from __future__ import annotations

from collections.abc import Mapping

UNITS = {"_per_token": "per token", "_per_char": "per character", "_per_byte": "per byte"}

_LIKELIHOOD = {
    "correct_logprob": "log-likelihood of the right answer, in nats; rises with any text's likelihood",
    "correct_prob": "probability of the right answer; rises with any text's likelihood",
}
MULTIPLE_CHOICE_MEANINGS: Mapping[str, str] = {
    "acc": "1 where a right choice is the most likely one",
    "acc_norm": "the same, by log-likelihood per character",
    "acc_bytes": "the same, by log-likelihood per byte",
    "acc_mutual_info": "the same, by how much the question raises each choice's log-likelihood",
    "exact_match": "1 where every token of a right choice was the most likely one",
    "brier_score": "squared distance between the probabilities and the truth",
    "f1": "F1 score of the second of two choices, over all items",
    "mcc": "Matthews' correlation of right and most likely choice, over all items",
    "macro_f1": "F1 scores of the choices' numbers, each of the same weight",
    "weighted_f1": "F1 scores of the choices' numbers, weighted by their items",
    **_LIKELIHOOD,
    "norm_correct_prob": "probability of the right choice among the choices; moves before acc does",
    "logprob_margin": "log-likelihood of the right choice minus that of the best wrong one",
    "logprob_margin_mean": "log-likelihood of the right choice minus the mean of the wrong ones",
    "margin": "probability of the right choice minus that of the best wrong one",
}
LOGLIKELIHOOD_MEANINGS: Mapping[str, str] = {
    "acc": "1 where every token was the most likely one",
    "perplexity": "exp of the mean negative log-likelihood",
    **_LIKELIHOOD,
}
LOGLIKELIHOOD_ROLLING_MEANINGS: Mapping[str, str] = {
    "word_perplexity": "perplexity per word, over all texts",
    "byte_perplexity": "perplexity per byte, over all texts",
    "bits_per_byte": "bits that a byte costs, over all texts",
    **_LIKELIHOOD,
}
GENERATE_UNTIL_MEANINGS: Mapping[str, str] = {
    "exact_match": "1 where what the model writes equals a right answer",
    "f1": "F1 score of the words shared with a right answer, as in SQuAD",
    "bleu": "BLEU over all texts, 0 to 100; needs the extra texts",
    "chrf": "chrF over all texts, 0 to 100; needs the extra texts",
    "chrf++": "chrF++ over all texts, 0 to 100; needs the extra texts",
    "ter": "translation edit rate over all texts; needs the extra texts",
}


def meaning(meanings: Mapping[str, str], name: str) -> str:
    """The line of a built-in metric among those of its output type; one per unit has that of the metric, with the unit.

    >>> meaning(MULTIPLE_CHOICE_MEANINGS, "margin_per_char")
    'probability of the right choice minus that of the best wrong one, with log-likelihoods per character'
    """
    if name in meanings:
        return meanings[name]
    suffix = next(suffix for suffix in UNITS if name.endswith(suffix))
    return f"{meanings[name.removesuffix(suffix)]}, with log-likelihoods {UNITS[suffix]}"
