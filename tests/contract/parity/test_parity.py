"""The same folder through lm-evaluation-harness and the ingestion program: the same requests, the same scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2lm_ingestion.suite import Checkpoint
from tests.contract.parity.both import Found, early_checkpoint, loaded_engine, run_ours, run_theirs
from tests.contract.parity.shapes import SHAPES, Shape

TOLERANCE = 1e-6
PARITY = Path(__file__).resolve().parents[3] / "docs/parity.md"


@pytest.fixture(scope="module")
def checkpoint(miniature: Path) -> Checkpoint:
    """A model that has learned something, but not all."""
    return early_checkpoint()


@pytest.fixture(scope="module")
def theirs(lm_eval: None, checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Found]:
    """What lm-evaluation-harness asked and found, by the name of the shape."""
    return run_theirs(checkpoint, tmp_path_factory.mktemp("peer"))


@pytest.fixture(scope="module")
def ours(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Shape], Found]:
    """Return a function from a shape to what the ingestion program asks and finds, computed once."""
    engine, root, found = loaded_engine(checkpoint), tmp_path_factory.mktemp("ours"), dict[str, Found]()

    def run(shape: Shape) -> Found:
        if shape.name not in found:
            found[shape.name] = run_ours(shape, engine, checkpoint, root)
        return found[shape.name]

    return run


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
