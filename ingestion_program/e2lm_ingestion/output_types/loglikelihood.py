"""loglikelihood: one given continuation, scored after the question."""

from __future__ import annotations

from e2lm_ingestion.output_types.choices import chance_of_choices, choice_item_set, rescored_choices
from e2lm_ingestion.output_types.protocol import OutputType, Wording, as_it_is
from e2lm_ingestion.output_types.questions import Question, text_question


def _join(contexts: tuple[str, ...], question: Question, delimiter: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The text as it is: lm-evaluation-harness puts no delimiter before it."""
    return contexts, question.choices


LOGLIKELIHOOD = OutputType(
    name="loglikelihood",
    wording=Wording("one continuation each", "and the continuation that is scored after it:"),
    question=text_question,
    join=_join,
    item_set=choice_item_set,
    rescored=rescored_choices,
    chance=chance_of_choices,
    requested=as_it_is,
    scores_target=True,
)
