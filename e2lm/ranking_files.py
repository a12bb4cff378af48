"""A ranking as CSV, JSON and Markdown. Texts of participants are made harmless in each."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from typing import Any

from e2lm.rerun_index import Row
from e2lm.scored_runs import NAMES
from e2lm.standing import SURE, Place

SCHEMA = "e2lm-ranking/1"
DIGITS = 6


def rank_text(place: Place) -> str:
    """The rank for people: "=" after it where it is shared, a dash where there is none."""
    if place.rank is None:
        return "–"
    return f"{place.rank}=" if place.tied else str(place.rank)


def ranking_row(place: Place) -> dict[str, Any]:
    """One run in plain values."""
    run, entry, summary = place.run, place.run.entry, place.run.summary
    row: dict[str, Any] = {
        "position": place.position,
        "rank": place.rank,
        "tied": place.tied,
        "run": run.identity,
        "task": summary.task,
        "team": run.team,
        "student": entry.student,
        "prize_usd": place.prize,
        "student_award_usd": place.student_award,
    }
    for key in (key for key in NAMES if key in run.draws):
        interval = summary.intervals[key]
        row |= {
            key: round(summary.scores[key], DIGITS),
            f"{key}_low": round(interval.low, DIGITS),
            f"{key}_high": round(interval.high, DIGITS),
        }
    return row | {
        "p_above_next": None if place.above_next is None else round(place.above_next, 4),
        "not_ranked": list(run.not_ranked),
        "metric": summary.metric,
        "items": summary.items,
        "submission_sha256": summary.submission,
        "method": entry.method,
        "data_sources": entry.data_sources,
        "code_url": entry.code_url,
        "licence": entry.licence,
        "compute": entry.compute,
    }


def ranking_json(places: Sequence[Place], failures: Sequence[tuple[str, Row]] = ()) -> str:
    """The ranking of one suite for programs; plain ASCII. Failures: team and row of what a rerun could not score."""
    first = places[0].run
    head = {
        "schema": SCHEMA,
        "suite": first.summary.suite,
        "suite_version": first.summary.suite_version,
        "ranked_by": first.key,
        "tied_below": SURE,
    }
    runs = [ranking_row(place) for place in places]
    failed = [{"run": row.name, "team": team, "reason": row.reason} for team, row in failures]
    return json.dumps({**head, "runs": runs, "failed": failed}, indent=1) + "\n"


def ranking_csv(places: Sequence[Place]) -> str:
    """The same rows for spreadsheets, which would run a text that starts like a formula: those get an apostrophe."""
    rows = [{key: _cell(value) for key, value in ranking_row(place).items()} for place in places]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def ranking_markdown(places: Sequence[Place], failures: Sequence[tuple[str, Row]] = ()) -> str:
    """The ranking for an announcement: who is where, who is tied, who has no place or no result, and why."""
    first = places[0].run
    keys = [key for key in NAMES if key in first.draws]
    ranked = [place for place in places if place.position is not None]
    head = ["place", "submission", "team", *(NAMES[key].lower() for key in keys), "P(above next)", "prize"]
    lines = [f"# Ranking over {_markdown(first.summary.suite)}", "", _line(head), _line(["---"] * len(head))]
    for place in ranked:
        scores = [_score(place, key) for key in keys]
        chance = "" if place.above_next is None else f"{place.above_next:.3f}"
        name, team = _markdown(place.run.summary.task), _markdown(place.run.team)
        lines.append(_line([rank_text(place), name, team, *scores, chance, prize_text(place)]))
    lines += ["", "In brackets: 95 % intervals over the choice of items.", *_ties(ranked), *_without_place(places)]
    if failures:
        lines += ["", "## Without a result", ""]
        lines += [f"- {_markdown(row.name)} ({_markdown(team)}): {_markdown(row.reason)}" for team, row in failures]
    return "\n".join(lines) + "\n"


def prize_text(place: Place) -> str:
    """What a run wins, for people."""
    parts = [f"{place.prize:,} USD"] if place.prize else []
    if place.student_award:
        parts.append(f"student award {place.student_award:,} USD")
    return ", ".join(parts)


def _ties(ranked: Sequence[Place]) -> list[str]:
    groups: dict[int | None, list[Place]] = {}
    for place in ranked:
        groups.setdefault(place.rank, []).append(place)
    tied = [group for group in groups.values() if len(group) > 1]
    if not tied:
        return []
    said = f"Runs with the same place and = are tied: the best of them is above each other with P < {SURE}."
    order = "Within a tie they stand by score, and prizes follow that order."
    return [
        *("", "## Ties within noise", "", f"{said} {order}", ""),
        *(f"- place {group[0].rank}: {', '.join(_markdown(one.run.summary.task) for one in group)}" for group in tied),
    ]


def _without_place(places: Sequence[Place]) -> list[str]:
    others = [place for place in places if place.position is None]
    if not others:
        return []
    lines = [
        f"- {_markdown(place.run.summary.task)} ({_markdown(place.run.team)}, {place.run.key} "
        f"{place.run.summary.scores[place.run.key]:.4f}): {_markdown(' '.join(place.run.not_ranked))}"
        for place in others
    ]
    return ["", "## Without a place", "", *lines]


def _score(place: Place, key: str) -> str:
    interval = place.run.summary.intervals[key]
    return f"{place.run.summary.scores[key]:.4f} [{interval.low:.3f}, {interval.high:.3f}]"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown(text: str) -> str:
    """A text on one line that shows as it is: no markup, links or HTML."""
    plain = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]()#+!|~<>$&])", r"\\\1", plain)


def _cell(value: Any) -> Any:  # noqa: ANN401 (what a cell holds)
    if isinstance(value, list):
        value = " ".join(value)
    if isinstance(value, str) and value[:1] in tuple("=+-@\t\r\n"):
        return f"'{value}"
    return value
