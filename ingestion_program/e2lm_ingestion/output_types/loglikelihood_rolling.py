"""loglikelihood_rolling: one text, every token of which is scored, without a prompt."""

from __future__ import annotations

from functools import partial

from e2lm_ingestion.output_types.choices import chance_of_choices, choice_item_set, rescored_choices
from e2lm_ingestion.output_types.protocol import OutputType, Wording, as_it_is
from e2lm_ingestion.output_types.questions import Question, text_question


def _join(contexts: tuple[str, ...], question: Question, delimiter: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The text without a context: lm-evaluation-harness leaves description and doc_to_text out."""
    return ("",), question.choices


LOGLIKELIHOOD_ROLLING = OutputType(
    name="loglikelihood_rolling",
    wording=Wording("one text each", "and the text whose every token is scored:"),
    question=text_question,
    join=_join,
    item_set=partial(choice_item_set, windows=True),
    rescored=rescored_choices,
    chance=chance_of_choices,
    requested=as_it_is,
    windows=True,
    scores_target=True,
)
