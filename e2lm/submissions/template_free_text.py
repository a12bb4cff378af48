"""The text of an item without the fixed text of its templates, for comparing submissions.

Submissions with the same long prompt may ask different things. The fixed text is removed from the templates, not from
the rendered items, so that conditions, filters and the choice of fields work as usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jinja2 import Environment, TemplateSyntaxError

from e2lm.submissions.ngram_overlap import as_read
from e2lm_ingestion.checks.questions import shared_beginning
from e2lm_ingestion.output_types.items import items_by_task
from e2lm_ingestion.output_types.protocol import Item
from e2lm_ingestion.output_types.registry import OUTPUT_TYPES
from e2lm_ingestion.submission.submission import Submission
from e2lm_ingestion.task.task import Task

_JINJA = Environment(keep_trailing_newline=True)  # parses templates and never renders one


def free_texts(submission: Submission) -> list[str]:
    """Each item's text and its choices in sorted order, without description, examples and fixed text of templates.

    Text that is the same for all items of a task, such as the choices A, B, C, D, counts as fixed. Raises
    SubmissionError.
    """
    bare = replace(submission, tasks={source: _bare(task) for source, task in submission.tasks.items()})
    return [text for items in items_by_task(bare).values() for text in _texts(items)]


def blanked(template: str) -> str:
    """The template with each fixed text replaced by a space; a field's name, or no template, stays as it is.

    >>> blanked("Question: {{question}}\\nAnswer:")
    ' {{question}} '
    """
    if "{" not in template:
        return template
    try:
        return "".join(" " if kind == "data" else value for _, kind, value in _JINJA.lex(template))
    except TemplateSyntaxError:  # rendering reports the error with its location
        return template


def _bare(task: Task) -> Task:
    changed = {"description": "", "num_fewshot": 0, "doc_to_text": blanked(task.doc_to_text)}
    if OUTPUT_TYPES[task.output_type].scores_target and isinstance(task.doc_to_target, str):
        changed["doc_to_target"] = blanked(task.doc_to_target)  # the scored text
    return task.model_copy(update=changed)


def _texts(items: Sequence[Item]) -> list[str]:
    asked = _distinct([(shared_beginning(item.contexts),) for item in items])
    choices = _distinct([tuple(sorted(map(str.strip, item.choices), key=as_read)) for item in items])
    return [" ".join([*text, *own]) for text, own in zip(asked, choices, strict=True)]


def _distinct(texts: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [()] * len(texts) if len(texts) > 1 and len(set(texts)) == 1 else texts
