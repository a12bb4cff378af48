"""The table of benchmarks: windows, groups, a suite's grid, chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from e2lm.signal import load_curves, signal_table
from e2lm.signal.rankings import rankings
from e2lm.signal.table import Choice, choose
from e2lm_ingestion.errors import OrganizerError
from e2lm_scoring.formulas.signal_quality import signal_quality

GT = 1e9


def frame(model: str, scores: np.ndarray, *, benchmark: str = "arc", start: int = 1, **more: object) -> pd.DataFrame:
    """A model's scores at 20, 40, ... billion tokens."""
    tokens = 20 * GT * np.arange(start, start + len(scores))
    steps = np.arange(start, start + len(scores)) * 4000
    return pd.DataFrame(
        {"model": model, "step": steps, "tokens": tokens, "benchmark": benchmark, "score": scores, **more}
    )


RISING = np.linspace(0.25, 0.5, 20)


def test_rows_come_best_first_and_those_without_signal_quality_last() -> None:
    noise = np.tile([0.25, 0.26], 10)
    curves = load_curves(frame("m", noise, benchmark="noise"), frame("m", RISING, benchmark="good"))
    few = frame("m", RISING[:7], benchmark="few")
    table = signal_table(pd.concat([curves, load_curves(few)]))
    assert table["benchmark"].tolist() == ["good", "noise", "few"]
    assert table["sq"].iloc[0] == pytest.approx(1.0)


def test_windows_are_of_tokens() -> None:
    curves = load_curves(frame("a", RISING), frame("b", RISING[::-1]))
    table = signal_table(curves, early=200 * GT, late=360 * GT)
    assert table["checkpoints"].tolist() == [10, 10]
    assert table["sq"].iloc[0] == signal_quality(RISING[:10]).sq
    assert table["decision_accuracy"].tolist() == [0.0, 0.0]  # b leads early, a leads late
    assert table["ranking_consistency"].iloc[0] == pytest.approx(0.0)
    assert table["last_score"].iloc[0] == pytest.approx(RISING[9])


def test_groups_are_ranked_early_and_late_each_for_itself() -> None:
    curves = load_curves(
        frame("org/a", RISING), frame("org/b", RISING - 0.1), frame("c", RISING[::-1]), frame("d", RISING)
    )
    chosen = choose(curves, Choice(early=200 * GT, groups={"1B": ("a", "b"), "3B": ("c", "d")}))
    orders = rankings(chosen.curves, chosen.groups).set_index("group")
    assert orders["early_order"].to_dict() == {"1B": "org/a > org/b", "3B": "c > d"}
    assert orders["late_order"].to_dict() == {"1B": "org/a > org/b", "3B": "d > c"}
    assert orders["decision_accuracy"].to_dict() == {"1B": 1.0, "3B": 0.0}


def test_a_suite_s_grid_gives_the_suite_s_signal_quality() -> None:
    models = ("tiiuae/dense-500m-arch1", "tiiuae/dense-1b-arch1", "/data/dense-3b-arch1")
    rng = np.random.default_rng(0)
    scores = {model: np.linspace(0.25, 0.4, 27) + rng.normal(0, 0.01, 27) for model in models}
    steps = np.arange(2000, 56000, 2000)
    sources = [pd.DataFrame({"model": m, "step": steps, "arc/acc": scores[m]}) for m in models]
    table = signal_table(load_curves(*sources), suite="e2lm-2025")
    grid = list(range(4000, 53000, 4000))
    expected = [signal_quality([scores[m][steps.tolist().index(step)] for step in grid]).sq for m in models]
    assert sorted(table["sq"]) == pytest.approx(sorted(expected))
    assert table["suite_sq"].tolist() == pytest.approx([np.mean(expected)] * 3)
    assert set(table["model"]) == {"dense-500m-arch1", "dense-1b-arch1", "dense-3b-arch1"}
    assert "scores at checkpoints that e2lm-2025 does not score are left out" in table.attrs["notes"][0]


def test_a_gap_in_a_suite_s_grid_gives_no_number() -> None:
    steps = [step for step in range(4000, 53000, 4000) if step != 12000]
    source = pd.DataFrame({"model": "dense-1b-arch1", "step": steps, "arc": np.linspace(0.2, 0.3, len(steps))})
    row = signal_table(load_curves(source), suite="e2lm-2025").iloc[0]
    assert row[["sq", "suite_sq"]].isna().all()
    assert row["note"] == "1 of the suite's 13 checkpoints missing: 12000"


def test_chance_says_when_a_curve_leaves_it() -> None:
    curves = load_curves(frame("m", RISING, stderr=0.02))
    row = signal_table(curves, chance=0.25).iloc[0]
    above = int(np.argmax(RISING - 0.25 > 1.645 * 0.02))
    assert row["leaves_chance_tokens"] == 20 * GT * (above + 1)
    assert row["non_randomness"] > 3
    later = signal_table(curves).iloc[0]  # the first score stands in, whose own error counts too
    assert later["leaves_chance_tokens"] > row["leaves_chance_tokens"]
    assert "chance is not known" in later["note"]
    assert signal_table(curves, chance={"arc": 0.25})["chance"].tolist() == [0.25]


def test_improvement_is_approximated_from_standard_errors() -> None:
    row = signal_table(load_curves(frame("m", RISING, stderr=0.02))).iloc[0]
    rise = RISING[-3:].mean() - RISING[:3].mean()
    assert row["improvement_z"] == pytest.approx(rise / (0.02 * 2**0.5))
    assert row["z_from"] == "standard errors"
    assert row["eligible"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"late": 1e12}, "--late needs --early"),
        ({"early": 2e11, "late": 1e11}, "is not after --early"),
        ({"early": 1e9}, "no checkpoint has so few tokens"),
        ({"early": 1e11, "suite": "e2lm-2025"}, "--suite has windows of its own"),
        ({"suite": "e2lm-2025"}, "not of e2lm-2025, whose models are dense-500m-arch1"),
        ({"suite": "none"}, "no suite is named 'none'"),
        ({"groups": {"1B": ("m", "x")}}, "--group 1B: no model is named 'x'; there are: m"),
        ({"groups": {"1B": ("m", "m")}}, "--group 1B: compares two or more models"),
        ({"chance": {"hellaswag": 0.25}}, "--chance hellaswag: no such benchmark"),
    ],
)
def test_what_does_not_fit_the_curves_is_refused(options: dict[str, object], message: str) -> None:
    curves = load_curves(frame("m", RISING))
    with pytest.raises(OrganizerError, match=message.replace("?", r"\?")):
        signal_table(curves, **options)  # type: ignore[arg-type]


def test_windows_need_tokens() -> None:
    curves = load_curves(frame("m", RISING).drop(columns="tokens"))
    with pytest.raises(OrganizerError, match="give --tokens-per-step"):
        signal_table(curves, early=2e11)
