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
from e2lm.suites.checkpoint_names import Series, in_folders, in_range, in_revisions, names_iterations
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
      --iterations 10000:200000:10000
next: e2lm run my-task --suite mine/suite.yaml"""


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
        metavar="N",
        help="training tokens of an optimizer step: batch x length (default: what the names of the checkpoints state)",
    )
    parser.add_argument(
        "--revision",
        metavar="R",
        help='Hub: the revision of a checkpoint, such as "step{iteration}" or '
        '"stage1-step{iteration}-tokens{tokens}B", where * stands for any text; those of the repository are listed',
    )
    parser.add_argument(
        "--checkpoint", metavar="C", help='Hub: the folder of a checkpoint, such as "iter_{iteration:07d}"'
    )
    parser.add_argument(
        "--iterations",
        metavar="START:STOP:STEP",
        help="Hub: the iterations, both ends included, such as 1000:16000:1000; several, or numbers, with commas "
        "(default: those of all revisions)",
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
    described = [_model(args, source) for source in dict.fromkeys(args.source)]
    models = _with_distinct_ids([model for model, _ in described])
    args.tokens_per_step = _tokens_per_step(args, [stated for _, stated in described])
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
    text = yaml.safe_dump(suite, sort_keys=False, default_flow_style=None, width=120)
    _write(args.output, {"suite.yaml": text, "scoring.yaml": scoring_yaml(scoring)})
    _say(scoring, args.tokens_per_step)
    budget = " --disk-budget 50" if _on_hub(args) else ""
    print(f"next:   e2lm run SUBMISSION --suite {args.output / 'suite.yaml'}{budget}")


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


def _model(args: argparse.Namespace, given: str) -> tuple[dict[str, Any], int | None]:
    """One model of suite.yaml, and the tokens of a step as far as names state them; `given` is its source."""
    stated, architecture = None, UNKNOWN
    if not _on_hub(args):
        source, series = _in_folder(given)
        names, stated = series.names, series.tokens_per_step
        keys: dict[str, Any] = {"checkpoint": series.pattern} if series.pattern else {"checkpoints": dict(names)}
        architecture = _architecture(source, next(iter(names.values()), ""))
    elif args.revision and (args.iterations is None or "{tokens" in args.revision or "*" in args.revision):
        source, series = given, _listed(args, given)
        names, stated = series.names, series.tokens_per_step
        keys = {"checkpoint": "step{iteration}"}
        keys |= {"revision": series.pattern} if series.pattern else {"revisions": dict(names)}
    else:
        source, names = given, dict.fromkeys(in_range(args.iterations), "")
        keys = {"checkpoint": args.checkpoint or args.revision}
        if not names_iterations(keys["checkpoint"] or ""):
            raise OrganizerError('--revision or --checkpoint: give a text such as "step{iteration}"')
        keys |= {"revision": args.revision} if args.revision else {}
    if len(names) < LEAST:
        raise OrganizerError(f"{given}: {len(names)} checkpoints; signal quality needs {LEAST} or more")
    name = re.sub(r"[^A-Za-z0-9._-]", "-", given.rstrip("/").rsplit("/", 1)[-1])
    model = {"id": name, "size": size_in(name), "architecture": architecture, "mixture": UNKNOWN, "source": source}
    return model | keys | {"iterations": list(names)}, stated


def _on_hub(args: argparse.Namespace) -> bool:
    return bool(args.revision or args.checkpoint or args.iterations)


def _listed(args: argparse.Namespace, repository: str) -> Series:
    """The checkpoints among the revisions of a repository."""
    from e2lm.suites.hub import revision_names  # imported here: it takes half a second

    if "{iteration" not in args.revision:
        raise OrganizerError('--revision: give a text such as "step{iteration}", so that each checkpoint is one')
    return in_revisions(revision_names(repository), args.revision, repository, args.iterations)


def _tokens_per_step(args: argparse.Namespace, stated: Sequence[int | None]) -> int:
    """What --tokens-per-step gives, else what the names of all models state. Raises OrganizerError without either."""
    if args.tokens_per_step is not None:
        return int(args.tokens_per_step)
    found = {*stated}
    if len(found) != 1 or None in found:
        counts = ", ".join(f"{count:,}" for count in sorted(found - {None}, key=lambda count: count or 0))
        read = f"; the names of the models state {counts}" if counts else ""
        raise OrganizerError(
            "--tokens-per-step: give the training tokens of an optimizer step, batch x length; it is read in names "
            f'only where they have {{tokens}}, as in "step{{iteration}}-tokens{{tokens}}B"{read}'
        )
    (tokens,) = (count for count in found if count is not None)
    print(f"tokens: {tokens:,} a step, as the names of the checkpoints state")
    return tokens


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


def _in_folder(given: str) -> tuple[str, Series]:
    """The source, and the checkpoints in its folder."""
    root = checkpoints_root().resolve()
    folder = (Path(given) if Path(given).is_dir() else root / given).resolve()
    if not folder.is_dir():
        raise OrganizerError(
            f"{given}: no such folder, here or under {root}; for the Hub, give --revision or --checkpoint too"
        )
    if root not in folder.parents:
        raise OrganizerError(f"{folder}: not under {root}; set E2LM_CHECKPOINTS to {folder.parent}")
    names = [path.parent.name for path in folder.glob("*/config.json")]
    return str(folder.relative_to(root)), in_folders(names, str(folder))
