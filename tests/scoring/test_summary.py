"""summary.json, which a leaderboard reads in place of results."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from e2lm_scoring.errors import OrganizerError
from e2lm_scoring.inputs.configuration import load_configuration
from e2lm_scoring.inputs.results import read_results
from e2lm_scoring.output import score
from e2lm_scoring.scores import evaluate_results
from e2lm_scoring.summary import read_summary
from e2lm_scoring.uncertainty import probability_greater


def test_a_scoring_leaves_its_scores_intervals_and_draws(worker: Path) -> None:
    results, scoring = worker / "input/res", worker / "input/ref/scoring.yaml"
    score_report = score(results, scoring, worker / "output")
    summary = read_summary((worker / "output/summary.json").read_bytes(), "summary.json")
    configuration = load_configuration(scoring)
    drawn = evaluate_results(read_results(results, configuration), configuration)[1].scores
    assert summary.scores == score_report.scores
    assert (summary.suite, summary.suite_version, summary.items) == ("tiny", 2, 200)
    assert set(summary.draws) == {"score", "sq", "rc", "cs"}
    for key, draws in summary.draws.items():
        assert list(draws) == sorted(draws)
        np.testing.assert_allclose(draws, np.sort(drawn[key]), atol=1e-6)
        assert summary.intervals[key].low == score_report.intervals[key].low


def test_the_kept_draws_give_the_same_probability_as_a_new_bootstrap(worker: Path) -> None:
    results, scoring = worker / "input/res", worker / "input/ref/scoring.yaml"
    score(results, scoring, worker / "output")
    kept = np.asarray(read_summary((worker / "output/summary.json").read_bytes(), "").draws["score"])
    configuration = load_configuration(scoring)
    score_report, drawn = evaluate_results(read_results(results, configuration), configuration)
    value, other = score_report.scores["score"], np.linspace(0.5, 0.9, 100)
    fresh = probability_greater(value, drawn.scores["score"], 0.7, other)
    assert probability_greater(value, kept, 0.7, other) == pytest.approx(fresh, abs=1e-3)


def test_the_mean_early_curve_is_kept_and_nothing_later(worker: Path) -> None:
    results, scoring = worker / "input/res", worker / "input/ref/scoring.yaml"
    score_report = score(results, scoring, worker / "output")
    curve = read_summary((worker / "output/summary.json").read_bytes(), "").curve
    assert curve is not None
    signal = [part.model for part in score_report.signal]
    early = [one.scores[one.early.astype(bool)] for one in score_report.curves if one.model in signal]
    assert len(curve.tokens) == len(load_configuration(scoring).early.iterations)
    np.testing.assert_allclose(curve.scores, np.mean(early, axis=0), atol=6e-4)


def test_the_curve_of_a_withheld_model_is_not_kept(worker: Path) -> None:
    scoring = worker / "input/ref/scoring.yaml"
    configuration = yaml.safe_load(scoring.read_text())
    configuration["signal_models"] = [*configuration["signal_models"], configuration["alignment"]["web"]]
    scoring.write_text(yaml.safe_dump(configuration))
    score(worker / "input/res", scoring, worker / "output")
    assert read_summary((worker / "output/summary.json").read_bytes(), "").curve is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"schema": "e2lm-summary/2"}, "schema 'e2lm-summary/2'"),
        ({"scores": {"sq": float("nan")}}, "scores.sq"),
        ({"draws": {"sq": []}}, "no draw at all"),
        ({"curve": {"tokens": [1.0], "scores": []}}, "tokens and scores differ in number"),
        ({"draws": {"sq": [0.1], "rs": [0.1]}}, "rs has draws"),
    ],
)
def test_another_file_of_that_name_is_refused_in_one_line(
    worker: Path, change: dict[str, object], expected: str
) -> None:
    score(worker / "input/res", worker / "input/ref/scoring.yaml", worker / "output")
    good = json.loads((worker / "output/summary.json").read_text())
    with pytest.raises(OrganizerError, match=r"^run/summary\.json: .*; score the run again$") as error:
        read_summary(json.dumps(good | change).encode(), "run/summary.json")
    assert expected in str(error.value)
