"""The least time that a sweep can take, known before a model is loaded.

`e2lm check` forecasts the time from what devices and engines sustain. This is a bound that no device can beat, so that
no submission is refused that would have fitted: arithmetic alone, at the peak of the fastest devices.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.execution.worker_devices import visible_gpus
from e2lm_ingestion.output_types.protocol import Item
from e2lm_ingestion.suite import Suite

GPU_PEAK = 2.25e15  # dense bfloat16 operations per second of a B200, by its data sheet
CORE_PEAK = 2e11  # float32 operations per second of a core with two AVX-512 units at 3 GHz
CHARACTERS_PER_TOKEN = 8.0  # of text: more than any tokenizer reaches on prose
_UNITS = {"K": 1e3, "M": 1e6, "B": 1e9}


def least_tokens(tasks: Iterable[Sequence[Item]], context_length: int) -> int:
    """The fewest tokens that go through a model: each item's own text once, without description and examples."""
    most = int(context_length * CHARACTERS_PER_TOKEN)
    own = (min(most, max(map(len, item.contexts)) - item.head) for items in tasks for item in items)
    return int(sum(max(0, characters) for characters in own) / CHARACTERS_PER_TOKEN)


def least_minutes(suite: Suite, tokens: int, peak: float) -> float:
    """Minutes for all checkpoints of the suite at `peak` operations per second; models of unknown size take none."""
    parameters = sum(_parameters(model.size) * len(model.iterations) for model in suite.models)
    return 2 * parameters * tokens / peak / 60


def refuse_what_cannot_end(suite: Suite, tokens: int, limit: float) -> None:
    """Raise SubmissionError where the devices of this machine cannot finish within `limit` minutes."""
    gpus = len(visible_gpus())
    peak = gpus * GPU_PEAK or (os.cpu_count() or 1) * CORE_PEAK
    minutes = least_minutes(suite, tokens, peak)
    if minutes > limit:
        raise SubmissionError(
            f"does not fit the time limit: it takes more than {minutes:,.0f} minutes whatever the devices, and a "
            f"submission may take {limit:,.0f}; submit fewer items or shorter prompts, as many as `e2lm check` says fit"
        )


def _parameters(size: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMB])", size.strip())
    return float(match[1]) * _UNITS[match[2]] if match else 0.0
