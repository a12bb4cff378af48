"""Ranks scored runs: ties and prizes; docs/ranking.md gives the reasons of the rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from e2lm.leaderboard.scored_runs import ScoredRun, probability

SURE = 0.95  # smallest P(leader > run) at which a run is no longer tied with the leader of its group


@dataclass(frozen=True, slots=True)
class RankedRun:
    """One run in the ranking."""

    run: ScoredRun
    position: int | None  # 1, 2, 3, ... by score; None where it is not ranked
    rank: int | None  # the position of its tie group's leader: runs of the same rank are tied
    tied: bool
    above_next: float | None  # P(this run > the next ranked run)
    prize: int  # USD
    student_award: int  # USD


def rank(
    runs: Sequence[ScoredRun], *, prizes: Sequence[int] = (), student_awards: Sequence[int] = ()
) -> list[RankedRun]:
    """The ranked runs of one suite, best first, then those that are not ranked, best first. Amounts are by rank."""
    ordered = sorted(runs, key=lambda run: (-run.summary.scores[run.key], run.identity))
    ranked = [run for run in ordered if not run.not_ranked]
    others = [run for run in ordered if run.not_ranked]
    ranks = tie_groups(ranked)
    won = _awarded(ranked, prizes)
    awards = _awarded([run for run in ranked if run.fact_sheet.student], student_awards)
    ranked_runs = [
        RankedRun(
            run=run,
            position=index + 1,
            rank=ranks[index],
            tied=ranks.count(ranks[index]) > 1,
            above_next=probability(run, ranked[index + 1], run.key) if index + 1 < len(ranked) else None,
            prize=won.get(run.identity, 0),
            student_award=awards.get(run.identity, 0),
        )
        for index, run in enumerate(ranked)
    ]
    return ranked_runs + [RankedRun(run, None, None, False, None, 0, 0) for run in others]


def tie_groups(ranked: Sequence[ScoredRun]) -> list[int]:
    """The rank of each run, best first: the position of its group's leader.

    The best run leads the first group. Going down, a run joins the group while P(leader > run) < 0.95; the first run
    above that leads the next group.
    """
    ranks: list[int] = []
    leader = 0
    for index, run in enumerate(ranked):
        if probability(ranked[leader], run, run.key) >= SURE:
            leader = index
        ranks.append(leader + 1)
    return ranks


def _awarded(ranked: Sequence[ScoredRun], amounts: Sequence[int]) -> dict[str, int]:
    """Amounts by run identity, for the best run of each of the best teams: a team gets at most one."""
    best: dict[str, ScoredRun] = {}
    for run in ranked:
        best.setdefault(run.holder, run)
    return {run.identity: amount for run, amount in zip(best.values(), amounts, strict=False)}
