"""Ranks scored runs: ties and prizes; docs/ranking.md gives the reasons of the rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
    shrunken: float | None  # the score, shrunk to the mean of all ranked runs by how uncertain it is
    prize: int  # in the currency
    student_award: int
    currency: str = ""  # of the prizes; "" where none are given


def rank(
    runs: Sequence[ScoredRun],
    *,
    prizes: Sequence[int] = (),
    student_awards: Sequence[int] = (),
    currency: str = "",
) -> list[RankedRun]:
    """The ranked runs of one suite, best first, then those that are not ranked, best first. Amounts are by rank.

    A run with a finding that blocks a prize keeps its rank; its prize goes to the next team.
    """
    ordered = sorted(runs, key=lambda run: (-run.summary.scores[run.key], run.identity))
    ranked = [run for run in ordered if not run.not_ranked]
    others = [run for run in ordered if run.not_ranked]
    ranks = tie_groups(ranked)
    shrunken = dict(zip([run.identity for run in ranked], shrunken_scores(ranked), strict=True))
    free = [run for run in ranked if not run.withheld]
    won = _awarded(free, prizes)
    awards = _awarded([run for run in free if run.fact_sheet.student], student_awards)
    ranked_runs = [
        RankedRun(
            run=run,
            position=index + 1,
            rank=ranks[index],
            tied=ranks.count(ranks[index]) > 1,
            above_next=probability(run, ranked[index + 1], run.key) if index + 1 < len(ranked) else None,
            shrunken=shrunken[run.identity],
            prize=won.get(run.identity, 0),
            student_award=awards.get(run.identity, 0),
            currency=currency,
        )
        for index, run in enumerate(ranked)
    ]
    return ranked_runs + [RankedRun(run, None, None, False, None, None, 0, 0, currency) for run in others]


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


def shrunken_scores(ranked: Sequence[ScoredRun]) -> list[float]:
    """The scores of ranked runs, each drawn to their mean by its share of noise: empirical Bayes estimates.

    The best of many scores is partly the luckiest: on a second test it would be lower (winner's curse). With s_i the
    scores, e_i their standard errors, m their mean weighted by 1 / e_i^2 and t^2 the variance between submissions by
    DerSimonian and Laird (1986): m + t^2 / (t^2 + e_i^2) (s_i - m) (Morris 1983). Scores without error stay as they
    are, and so do fewer than three.
    """
    scores = np.asarray([run.summary.scores[run.key] for run in ranked])
    errors = np.asarray([run.summary.intervals[run.key].error for run in ranked])
    if len(ranked) < 3 or not (errors > 0).all():
        return [float(score) for score in scores]
    precision = 1 / errors**2
    mean = float(np.average(scores, weights=precision))
    excess = float(np.sum(precision * (scores - mean) ** 2)) - (len(ranked) - 1)
    between = max(0.0, excess / float(precision.sum() - np.sum(precision**2) / precision.sum()))
    return [float(value) for value in mean + between / (between + errors**2) * (scores - mean)]


def _awarded(ranked: Sequence[ScoredRun], amounts: Sequence[int]) -> dict[str, int]:
    """Amounts by run identity, for the best run of each of the best teams: a team gets at most one."""
    best: dict[str, ScoredRun] = {}
    for run in ranked:
        best.setdefault(run.holder, run)
    return {run.identity: amount for run, amount in zip(best.values(), amounts, strict=False)}
