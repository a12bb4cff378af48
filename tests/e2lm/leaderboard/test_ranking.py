"""Ranks, ties within noise and prizes."""

from __future__ import annotations

from pathlib import Path

from e2lm.leaderboard.fact_sheets import FactSheet
from e2lm.leaderboard.ranking import SURE, RankedRun, rank, tie_groups
from e2lm.leaderboard.scored_runs import ScoredRun, load_runs, probability
from tests.e2lm.leaderboard.summaries import write_run


def runs_of(
    folder: Path, *scores: tuple[float, float], fact_sheets: dict[str, FactSheet] | None = None
) -> list[ScoredRun]:
    """Runs a, b, c, ... with a score and the spread of its draws."""
    for letter, (score, spread) in zip("abcdefgh", scores, strict=False):
        write_run(folder / letter, score, spread=spread)
    return load_runs([folder], fact_sheets or {})


def awarded(runs: list[ScoredRun]) -> list[RankedRun]:
    return rank(runs, prizes=(6000, 4000, 2000), student_awards=(2000, 2000))


def by_name(ranked_runs: list[RankedRun]) -> dict[str, RankedRun]:
    return {ranked_run.run.identity: ranked_run for ranked_run in ranked_runs}


def test_runs_apart_by_more_than_noise_have_places_of_their_own(tmp_path: Path) -> None:
    assert tie_groups(runs_of(tmp_path, (0.9, 0.01), (0.8, 0.01), (0.7, 0.01))) == [1, 2, 3]


def test_a_tie_is_with_the_best_of_the_group_not_with_the_next_one(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, (0.90, 0.02), (0.88, 0.02), (0.86, 0.02), (0.84, 0.02))
    assert all(probability(one, runs[index + 1], "score") < SURE for index, one in enumerate(runs[:-1]))
    assert tie_groups(runs) == [1, 1, 3, 3]


def test_a_noisy_run_further_down_does_not_rejoin_a_group_that_has_ended(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, (0.90, 0.01), (0.85, 0.01), (0.84, 0.3))
    assert probability(runs[0], runs[2], "score") < SURE
    assert tie_groups(runs) == [1, 2, 2]


def test_a_run_without_noise_still_has_a_place(tmp_path: Path) -> None:
    assert tie_groups(runs_of(tmp_path, (0.5, 0.0), (0.5, 0.0), (0.4, 0.0))) == [1, 1, 3]


def test_prizes_go_to_teams_in_the_order_of_their_best_scores(tmp_path: Path) -> None:
    owners = {
        "a": FactSheet(owner="one"),
        "b": FactSheet(owner="one"),
        "c": FactSheet(owner="two"),
        "d": FactSheet(owner="three"),
    }
    ranked_runs = awarded(
        runs_of(tmp_path, (0.9, 0.01), (0.8, 0.01), (0.7, 0.01), (0.6, 0.01), (0.5, 0.01), fact_sheets=owners)
    )
    assert [ranked_run.prize for ranked_run in ranked_runs] == [6000, 0, 4000, 2000, 0]


def test_a_team_cannot_take_a_prize_by_naming_itself_like_another(tmp_path: Path) -> None:
    fact_sheets = {"a": FactSheet(owner="one", team="Best"), "b": FactSheet(owner="two", team="Best")}
    ranked_runs = awarded(runs_of(tmp_path, (0.9, 0.01), (0.8, 0.01), fact_sheets=fact_sheets))
    assert [ranked_run.prize for ranked_run in ranked_runs] == [6000, 4000]


def test_student_awards_go_to_the_best_two_student_teams_beside_a_prize(tmp_path: Path) -> None:
    fact_sheets = {name: FactSheet(owner=name, student=True) for name in "bde"}
    ranked_runs = awarded(runs_of(tmp_path, *((0.9 - 0.1 * step, 0.01) for step in range(5)), fact_sheets=fact_sheets))
    assert [ranked_run.student_award for ranked_run in ranked_runs] == [0, 2000, 0, 2000, 0]
    assert ranked_runs[1].prize == 4000


def test_ineligible_runs_have_neither_place_nor_prize_and_keep_their_reasons(tmp_path: Path) -> None:
    write_run(tmp_path / "cheat", 0.99, eligible=False, reasons=["the answer stands in the prompt"])
    write_run(tmp_path / "baseline", 0.95)
    runs = runs_of(tmp_path, (0.9, 0.01), fact_sheets={"baseline": FactSheet(not_ranked="baseline of the organizers")})
    ranked_runs = by_name(awarded(runs))
    assert (ranked_runs["a"].position, ranked_runs["a"].prize) == (1, 6000)
    assert (ranked_runs["cheat"].position, ranked_runs["cheat"].prize) == (None, 0)
    assert ranked_runs["cheat"].run.not_ranked == ("the answer stands in the prompt",)
    assert ranked_runs["baseline"].run.not_ranked == ("baseline of the organizers",)
    assert [ranked_run.run.identity for ranked_run in rank(runs)] == ["a", "cheat", "baseline"]
