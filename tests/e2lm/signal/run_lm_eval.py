"""Run `lm_eval --log_samples` on several checkpoints, in one process: its start costs more than an evaluation.

usage: run_lm_eval.py FOLDER TASK OUT CHECKPOINT [CHECKPOINT ...]

lm-evaluation-harness reads data files relative to the current folder.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Evaluate every checkpoint."""
    from lm_eval.__main__ import cli_evaluate  # not installed everywhere

    folder, task, out, *checkpoints = sys.argv[1:]
    os.chdir(folder)
    for checkpoint in checkpoints:
        sys.argv = ["lm_eval", "run", "--model", "hf", "--model_args", f"pretrained={checkpoint},dtype=float32"]
        sys.argv += ["--tasks", task, "--include_path", folder, "--output_path", out, "--log_samples"]
        sys.argv += ["--device", "cpu", "--batch_size", "16"]
        cli_evaluate()


if __name__ == "__main__":
    main()
