"""Writes the folder of another edition: edition.yaml, and a suite of its own with its scoring."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from e2lm.edition.reader import read_edition
from e2lm.edition.schema import Edition
from e2lm.project import EDITION
from e2lm_ingestion.errors import OrganizerError, naming

WEIGHTS = ("signal_quality", "ranking_consistency", "domain_alignment")
COMMENTS = {
    "title": "The names of this edition; every page, report and command shows them.",
    "hosts": "Host organizations, and organizers by affiliation.",
    "suite": "On which uploads are scored, in the folder suite/. released_suite: what participants can run of it.",
    "image": "Workers pull it for every job; make image builds it. queue: the UUID of your workers' queue.",
    "phases": "Days in UTC; a phase ends when the next one begins, the last one after its day `end`. Further keys:\n"
    "# submissions_a_day, submissions, step_hours, and migrate: true to carry over the best submission before it.",
    "dates": "After the last phase. workshop: a date or a text.",
    "prizes": "For the best teams in this order, and for the best student teams in addition.",
    "limits": "For each team, and hours for each of ingestion and scoring.",
    "worker": "What computes a submission: e2lm check forecasts the time on it.",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What an organizer says of an edition."""

    title: str
    short_name: str
    motto: str
    year: int
    conference: str
    hosts: tuple[str, ...]
    organizers: dict[str, list[str]]  # affiliation -> names
    phases: tuple[tuple[str, date], ...]  # name and first day, in order
    last_day: date
    results: date
    weights: tuple[float, float, float]  # of SQ, RC and CS
    teams: tuple[int, ...]
    students: tuple[int, ...]
    currency: str
    submissions_a_day: int
    step_hours: int
    image: str
    gpu: str


def write_edition(folder: Path, answers: Answers, suite: Path, scoring: Path) -> Edition:
    """Write edition.yaml, suite/suite.yaml and suite/scoring.yaml into a new folder, and read the edition back.

    `suite` and `scoring` are the files that the edition begins with. A part of weight 0 is left out of the scoring.
    Raises OrganizerError; then nothing is left in the folder.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OrganizerError(f"{folder}: not empty; give a new or an empty folder")
    name = re.sub(r"[^a-z0-9]+", "-", f"{answers.short_name} {answers.year}".lower()).strip("-")
    models, rules = _suite(name, answers, suite, scoring)
    files = {
        EDITION: _commented(_edition(name, answers)),
        "suite/suite.yaml": yaml.safe_dump(models, sort_keys=False, allow_unicode=True, width=120),
        "suite/scoring.yaml": yaml.safe_dump(rules, sort_keys=False, allow_unicode=True, width=120),
    }
    with naming(folder):
        (folder / "suite").mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            (folder / path).write_text(text, encoding="utf-8")
    try:
        return read_edition(folder / EDITION)
    except OrganizerError:
        for path in files:
            (folder / path).unlink()
        (folder / "suite").rmdir()
        raise


def _edition(name: str, answers: Answers) -> dict[str, Any]:
    phases: list[dict[str, Any]] = [
        {"name": phase, "start": start, "description": f"The phase {phase} of {answers.short_name}."}
        for phase, start in answers.phases
    ]
    phases[-1]["end"] = answers.last_day
    return {
        "title": answers.title,
        "short_name": answers.short_name,
        "motto": answers.motto,
        "year": answers.year,
        "conference": answers.conference,
        "hosts": list(answers.hosts),
        "organizers": answers.organizers,
        "links": {},
        "suite": name,
        "image": answers.image,
        "queue": None,
        "phases": phases,
        "dates": {"results": answers.results},
        "prizes": {"currency": answers.currency, "teams": list(answers.teams), "students": list(answers.students)},
        "limits": {"submissions_a_day": answers.submissions_a_day, "step_hours": answers.step_hours},
        "worker": {"gpu": answers.gpu, "gpus": 1},
    }


def _commented(content: Mapping[str, Any]) -> str:
    lines = [
        "# One edition of the competition; docs/organizers.md explains the keys. Pages of your own, in a folder",
        "# pages/ here, replace those of the project. Weights, windows and gate are in suite/scoring.yaml.",
    ]
    for key, value in content.items():
        if key in COMMENTS:
            lines += ["", f"# {COMMENTS[key]}"]
        lines.append(yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True, width=120).rstrip())
    return "\n".join(lines) + "\n"


def _suite(name: str, answers: Answers, suite: Path, scoring: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two files under the edition's name, without what a weight of 0 leaves out."""
    models, rules = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in (suite, scoring))
    models |= {"suite": name, "version": 1, "description": f"The models of {answers.short_name} {answers.year}"}
    rules |= {
        "suite": name,
        "suite_version": 1,
        "reveal": "participant",
        "weights": dict(zip(WEIGHTS, answers.weights, strict=True)),
    }
    if not answers.weights[2] and (pair := rules.pop("alignment", None)):
        used = _models_of(rules)
        models["models"] = [model for model in models["models"] if model["id"] != pair["web"] or pair["web"] in used]
    if not answers.weights[1]:
        rules.pop("late", None)
        rules.pop("ranking_groups", None)
    return models, rules


def _models_of(rules: Mapping[str, Any]) -> set[str]:
    groups: Sequence[Sequence[str]] = rules.get("ranking_groups", ())
    return {*rules["signal_models"], *(model for group in groups for model in group)}
