"""The content of the report file, and data that it must not contain."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from e2lm_scoring.errors import OrganizerError, SubmissionError
from e2lm_scoring.own_machine import MetricRow, OwnMachine
from e2lm_scoring.report import render, render_failure
from e2lm_scoring.report.reveal import redact
from e2lm_scoring.score_report import Curve, Generalization, ScoreReport, SubsetFinding
from tests.scoring.report.score_reports import WEB, good, ineligible, item_table_of, noisy, subset_rows_of


def with_other_held_values(score_report: ScoreReport) -> ScoreReport:
    """The same early science curves and scores, with all withheld data changed, its length too."""

    def changed(curve: Curve) -> Curve:
        if curve.model == WEB:
            return replace(
                curve, scores=0.9 * curve.scores - 3.0, low=curve.scores - 5.0, high=curve.scores + 5.0, wrong=None
            )
        keep = np.arange(len(curve.tokens)) < len(curve.tokens) - 5
        scores, tokens = np.where(curve.early, curve.scores, 8.5), np.where(curve.early, curve.tokens, 7 * curve.tokens)
        assert curve.low is not None
        assert curve.high is not None
        assert curve.wrong is not None
        wrong = np.where(curve.early, curve.wrong, 7.5)[keep]
        low, high = np.where(curve.early, curve.low, 8.0), np.where(curve.early, curve.high, 9.0)
        return replace(
            curve,
            tokens=tokens[keep],
            scores=scores[keep],
            early=curve.early[keep],
            low=low[keep],
            high=high[keep],
            wrong=wrong,
        )

    assert score_report.alignment is not None
    return replace(
        score_report,
        curves=tuple(changed(curve) for curve in score_report.curves),
        ranking=tuple(
            replace(group, tokens=3 * group.tokens[:9], agreement=1 - group.agreement[:9], rc=0.123)
            for group in score_report.ranking
        ),
        alignment=replace(
            score_report.alignment, science_normalized=np.full(14, 0.77), web_normalized=np.full(14, 0.11)
        ),
    )


@pytest.mark.parametrize("reveal", ["participant", "a mode nobody wrote"])
def test_a_participants_page_does_not_depend_on_what_is_held_back(reveal: str) -> None:
    score_report = good(reveal)
    assert render(score_report) == render(with_other_held_values(score_report))


def test_the_organizers_page_does_depend_on_it() -> None:
    assert render(good("organizer")) != render(with_other_held_values(good("organizer")))


@pytest.mark.slow
def test_a_participants_page_has_no_late_number_and_says_who_holds_it() -> None:
    # withheld scores are shifted to values that no position on the page equals
    score_report = good("organizer")

    def moved(curve: Curve, values: np.ndarray | None) -> np.ndarray:
        assert values is not None
        return np.where(curve.early & (curve.model != WEB), values, 4000 + values)

    curves = tuple(
        replace(
            curve,
            scores=moved(curve, curve.scores),
            low=moved(curve, curve.low),
            high=moved(curve, curve.high),
            wrong=moved(curve, curve.wrong),
        )
        for curve in score_report.curves
    )
    score_report = replace(score_report, curves=curves)
    held = {
        f"{value:.2f}"
        for curve in curves
        for values in (curve.scores, curve.low, curve.high)
        for value in (values if values is not None else ())
        if value > 4000
    }
    assert all(number in render(score_report) for number in held)
    page = render(replace(score_report, reveal="participant"))
    assert not [number for number in held if number in page]
    assert "held by the organizers" in page
    assert all(f"{score_report.scores[key]:.4f}" in page for key in ("score", "sq", "rc", "cs"))


def test_participants_text_is_text_in_the_page_and_in_its_data() -> None:
    attack = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\"'&"
    score_report = good()
    curves = tuple(replace(curve, model=curve.model + attack) for curve in score_report.curves)
    signal = tuple(replace(signal, model=signal.model + attack) for signal in score_report.signal)
    ranking = tuple(
        replace(group, models=tuple(model + attack for model in group.models)) for group in score_report.ranking
    )
    table = item_table_of(40, ("plain", attack))
    page = render(
        replace(
            score_report,
            task=attack,
            metric=attack,
            suite=attack,
            eligible=False,
            reasons=(attack,),
            curves=curves,
            signal=signal,
            ranking=ranking,
            scores={**score_report.scores, attack: 1.0},
            table=table,
            subsets=subset_rows_of(table),
            warnings=(attack,),
            provenance={attack: attack},
        )
    )
    assert "<img" not in page
    assert page.count("</script>") == render(score_report).count("</script>")
    assert page.count("<script>") == 1


def test_the_file_needs_nothing_from_anywhere_and_is_small() -> None:
    page = render(good())
    assert len(page.encode()) < 300_000
    assert not re.search(r"https?://|url\(|@import|localStorage|sessionStorage|document\.cookie", page)
    assert "default-src 'none'" in page


@pytest.mark.parametrize("score_report", [good(), noisy(), ineligible()], ids=["good", "noisy", "ineligible"])
def test_the_same_evaluation_gives_the_same_bytes(score_report: ScoreReport) -> None:
    assert render(score_report) == render(score_report)
    assert "nan" not in re.sub(r"[a-z-]*nan[a-z]+", "", render(score_report).lower())


def test_an_ineligible_submission_keeps_its_score_and_tells_every_reason() -> None:
    score_report = ineligible()
    page = render(score_report)
    assert "Not eligible." in page
    assert all(reason in page for reason in score_report.reasons)
    assert f"{score_report.scores['score']:.4f}" in page


@pytest.mark.parametrize("reveal", ["participant", "organizer"])
def test_a_suite_without_late_checkpoints_and_web_model_says_what_it_cannot_measure(reveal: str) -> None:
    score_report = good(reveal)
    science = tuple(curve for curve in score_report.curves if curve.model != WEB)
    scores = {key: value for key, value in score_report.scores.items() if key not in {"score", "rc", "cs", "tau_last"}}
    page = render(replace(score_report, curves=science, ranking=(), alignment=None, scores=scores))
    assert "there is no total score" in page
    assert "does not measure ranking consistency" in page
    assert "does not measure domain alignment" in page
    assert "held by the organizers" not in page
    assert f"{scores['sq']:.4f}" in page


def test_a_part_of_weight_0_that_is_not_measured_is_no_part_of_the_report() -> None:
    score_report = good("participant")
    science = tuple(curve for curve in score_report.curves if curve.model != WEB)
    scores = {key: value for key, value in score_report.scores.items() if key not in {"cs", "cs_gain"}}
    weights = {"signal_quality": 0.7, "ranking_consistency": 0.3, "domain_alignment": 0.0}
    page = render(replace(score_report, curves=science, alignment=None, scores=scores, weights=weights))
    assert "0.7 SQ + 0.3 RC; submissions are ranked by it." in page
    assert "Late checkpoints are held by the organizers" in page
    assert not re.search(r"no total|Domain alignment|web.only model|not measured", page)


def test_without_a_total_no_weights_are_drawn_and_the_ranking_is_by_signal_quality() -> None:
    score_report = good("organizer")
    scores = {key: value for key, value in score_report.scores.items() if key not in {"score", "rc", "cs"}}
    page = render(replace(score_report, ranking=(), alignment=None, scores=scores))
    assert "takes part in the ranking, which here is by signal quality." in page
    assert "runs over it are ranked by signal quality" in page
    assert 'class="stack"' not in page
    assert "nothing is ranked" not in page


def test_the_head_names_the_competition_where_there_is_one() -> None:
    assert '"eyebrow">Signals &amp; Noise · report on a submission' in render(good(), competition="Signals & Noise")
    assert '"eyebrow">report on a submission' in render(good())
    failure = render_failure(SubmissionError("x"), "Signals & Noise")
    assert '"eyebrow">Signals &amp; Noise · report on a submission' in failure


def test_a_lone_surrogate_in_a_name_can_still_be_written_to_a_file() -> None:
    assert "task ?" in render(replace(good(), task="task \ud800")).encode("utf-8").decode("utf-8")


def test_intervals_stand_with_the_verdict() -> None:
    score_report = good("participant")
    verdict = render(score_report).split('id="all-curves"')[0]
    for found in score_report.intervals.values():
        assert f"{found.low:.3f} to {found.high:.3f}" in verdict


def test_the_words_for_ranking_consistency_are_those_of_its_reference() -> None:
    assert "RC is the mean of all votes" in render(good())
    final = render(replace(good(), ranking_reference="final"))
    assert "RC is the mean of all votes" not in final
    assert "the last checkpoint then votes" in final
    assert "Only the last one counts" in final


def test_pruning_reports_both_gains_and_warns() -> None:
    page = render(good("participant"))
    assert all(number in page for number in ("0.9912", "0.9511", "0.9498", "overfits"))
    alone = replace(good(), pruning=replace(good().pruning, held_out=()))  # type: ignore[type-var]
    assert "no held-out models to check the gain on" in render(alone)


def test_items_of_signal_models_that_are_held_back_are_held_back_too() -> None:
    score_report = good("participant")
    signal = (replace(score_report.signal[0], model=WEB), *score_report.signal[1:])
    held = redact(replace(score_report, signal=signal))
    assert (held.table, held.pruning, held.subsets) == (None, None, ())
    assert redact(score_report).table is not None


def test_fifteen_thousand_items_fit_in_the_page() -> None:
    table = item_table_of(15_000, ("biology", "chemistry", "physics"))
    page = render(replace(good(), table=table, subsets=subset_rows_of(table)))
    assert len(page.encode()) < 3_000_000
    assert "Subsets" in page


def test_subsets_that_rise_under_any_labels_are_named_beside_the_contrast() -> None:
    finding = SubsetFinding(("random", "<b>"), 190, 0.5, 0.81, blocks=True)
    score_report = good("participant")
    page = render(replace(score_report, subset_finding=finding))
    (told,) = re.findall(r'<p class="held">The subsets .*?</p>', page)
    assert "random, &lt;b&gt;" in told
    assert "<b>50%</b> of the score's weight) rise whatever answer is marked as right" in told
    assert "an item of these that rises need not be one" in render(
        replace(score_report, subset_finding=finding, table=item_table_of(20, ("a", "random")))
    )
    assert "The subset" not in render(replace(score_report, subset_finding=SubsetFinding()))


def test_a_page_with_a_finding_that_withholds_a_prize_does_not_congratulate() -> None:
    told = "80% are right without the question"
    report = replace(good("participant"), warnings=(told, "short items"), blocking=(("guesser_choices_only", told),))
    page = render(report)
    verdict = page.split('aria-labelledby="verdict"')[1].split("</section>")[0]
    assert "Eligible, but no prize yet." in verdict
    assert "✓" not in verdict
    assert f"<strong>withholds a prize:</strong> <bdi>{told}" in page
    assert page.count("withholds a prize:") == 1
    assert "No rule found a fault" not in page


def test_warnings_come_before_the_curves() -> None:
    page = render(replace(good("participant"), warnings=("the longest choice is right in 80%",)))
    assert "the longest choice is right in 80%" in page.split('id="all-curves"')[0]
    assert "What the check found" not in render(good())


def cells(page: str) -> list[tuple[str, ...]]:
    return re.findall(r'class="heat-(\d)" d="M([\d.]+) [\d.]+L[\d.]+ [\d.]+L([\d.]+)', page)


def test_the_order_of_models_is_mapped_over_what_may_be_seen() -> None:
    own, everyone = cells(render(good("participant"))), cells(render(good()))
    assert len({shade for shade, _, _ in everyone}) > 2
    ends = [max(float(right) for _, _, right in found) for found in (own, everyone)]
    assert ends == [pytest.approx(1000, abs=30)] * 2
    assert len(everyone) > len(own) > 14, "late checkpoints have rows of their own"
    alone = replace(good(), ranking=good().ranking[:1])
    constant = tuple(replace(curve, scores=np.full(len(curve.scores), 0.3)) for curve in alone.curves)
    assert {shade for shade, _, _ in cells(render(replace(alone, curves=constant)))} == {"3"}, "a tie is neither"


def test_a_failure_says_why_and_who_has_to_act_without_any_script() -> None:
    attack = "<script>alert(1)</script>"
    organizers = render_failure(OrganizerError(f"results.json: {attack} missing\nsecond line"))
    assert "results.json: &lt;script&gt;" in organizers
    assert "<script" not in organizers
    assert "send the sentence above to the organizers" in organizers
    assert "e2lm check" in render_failure(SubmissionError("ingestion did not succeed"))
    assert len(render_failure(OrganizerError("x" * 10**6))) < 50_000


def test_the_page_says_where_a_curve_rises_with_wrong_labels_too() -> None:
    honest = good()
    fluent = replace(honest, scores={**honest.scores, "label_share": 0.05})
    assert "rises with wrong labels too" not in render(honest)
    page = render(fluent)
    assert page.count("rises with wrong labels too") == 3
    assert '<b class="value">5%</b>' in page


def test_the_page_says_where_what_rises_can_be_guessed_and_what_the_metric_computes() -> None:
    honest = good()
    assert "guessed from the choices" not in render(honest)
    kept = render(replace(honest, scores={**honest.scores, "unguessed_z": 4.0}))
    assert "for the other items, it grows by 4.0000 standard errors." in kept
    assert "can be told without the questions" not in kept
    lost = render(replace(honest, scores={**honest.scores, "unguessed_z": -1.0}, expression="mean(ll) < 1"))
    assert "can be told without the questions" in lost
    assert "<code><bdi>mean(ll) &lt; 1</bdi></code>" in lost


def test_the_page_of_a_task_without_contrast_says_what_that_means() -> None:
    honest = good()
    scores = {key: value for key, value in honest.scores.items() if key not in ("contrast_z", "label_share")}
    curves = tuple(replace(curve, wrong=None) for curve in honest.curves)
    page = render(replace(honest, scores=scores, curves=curves))
    assert "a rising curve is no evidence that the task measures knowledge" in page


def test_participants_do_not_see_how_early_decisions_turn_out() -> None:
    tokens = good().curves[0].tokens[:14]
    found = Generalization({"dense-1b-arch1": 0.9}, tokens, np.linspace(0.4, 1.0, 14))
    assert 'id="decisions"' in render(replace(good("organizer"), generalization=found))
    page = render(replace(good("participant"), generalization=found))
    assert 'id="decisions"' not in page
    assert "Signal quality of each model" in page


def test_a_contrast_that_rounds_to_zero_has_no_minus() -> None:
    metrics = tuple(MetricRow(name, (), name == "acc", 0.5, 0.6, 0.7, -0.02, 1.0, True) for name in ("acc", "acc_norm"))
    page = render(good("organizer"), own_machine=OwnMachine(metrics, None))
    assert page.count("<td>0.0</td>") == 2
    assert "<td>-0.0</td>" not in page
