"""One tiny model on all shapes, through lm-evaluation-harness and through the ingestion program.

usage: python -m tests.contract.parity.both     prints the table of docs/parity.md
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoTokenizer

from e2lm.suites.fetch import fetch
from e2lm.suites.registry import SUITES
from e2lm_ingestion.engines import Engine, make_engine
from e2lm_ingestion.metrics.builtin import choice_columns
from e2lm_ingestion.output_types.choices import ChoiceItemSet, ChoiceRequests
from e2lm_ingestion.output_types.generate_until import GenerationItemSet, filtered, text_scores
from e2lm_ingestion.output_types.group import GroupItemSet, GroupRequests
from e2lm_ingestion.output_types.item_sets import item_set_of
from e2lm_ingestion.results.folder import mean_score
from e2lm_ingestion.submission.submission import Submission, open_submission
from e2lm_ingestion.suite import Checkpoint, checkpoints_of, checkpoints_root, load_suite
from tests.contract.parity.shapes import SHAPES, Shape

CONTEXT_LENGTH = 512
ITERATION = 40_000  # accuracies away from 0 and 1
PEER = Path(__file__).with_name("peer.py")
PEERS = range(2)
Found = dict[str, Any]  # "asked": (tokens, how many are scored), "prompts": tokens, "metrics": name,filter -> score


def early_checkpoint() -> Checkpoint:
    """A model in the middle of training, whose accuracies are neither 0 nor 1."""
    fetch("miniature")
    every = checkpoints_of(load_suite(SUITES["miniature"].suite), checkpoints_root())
    return next(one for one in every if (one.model, one.iteration) == ("mini-150k-arch1", ITERATION))


def run_theirs(checkpoint: Checkpoint, root: Path) -> dict[str, Found]:
    """Requests and scores of lm-evaluation-harness by the name of the shape.

    Two processes share the shapes: the harness computes one request at a time, with one thread.
    """
    with ThreadPoolExecutor(len(PEERS)) as peers:
        halves = peers.map(
            partial(_run_peer, checkpoint, root), PEERS, (SHAPES[number :: len(PEERS)] for number in PEERS)
        )
        return {name: found for half in halves for name, found in half.items()}


def _run_peer(checkpoint: Checkpoint, root: Path, number: int, shapes: Sequence[Shape]) -> dict[str, Found]:
    arguments = [str(part) for s in shapes for part in (s.write(root / s.name, for_lm_eval=True), s.name)]
    settings = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    settings["HF_DATASETS_CACHE"] = str(root / f"cache-{number}")
    settings["OMP_NUM_THREADS"] = "1"  # threads would wait for each other longer than they work on so small a model
    out = root / f"found-{number}.json"
    done = subprocess.run(
        [sys.executable, PEER, checkpoint.path, str(CONTEXT_LENGTH), out, *arguments],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Found] = json.loads(out.read_text())
    return found


def run_ours(shape: Shape, engine: Engine, checkpoint: Checkpoint, root: Path) -> Found:
    """Requests and scores of the ingestion program; the engine has loaded the checkpoint."""
    with open_submission(shape.write(root / shape.name, for_lm_eval=False)) as submission:
        return _run(submission, engine, AutoTokenizer.from_pretrained(checkpoint.path))


def _run(submission: Submission, engine: Engine, tokenizer: Any) -> Found:  # noqa: ANN401 (any tokenizer)
    item_set = item_set_of(submission)
    encoded = item_set.encode(tokenizer, CONTEXT_LENGTH)
    answers: Any = item_set.score(engine, encoded)
    grouped = isinstance(item_set, GroupItemSet)
    parts: list[tuple[Any, Any]] = [(item_set, answers)]
    if isinstance(item_set, GroupItemSet):
        parts = list(zip(item_set.parts, answers.parts, strict=True))
    found: Found = {"asked": [], "prompts": [], "metrics": {}}
    scores: dict[str, list[np.ndarray]] = {}
    if isinstance(encoded, ChoiceRequests | GroupRequests):
        requests = encoded.requests
        for i in range(len(requests)):
            sequence = requests.sequence(i).tolist()
            found["asked"].append((sequence, len(sequence) - int(requests.context_lengths[i])))
    else:
        found["prompts"] = [prompt for own in (encoded if grouped else [encoded]) for prompt in own.tokens]
    for part, said in parts:
        if isinstance(part, GenerationItemSet):
            for name, values in _text_metrics(part, said).items():
                scores.setdefault(name, []).append(values)
        else:
            assert isinstance(part, ChoiceItemSet)
            columns = choice_columns(part.item_arrays(), part.arrays(said))
            for metric in part.task.metric_list:
                values = metric.formula(part.task.output_type).item_scores(columns)
                scores.setdefault(f"{metric.metric},none", []).append(values)
    sizes = [count for _, count in item_set.subsets]
    for name, arrays in scores.items():
        found["metrics"][name] = mean_score(np.concatenate(arrays), sizes, submission.weight_by_size)
    return found


def _text_metrics(part: GenerationItemSet, answers: Any) -> dict[str, np.ndarray]:  # noqa: ANN401 (Texts)
    references = [item.choices for item in part.items]
    options = [item.options for item in part.items]
    return {
        f"{metric.metric},{chain.name}": text_scores(filtered(answers.texts, chain.filter, options), references, metric)
        for metric in part.task.metric_list
        for chain in part.task.filter_list
    }


def loaded_engine(checkpoint: Checkpoint) -> Engine:
    """Our engine, with the checkpoint's weights in single precision, as theirs."""
    engine = make_engine("transformers", "float32", CONTEXT_LENGTH)
    engine.load(checkpoint)
    return engine


def main() -> None:
    """Print a row for each shape."""
    checkpoint = early_checkpoint()
    print("| task | output type | feature | requests | metric | lm-evaluation-harness | e2lm | difference |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        theirs = run_theirs(checkpoint, Path(folder) / "theirs")
        engine = loaded_engine(checkpoint)
        for shape in SHAPES:
            found, peer = run_ours(shape, engine, checkpoint, Path(folder) / "ours"), theirs[shape.name]
            kind = shape.task.get("output_type", "multiple_choice")
            first = f"| {shape.name} | {kind} | {shape.shows} | {len(peer['asked']) + len(peer['prompts'])} |"
            for name, score in found["metrics"].items():
                metric, chain = name.split(",")
                expected = peer["metrics"][f"{shape.metrics.get(metric, metric)},{chain}"]
                shown = metric if chain == "none" else f"{metric}, {chain}"
                print(f"{first} {shown} | {expected:.6f} | {score:.6f} | {abs(score - expected):.0e} |")
                first = "| | | | |"


if __name__ == "__main__":
    main()
