"""Start another edition of the competition, or write its home page."""

from __future__ import annotations

import argparse
import shlex
import sys
from datetime import date
from pathlib import Path

from e2lm.cli import edition_site
from e2lm.edition.new_edition import Answers, write_edition
from e2lm.suites.registry import find_suite
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.forecast.hardware import KINDS
from e2lm_ingestion.suite import load_suite
from e2lm_scoring.inputs.configuration import load_configuration

# Option, what is asked on a terminal, and the answer without one; None: there must be one.
QUESTIONS: tuple[tuple[str, str, str | None], ...] = (
    ("title", "Title of the competition", "Early Training Evaluation of Language Models"),
    ("short-name", "Short name", "E2LM"),
    ("motto", "Motto, one line", "From noise to knowledge"),
    ("year", "Year", None),
    ("conference", "Conference", "NeurIPS"),
    ("hosts", "Host organizations, with ; between them", None),
    ("organizers", "Organizers: NAME, NAME (AFFILIATION); NAME (AFFILIATION)", None),
    ("phases", "Phases and first days, such as Warm-up 2031-07-01, Final 2031-09-01", None),
    ("last-day", "Last day to submit, such as 2031-10-31", None),
    ("results", "Day of the results", None),
    ("weights", "Weights of SQ, RC and CS; a part of weight 0 needs no models", "0.5, 0.1, 0.4"),
    ("prizes", "Prizes of teams in order, such as 6000, 4000 (none: 0)", "0"),
    ("student-prizes", "Prizes of student teams (none: 0)", "0"),
    ("currency", "Currency", "USD"),
    ("submissions-a-day", "Submissions a day", "10"),
    ("step-hours", "Hours for a step of a submission", "12"),
    ("image", "Image of the workers", "localhost:5000/e2lm:0.1.0"),
    ("gpu", f"GPU of a worker: {', '.join(KINDS)}", "H100"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm edition`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = actions.add_parser(
        "new",
        help="write the folder of another edition",
        description="Write edition.yaml and a suite with its scoring into a new folder. What no option says is "
        "asked on a terminal.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: e2lm edition new lab-2031\nnext:    cd lab-2031, edit edition.yaml, e2lm bundle -o bundle.zip",
    )
    new.add_argument("folder", type=Path, help="the folder to make")
    new.add_argument(
        "--suite",
        default="miniature",
        help="the suite that it begins with, by name or file: a copy is made (default: miniature, for a rehearsal)",
    )
    for option, question, default in QUESTIONS:
        shown = f" (default: {default})" if default is not None else ""
        new.add_argument(f"--{option}", metavar="TEXT", help=question[0].lower() + question[1:] + shown)
    edition_site.add_arguments(
        actions.add_parser(
            "site",
            help="the competition's home page, before there is a board",
            description="Write the competition's home page from edition.yaml as a static site. e2lm leaderboard writes "
            "it too, beside the board.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )


def main(args: argparse.Namespace) -> int:
    """Run the action."""
    return edition_site.main(args) if args.action == "site" else _new(args)


def _new(args: argparse.Namespace) -> int:
    """Ask, write the folder, say what follows."""
    files = find_suite(args.suite)
    load_suite(files.suite)
    load_configuration(files.scoring)
    given = {option: _answer(args, option, question, default) for option, question, default in QUESTIONS}
    edition = write_edition(args.folder, _answers(given), files.suite, files.scoring)
    print(f"{args.folder}: edition.yaml of {edition.full_title}, {edition.year}; suite/suite.yaml, suite/scoring.yaml")
    for span in edition.spans:
        print(f"phase:  {span.name}, {span.first_day} to {span.last_day}, {span.submissions} submissions")
    print(f"suite:  {edition.suite}, a copy of {args.suite}; put your models in, or e2lm suite new writes another")
    print(f"next:   cd {shlex.quote(str(args.folder))}, then e2lm bundle -o bundle.zip")
    return 0


def _answer(args: argparse.Namespace, option: str, question: str, default: str | None) -> str:
    said: str | None = getattr(args, option.replace("-", "_"))
    if said is None and sys.stdin.isatty():
        said = input(f"{question}{f' [{default}]' if default is not None else ''}: ").strip() or None
    if said is None and default is None:
        raise OrganizerError(f"--{option} is missing: {question[0].lower()}{question[1:]}")
    return (default or "") if said is None else said


def _answers(given: dict[str, str]) -> Answers:
    weights = _numbers(given["weights"], "weights")
    if len(weights) != 3 or abs(sum(weights) - 1) > 1e-9 or min(weights) < 0:
        raise OrganizerError(f"--weights {given['weights']!r}: three numbers that sum to 1, such as 0.7, 0.3, 0")
    return Answers(
        title=given["title"],
        short_name=given["short-name"],
        motto=given["motto"],
        year=_whole(given["year"], "year"),
        conference=given["conference"],
        hosts=tuple(host.strip() for host in given["hosts"].split(";")),
        organizers=_organizers(given["organizers"]),
        phases=_phases(given["phases"]),
        last_day=_day(given["last-day"], "last-day"),
        results=_day(given["results"], "results"),
        weights=(weights[0], weights[1], weights[2]),
        teams=_amounts(given["prizes"], "prizes"),
        students=_amounts(given["student-prizes"], "student-prizes"),
        currency=given["currency"],
        submissions_a_day=_whole(given["submissions-a-day"], "submissions-a-day"),
        step_hours=_whole(given["step-hours"], "step-hours"),
        image=given["image"],
        gpu=given["gpu"],
    )


def _organizers(text: str) -> dict[str, list[str]]:
    """Names by affiliation.

    >>> _organizers("Ada A, Bo B (Lab); Cy C (School)")
    {'Lab': ['Ada A', 'Bo B'], 'School': ['Cy C']}
    """
    found: dict[str, list[str]] = {}
    for group in text.split(";"):
        names, _, home = group.strip().removesuffix(")").partition("(")
        if not names.strip() or not home.strip():
            raise OrganizerError(f"--organizers {group.strip()!r}: write NAME, NAME (AFFILIATION)")
        found.setdefault(home.strip(), []).extend(name.strip() for name in names.split(","))
    return found


def _phases(text: str) -> tuple[tuple[str, date], ...]:
    """Names and first days.

    >>> _phases("Warm-up 2031-07-01")
    (('Warm-up', datetime.date(2031, 7, 1)),)
    """
    parts = [part.strip().rpartition(" ") for part in text.split(",")]
    return tuple((name.strip(), _day(day, "phases")) for name, _, day in parts)


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise OrganizerError(f"--{option}: {text!r} is not a day; write YYYY-MM-DD") from None


def _whole(text: str, option: str) -> int:
    if not (text.strip().isascii() and text.strip().isdigit()):
        raise OrganizerError(f"--{option}: {text!r} is not a whole number")
    return int(text)


def _numbers(text: str, option: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise OrganizerError(f"--{option}: {text!r}: write numbers with commas between them") from None


def _amounts(text: str, option: str) -> tuple[int, ...]:
    return tuple(amount for part in text.split(",") if (amount := _whole(part, option)))
