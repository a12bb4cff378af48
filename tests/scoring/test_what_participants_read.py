"""On a platform, what participants read tells no more of models held back than the digits of the leaderboard."""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from e2lm_scoring.columns import BY_KEY
from e2lm_scoring.report.reveal import SIGNIFICANT
from e2lm_scoring.summary import read_summary
from tests.scoring.test_scoring_program import run_here
from tests.scoring.tiny_results import EARLY, SCORING, seal_results

READ = ("scores.json", "summary.json", "detailed_results.html", "items.parquet")


def reveal(worker: Path, whom: str) -> None:
    (worker / "input/ref/scoring.yaml").write_text(yaml.safe_dump({**SCORING, "reveal": whom}))


def outputs(worker: Path) -> dict[str, bytes]:
    assert run_here(worker) == (0, "")
    return {name: (worker / "output" / name).read_bytes() for name in READ}


def change_answers(worker: Path, model: str, by: float, items: slice = slice(0, 1)) -> None:
    """Add to item scores of a model at every early checkpoint, and seal the results again."""
    results = json.loads((worker / "input/res/results.json").read_text())
    for row in results["checkpoints"]:
        if row["model"] != model or row["iteration"] not in EARLY:
            continue
        path = worker / "input/res" / row["arrays"]
        with np.load(path) as stored:
            arrays = dict(stored)
        arrays["item_scores"][items] += np.float32(by)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        path.write_bytes(buffer.getvalue())
        row["score"] = float(np.mean(arrays["item_scores"], dtype=np.float64))
        row["sha256"] = hashlib.sha256(buffer.getvalue()).hexdigest()
    (worker / "input/res/results.json").write_text(json.dumps(results))
    seal_results(worker / "input/res")


def test_an_answer_of_small_weight_changes_nothing_that_participants_read(worker: Path) -> None:
    """Weights such as 16 ** -j would otherwise spell the web-only model's answers to many items in one score."""
    reveal(worker, "participant")
    before = outputs(worker)
    change_answers(worker, "small-a-web", 16.0**-3)
    assert outputs(worker) == before


def test_organizers_have_all_digits(worker: Path) -> None:
    before = outputs(worker)
    change_answers(worker, "small-a-web", 16.0**-3)
    after = outputs(worker)
    assert after["scores.json"] != before["scores.json"]
    assert after["summary.json"] != before["summary.json"]


def test_scores_and_intervals_have_the_digits_of_the_leaderboard(worker: Path) -> None:
    reveal(worker, "participant")
    content = outputs(worker)
    scores = json.loads(content["scores.json"])
    for key, value in scores.items():
        assert value == round(value, BY_KEY[key].precision) == float(f"{value:.{SIGNIFICANT}g}"), key
    summary = read_summary(content["summary.json"], "summary.json")
    assert summary.scores == scores
    for interval in summary.intervals.values():
        assert (interval.low, interval.high) == (round(interval.low, 3), round(interval.high, 3))
    for key, draws in summary.draws.items():
        assert np.mean(draws) == pytest.approx(round(float(np.mean(draws)), 4), abs=1e-6), key
        assert np.std(draws) == pytest.approx(round(float(np.std(draws)), 4), abs=1e-6), key


def test_a_ranking_on_rounded_draws_differs_little(worker: Path) -> None:
    full = read_summary(outputs(worker)["summary.json"], "summary.json")
    reveal(worker, "participant")
    short = read_summary(outputs(worker)["summary.json"], "summary.json")
    for key in ("score", "cs"):
        assert np.mean(short.draws[key]) == pytest.approx(np.mean(full.draws[key]), abs=1e-4)
        assert np.std(short.draws[key]) == pytest.approx(np.std(full.draws[key]), abs=1e-4)
        assert np.percentile(short.draws[key], 97.5) == pytest.approx(np.percentile(full.draws[key], 97.5), abs=0.01)


@pytest.mark.parametrize("by", [float("nan"), float("inf")])
def test_a_score_that_overflows_on_some_answers_is_no_oracle(worker: Path, by: float) -> None:
    """The message, the page and the log name no model, checkpoint, item or value; organizers read them."""
    change_answers(worker, "small-a-web", by, slice(0, None))
    _, told = run_here(worker)
    reveal(worker, "participant")
    code, printed = run_here(worker)
    assert told != printed
    page = (worker / "output/detailed_results.html").read_text()
    assert re.fullmatch(r"error: (these results cannot|the submission failed for).*\n", printed)
    for secret in ("small-a", "iteration", "nan", "inf", "web", "npz"):
        assert secret not in printed.lower()
    assert "small-a" not in page
    assert (code == 0) == (worker / "output/scores.json").exists()


def test_a_damaged_checkpoint_is_not_named_to_participants(worker: Path) -> None:
    reveal(worker, "participant")
    path = worker / "input/res/checkpoints/small-b/4.npz"
    path.write_bytes(path.read_bytes()[:-30])
    code, printed = run_here(worker)
    assert code == 2
    assert "small-b" not in printed + (worker / "output/detailed_results.html").read_text()


def test_a_submission_that_failed_after_models_were_asked_counts_with_the_lowest_scores(worker: Path) -> None:
    """The platform counts no failed submission: failing would be a free question to models held back."""
    results = worker / "input/res"
    (results / "results.json").write_text(json.dumps({"schema": "e2lm-unscored/1", "submission": {"sha256": "0" * 64}}))
    code, _ = run_here(worker)
    assert code == 2, "without a seal anyone could say so"
    seal_results(results)
    code, printed = run_here(worker)
    assert code == 0
    assert "the submission failed for what models answered: it counts" in printed
    scores = json.loads((worker / "output/scores.json").read_text())
    assert {"score", "sq", "rc", "cs", "eligible"} <= scores.keys()
    assert set(scores.values()) == {0.0}
    assert "This run could not be scored" in (worker / "output/detailed_results.html").read_text()
