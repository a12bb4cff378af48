"""Run lm-evaluation-harness on a list of tasks with one tiny model and write down what it asked and what it found.

usage: peer.py MODEL CONTEXT_LENGTH OUT FOLDER TASK [FOLDER TASK ...]

Runs in a process of its own: lm-evaluation-harness reads data files relative to the current folder.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import lm_eval
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

Asked = list[tuple[list[int], int]]


class RecordingModel(HFLM):  # type: ignore[misc]
    """The harness' own model, which also records the tokens of its requests."""

    asked: Asked
    prompts: list[list[int]]

    def _loglikelihood_tokens(self, requests: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        for _, context, continuation in requests:
            kept = (context + continuation)[-(self.max_length + 1) :]
            self.asked.append((kept, len(continuation)))
        return super()._loglikelihood_tokens(requests, *args, **kwargs)

    def _model_generate(self, context: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        self.prompts += [row.tolist() for row in context]
        return super()._model_generate(context, *args, **kwargs)


def main() -> None:
    model_path, context_length, out, *rest = sys.argv[1:]
    model = RecordingModel(
        pretrained=model_path, dtype="float32", device="cpu", batch_size=1, max_length=int(context_length)
    )
    found = {}
    for folder, name in zip(rest[::2], rest[1::2], strict=True):
        os.chdir(folder)
        model.asked, model.prompts = [], []
        results = lm_eval.simple_evaluate(
            model=model,
            tasks=[name],
            task_manager=TaskManager(include_path=folder, include_defaults=False),
            bootstrap_iters=0,
            log_samples=False,
        )
        own = {**results["results"], **results.get("groups", {})}[name]
        found[name] = {
            "metrics": {key: value for key, value in own.items() if isinstance(value, float) and "stderr" not in key},
            "asked": model.asked,
            "prompts": model.prompts,
        }
    with open(out, "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main()
