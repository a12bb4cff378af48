"""Each rule of advice on a score report that calls for it, and on one that does not."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from e2lm.submissions.checks.known_world import other_world
from e2lm.suites.registry import SUITES
from e2lm_ingestion.checks.questions import Question
from e2lm_ingestion.suite import load_suite
from e2lm_scoring.own_machine import MetricRow, OwnMachine, ShownItem, ShownItems
from e2lm_scoring.report import render
from e2lm_scoring.report.advice import (
    RULES,
    advise,
    another_metric,
    falls,
    flat_at_chance,
    fluency,
    leans_on_few,
    learned_late,
    never_right,
    tied_at_the_top,
    too_few_items,
    uneven_subsets,
)
from e2lm_scoring.report.references import REFERENCES
from e2lm_scoring.score_report import ScoreReport, SubsetFinding, SubsetRow
from tests.scoring.report.score_reports import good, item_table_of

BETTER = Path(__file__).parents[3] / "docs/better.md"
NOTHING = OwnMachine()


def with_scores(score_report: ScoreReport, **scores: float) -> ScoreReport:
    return replace(score_report, scores={**score_report.scores, **scores})


def with_early(score_report: ScoreReport, shape: Callable[[np.ndarray], np.ndarray]) -> ScoreReport:
    """Early curves of every model as a function of the share of the early window that has passed."""
    curves = []
    for curve in score_report.curves:
        scores = curve.scores.copy()
        scores[curve.early] = shape(np.linspace(0, 1, int(curve.early.sum())))
        curves.append(replace(curve, scores=scores, low=scores - 0.01, high=scores + 0.01))
    return replace(score_report, curves=tuple(curves))


def with_table(score_report: ScoreReport, **columns: np.ndarray) -> ScoreReport:
    table = item_table_of(200)
    return replace(score_report, table=replace(table, **columns))


def quiet() -> ScoreReport:
    """A task that no rule finds a fault with."""
    steady = with_early(good(), lambda share: 0.3 + 0.3 * share)
    return with_table(steady, rise=np.full(200, 0.3), kind=np.full(200, "rising"))


def row(metric: str, ranked: float, *, own: bool = False, share: float = 1.0, held_out: float = 0.9) -> MetricRow:
    return MetricRow(metric, (), own, ranked, ranked, held_out, 9.0, share, True)


def test_a_good_task_gets_no_advice_and_is_told_so() -> None:
    assert advise(quiet(), NOTHING) == []
    assert "No rule found a fault" in render(quiet())


def test_items_that_are_never_right_are_named_with_what_the_models_write() -> None:
    never = with_table(good(), kind=np.full(200, "floor"))
    item = ShownItem(0, "2 + 2 =", ("4",), (0,), (), (("x", "four."), ("y", "four."), ("z", "5")), (0.0, 0.0))
    shown = OwnMachine(items=ShownItems(("a", "b", "c"), (1.0, 2.0), (item,), 200))
    advice = never_right(never, shown)
    assert advice is not None
    assert "100% of the items" in advice.what
    assert "'four.', '5'" in advice.what
    without = never_right(never, NOTHING)
    assert without is not None
    assert "wrote" not in without.what
    assert never_right(quiet(), shown) is None


def test_a_task_of_which_no_item_is_ever_right_is_named_too() -> None:
    nothing = with_table(good(), kind=np.full(200, "constant"), mean=np.zeros(200))
    flat = with_early(nothing, lambda share: 0 * share)
    given = advise(replace(flat, chance=0.0), NOTHING)
    assert [one.rule for one in given][:1] == ["never-right"]
    assert "flat-at-chance" not in [one.rule for one in given]
    assert never_right(with_table(good(), kind=np.full(200, "constant"), mean=np.ones(200)), NOTHING) is None


def test_on_models_of_another_world_nothing_else_is_advised() -> None:
    suite = load_suite(SUITES["miniature"].suite)
    (finding,) = other_world([Question(0, "", "What is the symbol of sodium?", ("Na", "K"), (0,))], suite)
    given = advise(replace(good(), warnings=(finding.message,)), NOTHING)
    assert [one.rule for one in given] == ["other-world"]


def test_more_items_are_never_the_advice_for_a_falling_or_a_flat_curve() -> None:
    falling = with_scores(with_early(good(), lambda share: 0.5 - 0.2 * share), improvement_z=-4.0, contrast_z=-4.0)
    given = advise(falling, NOTHING)
    assert given[0].title == "The scores fall"
    assert "4.0 standard errors" in given[0].what
    assert not any("items of the same kind" in advice.do for advice in given)
    for z in (-9.0, -1.0, 0.0, 0.9):
        assert too_few_items(with_scores(good(), improvement_z=z, contrast_z=z), NOTHING) is None
    assert falls(quiet(), NOTHING) is None


@pytest.mark.parametrize(
    ("shape", "seen"),
    [
        (lambda share: np.full_like(share, 0.25), "over the whole early window"),
        (lambda share: np.where(share < 0.6, 0.25, 0.5), "8 of 14 early checkpoints"),
        (lambda share: 0.3 + 0.2 * share, None),
    ],
)
def test_a_start_at_chance_is_named_with_its_length(
    shape: Callable[[np.ndarray], np.ndarray], seen: str | None
) -> None:
    advice = flat_at_chance(with_early(good(), shape), NOTHING)
    assert (advice is None) == (seen is None)
    if advice is not None and seen is not None:
        assert seen in advice.what


def test_the_number_of_items_that_would_do_is_forecast() -> None:
    advice = too_few_items(with_scores(good(), contrast_z=1.5), NOTHING)
    assert advice is not None
    assert "about 4,800 items" in advice.do, "half the standard errors need four times the 1,200 items"
    many = too_few_items(replace(with_scores(good(), contrast_z=1.0), items=9000), NOTHING)
    assert many is not None
    assert "a submission may have 15,000" in many.do
    assert too_few_items(good(), NOTHING) is None


def test_a_rise_with_wrong_labels_is_named() -> None:
    advice = fluency(with_scores(good(), label_share=0.4), NOTHING)
    assert advice is not None
    assert "40%" in advice.what
    assert fluency(good(), NOTHING) is None


def test_a_late_rise_is_the_reason_for_a_low_alignment() -> None:
    late = with_scores(with_early(good(), lambda share: np.where(share < 0.8, 0.3, 0.6)), cs=0.1)
    assert learned_late(late, NOTHING) is not None
    assert learned_late(with_scores(late, cs=0.4), NOTHING) is None
    assert learned_late(with_early(with_scores(good(), cs=0.1), lambda share: 0.3 + 0.3 * share), NOTHING) is None


def test_late_models_that_tie_at_the_top_are_named() -> None:
    curves = [replace(curve, scores=np.where(curve.early, curve.scores, 0.99)) for curve in good().curves]
    advice = tied_at_the_top(replace(good(), curves=tuple(curves)), NOTHING)
    assert advice is not None
    assert "dense-500m-arch1 and dense-500m-arch2" in advice.what
    assert tied_at_the_top(good(), NOTHING) is None


def test_a_participant_is_not_told_of_late_ties() -> None:
    curves = [replace(curve, scores=np.where(curve.early, curve.scores, 0.99)) for curve in good().curves]
    page = render(replace(good("participant"), curves=tuple(curves)))
    assert "tie at the top" not in page
    assert "tie at the top" in render(replace(good("organizer"), curves=tuple(curves)))


def test_a_subset_that_hurts_or_carries_all_is_named() -> None:
    def subsets(*influences: float) -> ScoreReport:
        rows = [SubsetRow(f"part-{at}", 100, 0.5, 0.4, 0.1, 0.9, value) for at, value in enumerate(influences)]
        return replace(good(), subsets=tuple(rows))

    hurts, carries = uneven_subsets(subsets(0.05, -0.1), NOTHING), uneven_subsets(subsets(0.6, 0.0), NOTHING)
    assert hurts is not None
    assert carries is not None
    assert hurts.title == "The subset part-1 hurts"
    assert carries.title == "The subset part-0 carries the signal"
    assert uneven_subsets(subsets(0.01, 0.02), NOTHING) is None
    finding = SubsetFinding(("part-1",), 100, 0.5, 0.81, blocks=True)
    idle = uneven_subsets(replace(subsets(0.05, 0.6), subset_finding=finding), NOTHING)
    assert idle
    assert idle.title == "The subset part-1 measures nothing", "and no advice to ask more of the kind"
    assert uneven_subsets(good(), NOTHING) is None


def test_a_rise_that_a_tenth_of_the_items_carries_is_named() -> None:
    advice = leans_on_few(with_table(good(), rise=np.repeat([1.0, 0.0], [20, 180])), NOTHING)
    assert advice is not None
    assert "20 of 200 items make 100%" in advice.what
    assert leans_on_few(quiet(), NOTHING) is None


def test_a_metric_is_recommended_only_where_held_out_models_and_labels_agree() -> None:
    own = row("acc", 0.5, own=True)
    advice = another_metric(good(), OwnMachine((own, row("acc_norm", 0.6), row("correct_prob", 0.9, share=0.6))))
    assert advice is not None
    assert advice.title == "acc_norm scores higher"
    for other in (row("acc_norm", 0.51), row("acc_norm", 0.7, held_out=0.8), row("correct_prob", 0.9, share=0.6)):
        assert another_metric(good(), OwnMachine((own, other))) is None
    assert another_metric(good(), NOTHING) is None


def test_every_rule_has_its_section_in_the_page_on_better_scores() -> None:
    source = (BETTER.parents[1] / "scoring_program/e2lm_scoring/report/advice.py").read_text()
    named = set(re.findall(r'return Advice\(\s*"([a-z-]+)"', source))
    assert len(named) >= len(RULES)
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"(?m)^## (.+)", BETTER.read_text())
    }
    assert named <= anchors


@pytest.mark.parametrize("suite", list(REFERENCES))
def test_the_report_shows_what_good_looks_like_on_a_known_suite(suite: str) -> None:
    page = render(replace(good(), suite=suite))
    assert "What good looks like on this suite" in page
    assert all(one.task in page for one in REFERENCES[suite])


def test_a_platform_report_has_no_items_and_no_other_metrics() -> None:
    item = ShownItem(3, "the text of an item", ("yes", "no"), (0,), ((0, 1),) * 3, (), (0.0, 1.0))
    own_machine = OwnMachine((row("acc", 0.5, own=True), row("acc_norm", 0.6)), ShownItems(("a",), (1.0,), (item,), 9))
    page = render(good(), own_machine)
    assert "the text of an item" in page
    assert "The same answers under other metrics" in page
    platform = render(good())
    assert "items-shown" not in re.sub(r"<script>.*?</script>", "", platform, flags=re.DOTALL)
    assert "The same answers under other metrics" not in platform
