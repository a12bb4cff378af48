"""Describe a series of checkpoints as a suite: suite.yaml and scoring.yaml beside each other."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from e2lm.cli.arguments import count
from e2lm_ingestion.errors import OrganizerError, naming
from e2lm_ingestion.suite import checkpoints_root

LEAST = 8  # early checkpoints that signal quality needs
EXAMPLES = """\
examples:
  e2lm suite new mine ours --tokens-per-step 4194304
  e2lm suite new small tiiuae/dense-500m-arch1 --checkpoint "iter_{iteration:07d}" \\
      --iterations 4000:52000:4000 --tokens-per-step 4194304
  e2lm suite new pythia EleutherAI/pythia-70m --revision "step{iteration}" \\
      --iterations 1000:143000:2000 --tokens-per-step 2097152
next: e2lm run my-task --suite mine/suite.yaml"""
FOLDER = re.compile(r"(?P<before>.*?)(?P<number>\d+)(?P<after>\D*)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm suite new`."""
    parser.add_argument(
        "output", type=Path, help="the folder to make, for suite.yaml and scoring.yaml; its name is the suite's"
    )
    parser.add_argument(
        "source",
        help="a folder under $E2LM_CHECKPOINTS (or a path to it) that holds step-* folders, or a Hub repository",
    )
    parser.add_argument(
        "--tokens-per-step",
        type=count,
        required=True,
        metavar="N",
        help="training tokens of an optimizer step: batch x length",
    )
    parser.add_argument("--revision", metavar="R", help='Hub: the revision of a checkpoint, such as "step{iteration}"')
    parser.add_argument(
        "--checkpoint", metavar="C", help='Hub: the folder of a checkpoint, such as "iter_{iteration:07d}"'
    )
    parser.add_argument(
        "--iterations",
        metavar="START:STOP:STEP",
        help="Hub: the iterations, both ends included, such as 1000:16000:1000",
    )
    parser.add_argument("--context", type=count, default=2048, metavar="N", help="tokens of context (default: 2048)")


def main(args: argparse.Namespace) -> None:
    """Write both files; print what the suite can be used for."""
    on_hub = args.revision or args.checkpoint or args.iterations
    if on_hub:
        source, checkpoint, iterations = args.source, args.checkpoint or args.revision, _range(args.iterations)
        if checkpoint is None or not _names_iterations(checkpoint):
            raise OrganizerError('--revision or --checkpoint: give a text such as "step{iteration}"')
    else:
        source, checkpoint, iterations = _in_folder(args.source)
    if args.tokens_per_step < 1 or len(iterations) < LEAST:
        raise OrganizerError(
            f"{args.source}: {len(iterations)} checkpoints of {args.tokens_per_step} tokens a step; signal quality "
            f"needs {LEAST} checkpoints or more, and a step has tokens"
        )
    name = re.sub(r"[^A-Za-z0-9._-]", "-", args.source.rstrip("/").rsplit("/", 1)[-1])
    model = {"id": name, "size": "unknown", "architecture": "unknown", "mixture": "unknown", "source": source}
    model |= {
        "checkpoint": checkpoint,
        **({"revision": args.revision} if args.revision else {}),
        "iterations": iterations,
    }
    suite = {
        "suite": args.output.name,
        "version": 1,
        "description": f"{len(iterations)} checkpoints of {name}",
        "context_length": args.context,
        "tokens": {"sequence_length": 1, "global_batch_size": args.tokens_per_step},
        "models": [model],
    }
    scoring = {
        "suite": args.output.name,
        "suite_version": 1,
        "early": {"iterations": iterations},
        "signal_models": [name],
    }
    _write(args.output, {"suite.yaml": suite, "scoring.yaml": scoring})
    print(f"next:   e2lm run SUBMISSION --suite {args.output / 'suite.yaml'}" + (" --disk-budget 50" if on_hub else ""))


def _write(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Write both files and print their paths; existing files with the same content are left alone."""
    texts = {folder / name: yaml.safe_dump(value, sort_keys=False, width=120) for name, value in files.items()}
    for path, text in texts.items():
        if path.exists() and path.read_text(encoding="utf-8", errors="replace") != text:
            raise OrganizerError(
                f"{path}: exists already with other content and is not overwritten; give another folder"
            )
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        if not path.exists():
            with naming(path):
                path.write_text(text, encoding="utf-8")
        print(path)


def _names_iterations(pattern: str) -> bool:
    """Whether the pattern gives every iteration a distinct name, as `step{iteration}` does."""
    try:
        return pattern.format(iteration=1) != pattern.format(iteration=2)
    except (LookupError, ValueError):
        return False


def _range(text: str | None) -> list[int]:
    found = re.fullmatch(r"(\d+):(\d+):(\d+)", text or "")
    if found is None or not int(found[3]):
        raise OrganizerError("--iterations: give START:STOP:STEP, both ends included, such as 1000:16000:1000")
    start, stop, step = map(int, found.groups())
    return list(range(start, stop + 1, step))


def _in_folder(given: str) -> tuple[str, str, list[int]]:
    """Source, checkpoint pattern and iterations of the checkpoints in a folder."""
    root = checkpoints_root().resolve()
    folder = (Path(given) if Path(given).is_dir() else root / given).resolve()
    if not folder.is_dir():
        raise OrganizerError(f"{given}: no such folder, here or under {root}; for the Hub, give --iterations too")
    if root not in folder.parents:
        raise OrganizerError(f"{folder}: not under {root}; set E2LM_CHECKPOINTS to {folder.parent}")
    names = [path.parent.name for path in folder.glob("*/config.json")]
    return str(folder.relative_to(root)), *_pattern(names, folder)


def _pattern(names: Sequence[str], folder: Path) -> tuple[str, list[int]]:
    """The pattern of names such as step-1000 or iter_0002000, and their numbers in order."""
    parts = [found for name in names if (found := FOLDER.fullmatch(name))]
    if len(parts) != len(names) or not parts or len({(one["before"], one["after"]) for one in parts}) != 1:
        raise OrganizerError(
            f"{folder}: its folders with a config.json are not named alike, such as step-1000, step-2000"
        )
    width = max(len(one["number"]) for one in parts)
    padded = len({len(one["number"]) for one in parts}) == 1 and any(one["number"].startswith("0") for one in parts)
    number = f"{{iteration:0{width}d}}" if padded else "{iteration}"
    iterations = sorted(int(one["number"]) for one in parts if int(one["number"]))  # step 0 is the untrained model
    return f"{parts[0]['before']}{number}{parts[0]['after']}", iterations
