"""Results are accepted only if every file is complete, in its location and has the digest in results.json."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from e2lm_scoring.errors import OrganizerError
from e2lm_scoring.inputs.configuration import load_configuration
from e2lm_scoring.inputs.results import Results, read_results
from e2lm_scoring.scores import evaluate

ITEMS = 200


def read(worker: Path) -> Results:
    return read_results(worker / "input/res", load_configuration(worker / "input/ref/scoring.yaml"))


def edit(worker: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = worker / "input/res/results.json"
    results = json.loads(path.read_text())
    change(results)
    path.write_text(json.dumps(results))


def replace_arrays(worker: Path, content: bytes) -> None:
    """Other arrays for the fourth checkpoint, with the digest that fits them."""
    (worker / "input/res/checkpoints/small-a/4.npz").write_bytes(content)
    edit(worker, lambda r: r["checkpoints"][3].update(sha256=hashlib.sha256(content).hexdigest()))


def npz(**arrays: Any) -> bytes:  # noqa: ANN401 (what a file may hold)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(ITEMS, np.float32))
    return buffer.getvalue()


ONE_NAN = np.where(np.arange(ITEMS) == 7, np.nan, 0.5).astype(np.float32)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "no readable item_scores"),
        (npy(), "no readable item_scores"),
        (npz(other=np.zeros(ITEMS)), "no readable item_scores"),
        (npz(item_scores=np.array([{}], dtype=object)), "no readable item_scores"),
        (npz(item_scores=np.array(["0.5"] * ITEMS)), "no readable item_scores"),
        (npz(item_scores=np.zeros((ITEMS, 1), np.float32)), r"shape \(200, 1\) for 200 items"),
        (npz(item_scores=ONE_NAN), r"item 7 \(counted from 0\) has no finite score"),
        (npz(item_scores=np.full(ITEMS, 0.5, np.float32)), "is not the score"),
    ],
    ids=["empty", "npy", "no item_scores", "pickled", "text", "another shape", "not finite", "another mean"],
)
def test_arrays_that_are_not_scores_are_refused_even_with_their_digest(
    worker: Path, content: bytes, expected: str
) -> None:
    replace_arrays(worker, content)
    with pytest.raises(OrganizerError, match=expected) as raised:
        read(worker)
    assert "small-a/4.npz" in str(raised.value)


def test_a_link_out_of_the_folder_is_refused(worker: Path) -> None:
    path = worker / "input/res/checkpoints/small-a/4.npz"
    path.rename(worker / "elsewhere.npz")
    path.symlink_to(worker / "elsewhere.npz")
    with pytest.raises(OrganizerError, match="outside the results folder"):
        read(worker)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda r: r["models"].pop(0), "small-a 0 times"),
        (lambda r: r["models"].append(r["models"][0]), "small-a 2 times"),
        (lambda r: r["checkpoints"][3].update(tokens=1), "small-a at iteration 4 has seen no more tokens"),
    ],
    ids=["model not listed", "model listed twice", "tokens fall"],
)
def test_a_head_at_odds_with_itself_is_refused(
    worker: Path, change: Callable[[dict[str, Any]], object], expected: str
) -> None:
    edit(worker, change)
    with pytest.raises(OrganizerError, match=expected):
        read(worker)


def test_checkpoints_outside_the_grid_are_ignored(worker: Path) -> None:
    extra = {
        "model": "small-a",
        "iteration": 99,
        "tokens": 99,
        "score": 0.5,
        "items": ITEMS,
        "arrays": "x",
        "sha256": "",
    }
    edit(worker, lambda r: r["checkpoints"].append(extra))
    assert ("small-a", 99) not in read(worker).item_scores


def test_curves_are_made_of_item_scores_not_of_the_stated_means(worker: Path) -> None:
    def nudge(results: dict[str, Any]) -> None:
        for row in results["checkpoints"]:
            row["score"] += 5e-7

    scoring = worker / "input/ref/scoring.yaml"
    before = evaluate(worker / "input/res", scoring)
    edit(worker, nudge)
    after = evaluate(worker / "input/res", scoring)
    assert np.array_equal(before.curves[0].scores, after.curves[0].scores)


def test_lower_is_better_turns_curves_and_chance_around(worker: Path) -> None:
    edit(worker, lambda r: r.update(higher_is_better=False))
    score_report = evaluate(worker / "input/res", worker / "input/ref/scoring.yaml")
    assert score_report.chance == -0.25
    assert (score_report.curves[0].scores < 0).all()
    assert score_report.scores["monotonicity"] == 0.0
    assert score_report.scores["improvement_z"] < -3
    assert not score_report.eligible


def test_subsets_that_weigh_the_same_make_the_score_of_their_means(worker: Path) -> None:
    subsets = [{"name": "easy", "items": 50}, {"name": "hard", "items": 150}]

    def weigh(results: dict[str, Any]) -> None:
        results |= {"subsets": subsets, "weight_by_size": False}
        for row in results["checkpoints"]:
            with np.load(worker / "input/res" / row["arrays"]) as arrays:
                row["score"] = float((arrays["item_scores"][:50].mean() + arrays["item_scores"][50:].mean()) / 2)

    plain = evaluate(worker / "input/res", worker / "input/ref/scoring.yaml")
    edit(worker, lambda r: r.update(subsets=subsets, weight_by_size=False))
    with pytest.raises(OrganizerError, match="is not the score"):
        read(worker)
    edit(worker, weigh)
    results = read(worker)
    score_report = evaluate(worker / "input/res", worker / "input/ref/scoring.yaml")
    for curve in score_report.curves:
        rows = [row for (model, _), row in results.rows.items() if model == curve.model]
        assert curve.scores.tolist() == pytest.approx([row.score for row in rows][: len(curve.scores)], abs=1e-6)
    assert score_report.scores["sq"] != plain.scores["sq"]
    assert [row.weight for row in score_report.subsets] == pytest.approx([0.5, 0.5])
    low, high = score_report.intervals["sq"].low, score_report.intervals["sq"].high
    assert low <= score_report.scores["sq"] <= high


def test_warnings_of_the_check_are_kept(worker: Path) -> None:
    edit(worker, lambda r: r.update(warnings=[{"kind": "duplicate_items", "message": "2 items repeat", "items": [3]}]))
    assert evaluate(worker / "input/res", worker / "input/ref/scoring.yaml").warnings == ("2 items repeat",)
    edit(worker, lambda r: r.update(warnings=[{"kind": "x", "message": "x" * 2000}]))
    with pytest.raises(OrganizerError, match=r"warnings\.0\.message"):
        read(worker)


def test_subsets_are_drawn_and_listed_apart(worker: Path) -> None:
    edit(worker, lambda r: r.update(subsets=[{"name": "easy", "items": 50}, {"name": "hard", "items": 150}]))
    score_report = evaluate(worker / "input/res", worker / "input/ref/scoring.yaml")
    assert score_report.table is not None
    assert score_report.table.subset.tolist() == ["easy"] * 50 + ["hard"] * 150
    assert [(row.name, row.items) for row in score_report.subsets] == [("easy", 50), ("hard", 150)]
    edit(worker, lambda r: r["subsets"].pop())
    with pytest.raises(OrganizerError, match="subsets count 50 items, submission 200"):
        read(worker)


def test_both_references_of_ranking_consistency_are_reported(worker: Path) -> None:
    path = worker / "input/ref/scoring.yaml"
    each = evaluate(worker / "input/res", path)
    path.write_text(path.read_text() + "ranking_reference: final\n")
    final = evaluate(worker / "input/res", path)
    assert (each.ranking_reference, final.ranking_reference) == ("each", "final")
    assert each.scores["rc"] == each.scores["rc_each"] == final.scores["rc_each"]
    assert final.scores["rc"] == final.scores["rc_final"] == each.scores["rc_final"]


def test_every_interval_holds_its_score_and_every_curve_has_a_band(worker: Path) -> None:
    score_report = evaluate(worker / "input/res", worker / "input/ref/scoring.yaml")
    assert set(score_report.intervals) == {"score", "sq", "rc", "cs"}
    for key, found in score_report.intervals.items():
        assert found.low <= score_report.scores[key] <= found.high
    for curve in score_report.curves:
        assert curve.low is not None
        assert curve.high is not None
        assert (curve.low <= curve.scores).all()
        assert (curve.scores <= curve.high).all()


def write_items(worker: Path, content: bytes) -> None:
    (worker / "input/res/items.npz").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    edit(worker, lambda r: r.update(items={"arrays": "items.npz", "sha256": digest}))


def test_items_of_a_cluster_are_resampled_together(worker: Path) -> None:
    alone = evaluate(worker / "input/res", worker / "input/ref/scoring.yaml")
    write_items(worker, npz(clusters=np.arange(ITEMS) // 10, gold=np.zeros(3)))
    assert read(worker).clusters is not None
    together = evaluate(worker / "input/res", worker / "input/ref/scoring.yaml")
    assert (alone.clusters, together.clusters) == (ITEMS, ITEMS // 10)
    assert together.scores["score"] == alone.scores["score"]
    assert together.scores["contrast_z"] != alone.scores["contrast_z"]


def test_the_gate_asks_the_items_that_cannot_be_guessed_again(worker: Path) -> None:
    write_items(worker, npz(unguessed=np.ones(ITEMS, bool)))
    whole = evaluate(worker / "input/res", worker / "input/ref/scoring.yaml")
    assert "unguessed_z" not in whole.scores
    write_items(worker, npz(unguessed=np.arange(ITEMS) % 4 == 0))
    quarter = evaluate(worker / "input/res", worker / "input/ref/scoring.yaml")
    assert 0 < quarter.scores["unguessed_z"] < quarter.scores["contrast_z"] == whole.scores["contrast_z"]
    write_items(worker, npz(unguessed=np.arange(ITEMS) == 0))
    hardly = evaluate(worker / "input/res", worker / "input/ref/scoring.yaml")
    assert hardly.scores["unguessed_z"] == 0
    assert "the items whose answer cannot be guessed from the choices alone (1)" in hardly.reasons[0]


def test_results_of_an_earlier_version_have_no_clusters_and_no_guesses(worker: Path) -> None:
    write_items(worker, npz(gold=np.zeros(3)))
    results = read(worker)
    assert (results.clusters, results.unguessed) == (None, None)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "missing or unreadable"),
        (npz(clusters=np.zeros(3, int)), "clusters of shape"),
        (npz(clusters=np.zeros(ITEMS)), "clusters of shape"),
        (npz(unguessed=np.zeros(3, bool)), "unguessed of shape"),
        (npz(unguessed=np.zeros(ITEMS)), "unguessed of shape"),
    ],
)
def test_damaged_properties_of_items_are_refused(worker: Path, content: bytes, expected: str) -> None:
    write_items(worker, content)
    with pytest.raises(OrganizerError, match=expected):
        read(worker)


def test_a_checkpoint_without_a_contrast_leaves_the_task_without_one(worker: Path) -> None:
    content = (worker / "input/res/checkpoints/small-a/4.npz").read_bytes()
    with np.load(io.BytesIO(content)) as arrays:
        replace_arrays(worker, npz(item_scores=arrays["item_scores"]))
    report = evaluate(worker / "input/res", worker / "input/ref/scoring.yaml")
    assert "no contrast: not ranked" in report.reasons[0]
    assert "contrast_z" not in report.scores


def test_a_contrast_that_is_not_finite_is_refused(worker: Path) -> None:
    content = (worker / "input/res/checkpoints/small-a/4.npz").read_bytes()
    with np.load(io.BytesIO(content)) as arrays:
        replace_arrays(worker, npz(item_scores=arrays["item_scores"], contrast_scores=ONE_NAN))
    with pytest.raises(OrganizerError, match="contrast_scores: item 7"):
        read(worker)
