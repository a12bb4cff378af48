"""Describe a series of checkpoints as a suite: suite.yaml and scoring.yaml beside each other."""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from e2lm.cli.arguments import count
from e2lm.suites.proposal import LEAST, UNKNOWN, compact, proposed_scoring, scoring_yaml, size_in
from e2lm_ingestion.errors import OrganizerError, naming
from e2lm_ingestion.suite import checkpoints_root
from e2lm_scoring.inputs.configuration import Window

EXAMPLES = """\
examples:
  e2lm suite new mine ours --tokens-per-step 4194304
  e2lm suite new lab runs/* --tokens-per-step 4194304
  e2lm suite new small OWNER/NAME --checkpoint "iter_{iteration:07d}" \\
      --iterations 4000:52000:4000 --tokens-per-step 4194304
  e2lm suite new pythia EleutherAI/pythia-70m --revision "step{iteration}" \\
      --iterations 1000:143000:2000 --tokens-per-step 2097152
  e2lm suite new olmo allenai/OLMo-2-0425-1B --revision "stage1-step{iteration}-tokens{tokens}B" \\
      --iterations 10000:200000:10000 --tokens-per-step 2097152
next: e2lm run my-task --suite mine/suite.yaml"""
FOLDER = re.compile(r"(?P<before>.*?)(?P<number>\d+)(?P<after>\D*)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm suite new`."""
    parser.add_argument(
        "output", type=Path, help="the folder to make, for suite.yaml and scoring.yaml; its name is the suite's"
    )
    parser.add_argument(
        "source",
        nargs="+",
        help="of each model: a folder under $E2LM_CHECKPOINTS (or a path to it) that holds step-* folders, or a Hub "
        "repository",
    )
    parser.add_argument(
        "--tokens-per-step",
        type=count,
        required=True,
        metavar="N",
        help="training tokens of an optimizer step: batch x length",
    )
    parser.add_argument(
        "--revision",
        metavar="R",
        help='Hub: the revision of a checkpoint, such as "step{iteration}"; with {tokens} or * in it, such as '
        '"stage1-step{iteration}-tokens{tokens}B", the names are listed',
    )
    parser.add_argument(
        "--checkpoint", metavar="C", help='Hub: the folder of a checkpoint, such as "iter_{iteration:07d}"'
    )
    parser.add_argument(
        "--iterations",
        metavar="START:STOP:STEP",
        help="Hub: the iterations, both ends included, such as 1000:16000:1000; several, or numbers, with commas",
    )
    parser.add_argument(
        "--early-tokens",
        type=float,
        metavar="N",
        help="several models: training tokens at which the early window ends, such as 200e9 (default: a fifth of all)",
    )
    parser.add_argument("--context", type=count, default=2048, metavar="N", help="tokens of context (default: 2048)")


def main(args: argparse.Namespace) -> None:
    """Write both files; print what is proposed."""
    if args.early_tokens is not None and not args.early_tokens > 0:
        raise OrganizerError("--early-tokens: give a number of tokens above 0, such as 200e9")
    models = _with_distinct_ids(
        [_model(argparse.Namespace(**{**vars(args), "source": source})) for source in dict.fromkeys(args.source)]
    )
    scoring = _proposed(args, models)
    series = ", ".join(str(model["id"]) for model in models)
    suite = {
        "suite": args.output.name,
        "version": 1,
        "description": f"{sum(len(model['iterations']) for model in models)} checkpoints of {series}",
        "context_length": args.context,
        "tokens": {"sequence_length": 1, "global_batch_size": args.tokens_per_step},
        "models": [model | {"iterations": compact(model["iterations"])} for model in models],
    }
    described = yaml.safe_dump(suite, sort_keys=False, default_flow_style=None, width=120)
    _write(args.output, {"suite.yaml": described, "scoring.yaml": scoring_yaml(scoring)})
    _say(scoring, args.tokens_per_step)
    on_hub = args.revision or args.checkpoint or args.iterations
    print(f"next:   e2lm run SUBMISSION --suite {args.output / 'suite.yaml'}" + (" --disk-budget 50" if on_hub else ""))


def _proposed(args: argparse.Namespace, models: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The keys of scoring.yaml. Raises OrganizerError where the models share too few checkpoints."""
    series = {str(model["id"]): model["iterations"] for model in models}
    shared = len(set.intersection(*(set(iterations) for iterations in series.values())))
    if shared < LEAST:
        raise OrganizerError(
            f"the {len(models)} models have {shared} iterations in common, and signal quality needs {LEAST} or more; "
            "describe models with the same checkpoints, or each as a suite of its own"
        )
    sizes = {str(model["id"]): str(model["size"]) for model in models}
    early_stop = None if args.early_tokens is None else int(args.early_tokens / args.tokens_per_step)
    return proposed_scoring(args.output.name, series, sizes, early_stop)


def _say(scoring: Mapping[str, Any], tokens_per_step: int) -> None:
    """Print the windows in tokens and the groups."""
    for name in ("early", "late"):
        if window := scoring.get(name):
            iterations = Window.model_validate(window).iterations
            first, last = (iterations[at] * tokens_per_step / 1e9 for at in (0, -1))
            print(f"{name + ':':7} {len(iterations)} checkpoints, {first:.4g} to {last:.4g} billion tokens")
    for group in scoring.get("ranking_groups", ()):
        print(f"group:  {', '.join(group)}")


def _with_distinct_ids(models: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The models, those that would share an id named by the whole of their source. Raises OrganizerError otherwise."""
    taken = Counter(model["id"] for model in models)
    named = [model | {"id": model["source"].replace("/", "-")} if taken[model["id"]] > 1 else model for model in models]
    if twice := next((one for one, number in Counter(model["id"] for model in named).items() if number > 1), None):
        raise OrganizerError(f"{twice}: two sources are this model; give each once")
    return named


def _model(args: argparse.Namespace) -> dict[str, Any]:
    """One model of suite.yaml; `args.source` is its folder or repository."""
    on_hub = args.revision or args.checkpoint or args.iterations
    revisions: dict[int, str] | None = None
    if on_hub and _is_listed(args.revision):
        from e2lm.suites.hub import revision_names  # imported here: it takes half a second

        source, checkpoint = args.source, "step{iteration}"
        revisions = _matching(revision_names(source), args.revision, args.source, args.iterations)
        iterations = sorted(revisions)
    elif on_hub:
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
    architecture = UNKNOWN if on_hub else _architecture(source, checkpoint.format(iteration=iterations[0]))
    model = {"id": name, "size": size_in(name), "architecture": architecture, "mixture": UNKNOWN, "source": source}
    model |= {
        "checkpoint": checkpoint,
        **({"revision": args.revision} if args.revision and revisions is None else {}),
        **({"revisions": {iteration: revisions[iteration] for iteration in iterations}} if revisions else {}),
        "iterations": iterations,
    }
    return model


def _architecture(source: str, checkpoint: str) -> str:
    """The type, layers and width that a checkpoint's config.json states, such as "llama, 24 layers of 1024"."""
    try:
        config = json.loads((checkpoints_root() / source / checkpoint / "config.json").read_text(encoding="utf-8"))
        kind, layers, width = (config[key] for key in ("model_type", "num_hidden_layers", "hidden_size"))
    except (OSError, ValueError, KeyError, TypeError):
        return UNKNOWN
    return f"{kind}, {layers} layers of {width}"


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Write both files and print their paths; existing files with the same content are left alone."""
    texts = {folder / name: text for name, text in files.items()}
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
    """The iterations of numbers and ranges such as 1,2,4,1000:143000:1000, without 0, the untrained model."""
    iterations: set[int] = set()
    for part in (text or "").split(","):
        found = re.fullmatch(r"(\d+)(?::(\d+):(\d+))?", part.strip())
        if found is None or found[3] == "0":
            raise OrganizerError(
                "--iterations: give START:STOP:STEP, both ends included, or numbers, with commas between several, such "
                "as 1000:16000:1000 or 1,2,4,8,16:512:16"
            )
        start = int(found[1])
        iterations |= {start} if found[2] is None else set(range(start, int(found[2]) + 1, int(found[3])))
    if 0 in iterations:
        print("left out: iteration 0, the untrained model")
    return sorted(iterations - {0})


def _is_listed(revision: str | None) -> bool:
    """Whether names of revisions hold more than the iteration, so that they must be listed."""
    return revision is not None and "{iteration" in revision and ("{tokens" in revision or "*" in revision)


def _matching(names: Sequence[str], pattern: str, repository: str, wanted: str | None) -> dict[int, str]:
    """The revision of each iteration, of the names that a pattern such as stage1-step{iteration}-tokens{tokens}B fits.

    `wanted` are those of --iterations. Raises OrganizerError where none fits, or one iteration has two revisions.
    """
    parts = re.split(r"(\{iteration[^}]*\}|\{tokens[^}]*\}|\*)", pattern)
    form = "".join(_form(part) for part in parts)
    kept = None if wanted is None else set(_range(wanted))
    found: dict[int, str] = {}
    for name in names:
        if (fit := re.fullmatch(form, name)) is None or not int(fit["iteration"]):
            continue
        iteration = int(fit["iteration"])
        if kept is not None and iteration not in kept:
            continue
        if iteration in found:
            raise OrganizerError(
                f"--revision: {found[iteration]} and {name} of {repository} are both iteration {iteration}; write more "
                "of the name"
            )
        found[iteration] = name
    if not found:
        some = ", ".join(names[:5])
        raise OrganizerError(f"--revision: no revision of {repository} is named so; there are {some}")
    return found


def _form(part: str) -> str:
    if part.startswith("{iteration"):
        return r"(?P<iteration>\d+)"
    if part.startswith("{tokens"):
        return r"[\d.]+"
    return ".*" if part == "*" else re.escape(part)


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
    """The pattern of names such as step-1000 or iter_0002000, and their numbers in order, without 0.

    Names without a number, such as `final`, are left out.
    """
    parts = {name: found for name in sorted(names) if (found := FOLDER.fullmatch(name))}
    if without := sorted(set(names) - parts.keys()):
        print(f"left out, without a number: {', '.join(without)}")
    shapes = Counter((one["before"], one["after"]) for one in parts.values())
    if len(shapes) != 1:
        odd = [name for name, one in parts.items() if (one["before"], one["after"]) != shapes.most_common(1)[0][0]]
        named = f" ({', '.join(odd[:3])} beside the others)" if odd else ""
        raise OrganizerError(
            f"{folder}: its folders with a config.json are not named alike{named}, such as step-1000, step-2000"
        )
    numbers = {name: one["number"] for name, one in parts.items()}
    widths = {len(number) for number in numbers.values() if number.startswith("0")}
    width = max(widths, default=0)
    for name, number in numbers.items():
        if f"{int(number):0{width}d}" != number:
            raise OrganizerError(f"{folder}: {name} is padded otherwise than the others; rename it")
    ((before, after),) = shapes
    pattern = f"{{iteration:0{width}d}}" if width else "{iteration}"
    return f"{before}{pattern}{after}", sorted(int(number) for number in numbers.values() if int(number))
