"""Refuses, before a model is loaded, a submission whose forecast is far beyond the time limit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.forecast import duration
from e2lm_ingestion.forecast.hardware import Machine
from e2lm_ingestion.forecast.volume import suite_tokenizer, volume_of_task
from e2lm_ingestion.output_types.protocol import Item
from e2lm_ingestion.suite import Suite
from e2lm_ingestion.task.task import Task

# A forecast may be so many times too high without refusing a submission that would have fitted. The figures of GPUs are
# assumptions; forecasts that were calibrated on a CPU were up to 1.9 times too high (docs/performance.md).
MARGIN = 2.0


def refuse_what_does_not_fit(
    task: Task, tasks: Mapping[str, list[Item]], suite: Suite, root: Path, machine: Machine, limit: float
) -> None:
    """Raise SubmissionError where the forecast for `machine` exceeds MARGIN times `limit`, in minutes.

    `tasks` are the rendered items of each task; `root` is the folder of the checkpoints, for a tokenizer. Nothing
    is refused where a model's size is unknown, because there is no forecast.
    """
    volume = volume_of_task(task, tasks, suite_tokenizer(suite, root), suite.context_length)
    minutes = duration.minutes(suite, volume, machine)
    if minutes is None or minutes <= MARGIN * limit:
        return
    shorter = (
        "fewer items, shorter prompts or a smaller max_gen_toks"
        if volume.written_tokens
        else ("fewer items or shorter prompts")
    )
    raise SubmissionError(
        f"does not fit the time limit: the forecast is {minutes:,.0f} minutes on {machine.label}, and a submission may "
        f"take {limit:,.0f}; submit {shorter}, as many as `e2lm check` says fit"
    )
