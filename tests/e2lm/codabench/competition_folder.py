"""A small competition on disk: everything that a bundle needs, with programs that the tests write themselves."""

from __future__ import annotations

from pathlib import Path

COLUMNS = ("score", "sq")

COMPETITION = """\
version: 2
title: A small competition
image: logo.png
terms: terms.md
docker_image: ${image}
pages:
  - {title: Overview, file: overview.md}
tasks:
  - index: 0
    name: task
    ingestion_program: ingestion_program/
    input_data: input_data/
    scoring_program: scoring_program/
    reference_data: reference_data/
phases:
  - name: First
    start: "2025-07-07 00:00:00"
    end: "2025-08-11 00:00:00"
    tasks: [0]
    max_submissions_per_day: 10
    max_submissions: 350
    execution_time_limit: 60
    hide_prediction_output: true
  - name: Second
    start: "2025-08-11 00:00:01"
    end: "2025-10-20 00:00:00"
    tasks: [0]
    max_submissions_per_day: 10
    max_submissions: 700
    execution_time_limit: 60
    hide_prediction_output: true
leaderboards:
  - title: Board
    key: board
    submission_rule: Force_Best
    columns:
      - {index: 0, key: score, title: Score, sorting: desc, precision: 4}
      - {index: 1, key: sq, title: Signal quality, sorting: desc, precision: 4}
fact_sheet:
  team: {key: team, type: text, title: Team, selection: "", is_required: "true", is_on_leaderboard: "true"}
"""

EDITION = """\
title: A small competition
short_name: SMALL
motto: Small is enough
year: 2025
conference: NeurIPS
hosts: [A laboratory]
organizers: {A laboratory: [Ada Example]}
logo: logo.png
suite: small
image: localhost:5000/e2lm:1
phases:
  - {name: First, start: 2025-07-07, description: Try.}
  - {name: Second, start: 2025-08-11, description: Improve.}
  - {name: Final, start: 2025-10-20, end: 2025-11-03, description: Finish., migrate: true}
dates: {results: 2025-11-04, fact_sheets: 2025-11-22, workshop: 6 December}
prizes: {teams: [500, 250], students: [1000]}
limits: {submissions_a_day: 10, step_hours: 12}
"""

SUITE = """\
suite: small
version: 1
context_length: 2048
tokens: {sequence_length: 1024, global_batch_size: 100}
models:
  - {id: one, size: 1B, architecture: a, mixture: science, source: lab/one,
     iterations: {start: 1000, stop: 8000, step: 1000}}
"""

SCORED = """\
suite: small
suite_version: 1
early: {iterations: {start: 1000, stop: 8000, step: 1000}}
signal_models: [one]
"""

INGESTION = """\
import pathlib, shutil, sys
suite, submission, output = map(pathlib.Path, sys.argv[1:4])
for entry in output.iterdir():
    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
(output / "results.json").write_text((submission / "task.yaml").read_text())
"""

SCORING = """\
import json, pathlib, sys
results, reference, output = map(pathlib.Path, sys.argv[1:4])
if "ingestionExitCode: 0" not in (results / "metadata").read_text():
    sys.exit("error: ingestion did not finish")
(output / "scores.json").write_text(json.dumps({"score": 0.5, "sq": 0.25, "other": 1}))
(output / "detailed_results.html").write_text((results / "results.json").read_text())
"""


def write_competition(root: Path, *, ingestion: str = INGESTION, scoring: str = SCORING) -> Path:
    """Write the competition's files under `root` and return it."""
    files = {
        "competition.yaml": COMPETITION,
        "edition.yaml": EDITION,
        "logo.png": "a picture",
        "terms.md": "Terms.",
        "overview.md": "# Overview",
        "suite.yaml": SUITE,
        "scoring.yaml": SCORED,
        "input_data/suite.yaml": SUITE,
        "reference_data/scoring.yaml": SCORED,
        "ingestion_program/metadata.yaml": "command: python3 /app/program/ingestion.py "
        "/app/input_data /app/ingested_program /app/output --checkpoints /app/data\n",
        "ingestion_program/ingestion.py": ingestion,
        "scoring_program/metadata.yaml": "command: python3 /app/program/scoring.py "
        "/app/input/res /app/input/ref /app/output\n",
        "scoring_program/scoring.py": scoring,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root
