"""Places, ties within noise and prizes."""

from __future__ import annotations

from pathlib import Path

from e2lm.entries import Entry
from e2lm.scored_runs import ScoredRun, load_runs, probability
from e2lm.standing import SURE, Place, rank, tie_groups
from tests.e2lm.summaries import write_run


def runs_of(folder: Path, *scores: tuple[float, float], entries: dict[str, Entry] | None = None) -> list[ScoredRun]:
    """Runs a, b, c, ... with a score and the spread of its draws."""
    for letter, (score, spread) in zip("abcdefgh", scores, strict=False):
        write_run(folder / letter, score, spread=spread)
    return load_runs([folder], entries or {})


def awarded(runs: list[ScoredRun]) -> list[Place]:
    return rank(runs, prizes=(6000, 4000, 2000), student_awards=(2000, 2000))


def by_name(places: list[Place]) -> dict[str, Place]:
    return {place.run.identity: place for place in places}


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
    owners = {"a": Entry(owner="one"), "b": Entry(owner="one"), "c": Entry(owner="two"), "d": Entry(owner="three")}
    places = awarded(runs_of(tmp_path, (0.9, 0.01), (0.8, 0.01), (0.7, 0.01), (0.6, 0.01), (0.5, 0.01), entries=owners))
    assert [place.prize for place in places] == [6000, 0, 4000, 2000, 0]


def test_a_team_cannot_take_a_prize_by_naming_itself_like_another(tmp_path: Path) -> None:
    entries = {"a": Entry(owner="one", team="Best"), "b": Entry(owner="two", team="Best")}
    places = awarded(runs_of(tmp_path, (0.9, 0.01), (0.8, 0.01), entries=entries))
    assert [place.prize for place in places] == [6000, 4000]


def test_student_awards_go_to_the_best_two_student_teams_beside_a_prize(tmp_path: Path) -> None:
    entries = {name: Entry(owner=name, student=True) for name in "bde"}
    places = awarded(runs_of(tmp_path, *((0.9 - 0.1 * step, 0.01) for step in range(5)), entries=entries))
    assert [place.student_award for place in places] == [0, 2000, 0, 2000, 0]
    assert places[1].prize == 4000


def test_what_is_not_eligible_has_neither_place_nor_prize_and_keeps_its_reason(tmp_path: Path) -> None:
    write_run(tmp_path / "cheat", 0.99, eligible=False, reasons=["the answer stands in the prompt"])
    write_run(tmp_path / "baseline", 0.95)
    runs = runs_of(tmp_path, (0.9, 0.01), entries={"baseline": Entry(not_ranked="baseline of the organizers")})
    places = by_name(awarded(runs))
    assert (places["a"].position, places["a"].prize) == (1, 6000)
    assert (places["cheat"].position, places["cheat"].prize) == (None, 0)
    assert places["cheat"].run.not_ranked == ("the answer stands in the prompt",)
    assert places["baseline"].run.not_ranked == ("baseline of the organizers",)
    assert [place.run.identity for place in rank(runs)] == ["a", "cheat", "baseline"]
