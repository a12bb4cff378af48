"""A ranking as CSV, JSON and Markdown, with texts of participants escaped for each format."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from e2lm.leaderboard.ranking import SURE, RankedRun
from e2lm.runs.manifest import Row
from e2lm.spreadsheet import csv_text
from e2lm_scoring.columns import BY_KEY, TOTAL_AND_COMPONENTS

SCHEMA = "e2lm-ranking/1"
DIGITS = 6


def rank_text(ranked_run: RankedRun) -> str:
    """The rank as text: followed by "=" if it is shared, a dash if there is none."""
    if ranked_run.rank is None:
        return "–"
    return f"{ranked_run.rank}=" if ranked_run.tied else str(ranked_run.rank)


def ranking_row(ranked_run: RankedRun) -> dict[str, Any]:
    """One run in plain values."""
    run, fact_sheet, summary = ranked_run.run, ranked_run.run.fact_sheet, ranked_run.run.summary
    row: dict[str, Any] = {
        "position": ranked_run.position,
        "rank": ranked_run.rank,
        "tied": ranked_run.tied,
        "run": run.identity,
        "task": summary.task,
        "team": run.team,
        "student": fact_sheet.student,
        "prize": ranked_run.prize,
        "student_award": ranked_run.student_award,
        "currency": ranked_run.currency,
    }
    for key in (key for key in TOTAL_AND_COMPONENTS if key in run.draws):
        interval = summary.intervals[key]
        row |= {
            key: round(summary.scores[key], DIGITS),
            f"{key}_low": round(interval.low, DIGITS),
            f"{key}_high": round(interval.high, DIGITS),
        }
    return row | {
        f"{run.key}_shrunken": None if ranked_run.shrunken is None else round(ranked_run.shrunken, DIGITS),
        "p_above_next": None if ranked_run.above_next is None else round(ranked_run.above_next, 4),
        "not_ranked": list(run.not_ranked),
        "prize_withheld": list(run.withheld),
        "metric": summary.metric,
        "items": summary.items,
        "submission_sha256": summary.submission,
        "method": fact_sheet.method,
        "data_sources": fact_sheet.data_sources,
        "code_url": fact_sheet.code_url,
        "licence": fact_sheet.license,
        "compute": fact_sheet.compute,
    }


def ranking_json(ranked_runs: Sequence[RankedRun], failures: Sequence[tuple[str, Row]] = ()) -> str:
    """The ranking of one suite as ASCII JSON. `failures`: team and row of submissions that a rerun could not score."""
    first = ranked_runs[0].run
    head = {
        "schema": SCHEMA,
        "suite": first.summary.suite,
        "suite_version": first.summary.suite_version,
        "ranked_by": first.key,
        "tied_below": SURE,
    }
    runs = [ranking_row(ranked_run) for ranked_run in ranked_runs]
    failed = [{"run": row.name, "team": team, "reason": row.reason} for team, row in failures]
    return json.dumps({**head, "runs": runs, "failed": failed}, indent=1) + "\n"


def ranking_csv(ranked_runs: Sequence[RankedRun]) -> str:
    """The same rows for spreadsheets."""
    rows = [ranking_row(ranked_run) for ranked_run in ranked_runs]
    return csv_text(
        [row | {key: " ".join(row[key]) for key in ("not_ranked", "prize_withheld")} for row in rows], list(rows[0])
    )


def ranking_markdown(ranked_runs: Sequence[RankedRun], failures: Sequence[tuple[str, Row]] = ()) -> str:
    """The ranking for an announcement: ranks, ties, and the reasons of runs that are not ranked or have no result."""
    first = ranked_runs[0].run
    keys = [key for key in TOTAL_AND_COMPONENTS if key in first.draws]
    ranked = [ranked_run for ranked_run in ranked_runs if ranked_run.position is not None]
    head = ["rank", "submission", "team", *(BY_KEY[key].title.lower() for key in keys), "P(above next)", "prize"]
    lines = [f"# Ranking over {_markdown(first.summary.suite)}", "", _line(head), _line(["---"] * len(head))]
    for ranked_run in ranked:
        scores = [_score(ranked_run, key) for key in keys]
        chance = "" if ranked_run.above_next is None else f"{ranked_run.above_next:.3f}"
        name, team = _markdown(ranked_run.run.summary.task), _markdown(ranked_run.run.team)
        lines.append(_line([rank_text(ranked_run), name, team, *scores, chance, prize_text(ranked_run)]))
    lines += ["", "In brackets: 95 % intervals over the choice of items.", *_ties(ranked), *_withheld(ranked)]
    lines += [*_shrunken(ranked), *_not_ranked(ranked_runs)]
    if failures:
        lines += ["", "## Without a result", ""]
        lines += [f"- {_markdown(row.name)} ({_markdown(team)}): {_markdown(row.reason)}" for team, row in failures]
    return "\n".join(lines) + "\n"


def prize_text(ranked_run: RankedRun) -> str:
    """The prizes of a run as text."""
    parts = [f"{ranked_run.prize:,} {ranked_run.currency}"] if ranked_run.prize else []
    if ranked_run.student_award:
        parts.append(f"student award {ranked_run.student_award:,} {ranked_run.currency}")
    return ", ".join(parts)


def _ties(ranked: Sequence[RankedRun]) -> list[str]:
    groups: dict[int | None, list[RankedRun]] = {}
    for ranked_run in ranked:
        groups.setdefault(ranked_run.rank, []).append(ranked_run)
    tied = [group for group in groups.values() if len(group) > 1]
    if not tied:
        return []
    rule = f"Runs with the same rank and = are tied: the best of them is above each of the others with P < {SURE}."
    order = "Within a tie, runs are listed by score, and prizes follow that order."
    return [
        *("", "## Ties within noise", "", f"{rule} {order}", ""),
        *(f"- rank {group[0].rank}: {', '.join(_markdown(one.run.summary.task) for one in group)}" for group in tied),
    ]


def _withheld(ranked: Sequence[RankedRun]) -> list[str]:
    held = [ranked_run for ranked_run in ranked if ranked_run.run.withheld]
    if not held:
        return []
    lines = [
        f"- {_markdown(ranked_run.run.summary.task)} ({_markdown(ranked_run.run.team)}): "
        f"{_markdown(' '.join(ranked_run.run.withheld))}"
        for ranked_run in held
    ]
    return ["", "## Prizes withheld", "", "Until an organizer has cleared the findings in entries.yaml:", "", *lines]


def _shrunken(ranked: Sequence[RankedRun]) -> list[str]:
    if len(ranked) < 3:
        return []
    said = "What to expect of each on a second test: its score, drawn to the mean of all by how uncertain it is."
    lines = [f"- {_markdown(one.run.summary.task)}: {one.shrunken:.4f}" for one in ranked]
    return ["", "## Shrunken scores", "", said, "", *lines]


def _not_ranked(ranked_runs: Sequence[RankedRun]) -> list[str]:
    others = [ranked_run for ranked_run in ranked_runs if ranked_run.position is None]
    if not others:
        return []
    lines = [
        f"- {_markdown(ranked_run.run.summary.task)} ({_markdown(ranked_run.run.team)}, {ranked_run.run.key} "
        f"{ranked_run.run.summary.scores[ranked_run.run.key]:.4f}): {_markdown(' '.join(ranked_run.run.not_ranked))}"
        for ranked_run in others
    ]
    return ["", "## Not ranked", "", *lines]


def _score(ranked_run: RankedRun, key: str) -> str:
    interval = ranked_run.run.summary.intervals[key]
    return f"{ranked_run.run.summary.scores[key]:.4f} [{interval.low:.3f}, {interval.high:.3f}]"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown(text: str) -> str:
    """A text on one line, escaped: without markup, links or HTML."""
    plain = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]()#+!|~<>$&])", r"\\\1", plain)
