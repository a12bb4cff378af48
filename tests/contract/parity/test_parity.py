"""The same folder through lm-evaluation-harness and the ingestion program: the same requests, the same scores."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoTokenizer

from e2lm.catalog import SUITES
from e2lm.suite import fetch
from e2lm_ingestion.engines import Engine, make_engine
from e2lm_ingestion.evaluation import ChoiceEvaluation, GenerationEvaluation, GroupEvaluation, evaluation_of
from e2lm_ingestion.generation import filtered, text_scores
from e2lm_ingestion.item_metrics import choice_columns
from e2lm_ingestion.results import mean_score
from e2lm_ingestion.submission import Submission, open_submission
from e2lm_ingestion.suite import Checkpoint, checkpoints_of, checkpoints_root, load_suite
from tests.contract.parity.shapes import SHAPES, Shape

CONTEXT_LENGTH = 512
ITERATION = 12_000  # early: accuracies away from 0 and 1
TOLERANCE = 1e-6
PEER = Path(__file__).with_name("peer.py")
PARITY = Path(__file__).resolve().parents[3] / "docs/parity.md"
Found = dict[str, Any]


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    """A model that has learned something, but not all."""
    fetch("miniature")
    every = checkpoints_of(load_suite(SUITES["miniature"].suite), checkpoints_root())
    return next(one for one in every if (one.model, one.iteration) == ("mini-150k-arch1", ITERATION))


@pytest.fixture(scope="module")
def theirs(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Found]:
    """What lm-evaluation-harness asked and found, by the name of the shape."""
    if importlib.util.find_spec("lm_eval") is None and not os.environ.get("CI"):
        pytest.skip("NOT TESTED, agreement with lm-evaluation-harness: it is not installed (make .venv/.lm-eval)")
    root = tmp_path_factory.mktemp("peer")
    arguments = [str(part) for s in SHAPES for part in (s.write(root / s.name, for_lm_eval=True), s.name)]
    settings = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(root / "cache"), "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        [sys.executable, PEER, checkpoint.path, str(CONTEXT_LENGTH), root / "found.json", *arguments],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Found] = json.loads((root / "found.json").read_text())
    return found


@pytest.fixture(scope="module")
def engine(checkpoint: Checkpoint) -> Engine:
    """Our engine, with the same weights."""
    made = make_engine("transformers", "float32", CONTEXT_LENGTH)
    made.load(checkpoint)
    return made


@pytest.fixture(scope="module")
def ours(engine: Engine, checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Shape], Found]:
    """Return a function from a shape to what the ingestion program asks and finds, computed once."""
    root, found = tmp_path_factory.mktemp("ours"), dict[str, Found]()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint.path)

    def run(shape: Shape) -> Found:
        if shape.name not in found:
            with open_submission(shape.write(root / shape.name, for_lm_eval=False)) as submission:
                found[shape.name] = _run(submission, engine, tokenizer)
        return found[shape.name]

    return run


def _run(submission: Submission, engine: Engine, tokenizer: Any) -> Found:  # noqa: ANN401 (any tokenizer)
    evaluation = evaluation_of(submission)
    encoded = evaluation.encode(tokenizer, CONTEXT_LENGTH)
    answers: Any = evaluation.ask(engine, encoded)
    parts: list[tuple[Any, Any, Any]] = [(evaluation, encoded, answers)]
    if isinstance(evaluation, GroupEvaluation):
        parts = list(zip(evaluation.parts, encoded, answers.parts, strict=True))
    found: Found = {"asked": [], "prompts": [], "metrics": {}}
    scores: dict[str, list[np.ndarray]] = {}
    for part, own, said in parts:
        if isinstance(part, GenerationEvaluation):
            found["prompts"] += own.tokens
            for name, values in _text_metrics(part, said).items():
                scores.setdefault(name, []).append(values)
        else:
            assert isinstance(part, ChoiceEvaluation)
            requests = own.requests
            for i in range(len(requests)):
                sequence = requests.sequence(i).tolist()
                found["asked"].append((sequence, len(sequence) - int(requests.context_lengths[i])))
            columns = choice_columns(part.item_arrays(), part.arrays(said))
            for metric in part.task.metric_list:
                values = metric.measure(part.task.output_type).item_scores(columns)
                scores.setdefault(f"{metric.metric},none", []).append(values)
    sizes = [count for _, count in evaluation.subsets]
    for name, arrays in scores.items():
        found["metrics"][name] = mean_score(np.concatenate(arrays), sizes, submission.weight_by_size)
    return found


def _text_metrics(part: GenerationEvaluation, answers: Any) -> dict[str, np.ndarray]:  # noqa: ANN401 (Texts)
    references = [item.choices for item in part.items]
    options = [item.options for item in part.items]
    return {
        f"{metric.metric},{chain.name}": text_scores(filtered(answers.texts, chain.filter, options), references, metric)
        for metric in part.task.metric_list
        for chain in part.task.filter_list
    }


def counted(requests: list[Any]) -> Counter[Any]:
    return Counter((tuple(tokens), length) for tokens, length in requests)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_the_requests_are_the_same_token_for_token(
    shape: Shape, theirs: dict[str, Found], ours: Callable[[Shape], Found]
) -> None:
    own, peer = counted(ours(shape)["asked"]), counted(theirs[shape.name]["asked"])
    if any(metric["metric"] == "acc_mutual_info" for metric in shape.task.get("metric_list", [])):
        own, peer = Counter(set(own)), Counter(set(peer))  # the harness asks the same unconditional text again
    missing, more = list((peer - own).items()), list((own - peer).items())
    assert not missing, f"{len(missing)} not asked, such as {missing[0]}"
    assert not more, f"{len(more)} asked in vain, such as {more[0]}"
    assert own or theirs[shape.name]["prompts"]
    assert sorted(ours(shape)["prompts"]) == sorted(theirs[shape.name]["prompts"])


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_the_scores_are_the_same(shape: Shape, theirs: dict[str, Found], ours: Callable[[Shape], Found]) -> None:
    peer = theirs[shape.name]["metrics"]
    for name, score in ours(shape)["metrics"].items():
        metric, chain = name.split(",")
        expected = peer[f"{shape.metrics.get(metric, metric)},{chain}"]
        assert score == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE), name
    assert len(peer) == len(ours(shape)["metrics"])


def test_scores_that_are_compared_are_not_all_the_same(theirs: dict[str, Found]) -> None:
    scores = [score for found in theirs.values() for score in found["metrics"].values()]
    assert len({score for score in scores if 0 < score < 1}) >= 15


def test_every_shape_is_in_the_table_of_the_documentation() -> None:
    text = PARITY.read_text()
    assert [shape.name for shape in SHAPES if f"| {shape.name} |" not in text] == []
