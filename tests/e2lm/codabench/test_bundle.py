"""The bundle: complete, reproducible, and refused for mistakes that Codabench ignores silently."""

from __future__ import annotations

import argparse
import re
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import yaml

from e2lm.archive import write_zip
from e2lm.cli.bundle import add_arguments, main
from e2lm.codabench.bundle import check, check_columns, check_deadline, collect, with_image
from e2lm.codabench.sources import Sources, sources
from e2lm.edition.reader import read_edition
from e2lm.project import PROJECT_ROOT
from e2lm.suites.registry import SUITES, SuiteFiles
from e2lm_ingestion.errors import OrganizerError
from e2lm_scoring.columns import BY_KEY
from tests.e2lm.codabench.competition_folder import SCORED, SUITE, write_competition


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_competition(tmp_path / "repository")


def entries_of(root: Path) -> dict[str, bytes]:
    return collect(sources_of(root))


def sources_of(root: Path, suite: SuiteFiles | None = None) -> Sources:
    return sources(root, root, read_edition(root / "edition.yaml"), suite or suite_of(root))


def suite_of(root: Path) -> SuiteFiles:
    return SuiteFiles(root / "input_data/suite.yaml", root / "reference_data/scoring.yaml")


def refusal(root: Path, before: str, after: str) -> str:
    """The error of `check` after one change to competition.yaml."""
    text = (root / "competition.yaml").read_text()
    assert before in text
    (root / "competition.yaml").write_text(text.replace(before, after, 1))
    with pytest.raises(OrganizerError) as caught:
        check(entries_of(root))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def build(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return main(parser.parse_args(arguments))


def test_a_bundle_holds_what_competition_yaml_names_and_no_litter(root: Path) -> None:
    for litter in ("ingestion_program/__pycache__/a.pyc", "scoring_program/.DS_Store", "notes.txt"):
        (root / litter).parent.mkdir(exist_ok=True)
        (root / litter).write_text("x")
    assert sorted(entries_of(root)) == [
        "competition.yaml",
        "ingestion_program/ingestion.py",
        "ingestion_program/metadata.yaml",
        "input_data/suite.yaml",
        "logo.png",
        "overview.md",
        "reference_data/competition.txt",
        "reference_data/scoring.yaml",
        "scoring_program/metadata.yaml",
        "scoring_program/scoring.py",
        "terms.md",
    ]


def test_the_same_files_give_the_same_bytes_whatever_their_times(root: Path, tmp_path: Path) -> None:
    write_zip(entries_of(root), tmp_path / "first.zip")
    (root / "overview.md").touch()
    write_zip(dict(reversed(entries_of(root).items())), tmp_path / "second.zip")
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()


def test_a_suite_replaces_the_models_and_the_reference(root: Path, tmp_path: Path) -> None:
    suite = SuiteFiles(tmp_path / "other.yaml", tmp_path / "other-scoring.yaml")
    suite.suite.write_text(SUITE.replace("small", "other"))
    suite.scoring.write_text(SCORED.replace("small", "other"))
    entries = collect(sources_of(root, suite))
    assert entries["input_data/suite.yaml"] == suite.suite.read_bytes()
    assert entries["reference_data/scoring.yaml"] == suite.scoring.read_bytes()


def test_image_and_queue_are_written_into_the_bundle_only(root: Path) -> None:
    before = (root / "competition.yaml").read_bytes()
    queue = "0b7a1a3e-8a11-4c4e-9a38-0d2f9a1f6b11"
    found = sources_of(root)
    edition = with_image(found.scored.edition, "registry.example.org/e2lm:abc", queue)
    competition = check(collect(replace(found, scored=replace(found.scored, edition=edition))))
    assert (competition.docker_image, competition.queue) == ("registry.example.org/e2lm:abc", queue)
    assert (root / "competition.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "max_submissions: 350",
            "max_submissions_per_person: 350",
            "max_submissions_per_person: Codabench does not know",
        ),
        ("    execution_time_limit: 60", "    execution_time_limt: 60", "did you mean execution_time_limit?"),
        ("    execution_time_limit: 60\n", "", "phases.0.execution_time_limit: missing; each step would be stopped"),
        ("    max_submissions: 350\n", "", "phases.0.max_submissions: missing; a team would be stopped after 100"),
        ("    hide_prediction_output: true\n", "", "phases.0.hide_prediction_output: missing; participants could"),
        ("hide_prediction_output: true", "hide_prediction_output: false", "scores of late checkpoints; write true"),
        ('"2025-08-11 00:00:00"', '"11 August"', "phases.0.end: '11 August' is not a time"),
        ("tasks: [0]", "tasks: [0]\n    max_submisions: 3", "did you mean max_submissions?"),
        ("key: board", "key: board\n    colour: red", "leaderboards.0.colour: Codabench does not know this key"),
        ('"2025-08-11 00:00:00"', "2025-08-11 12:00:00", "phases.0.end: not quoted"),
        ('"2025-08-11 00:00:00"', '"2025-08-11 00:00:00+02:00"', "phases.0.end: has a time zone"),
        ('"2025-08-11 00:00:01"', '"2025-08-11 00:00:00"', "let it start at least a second after that"),
        ('"2025-08-11 00:00:00"', '"2025-07-01 00:00:00"', "phases.0: end is not after start"),
        ("ingestion_program: ingestion_program/", "ingestion_program: ingestion_program", "slash at its end"),
        (", precision: 4", "", "leaderboards.0.columns.0.precision: missing; Codabench would round to 2 digits"),
        ("    submission_rule: Force_Best\n", "", "puts nothing on the leaderboard"),
        ("Force_Best", "force_best", "leaderboards.0.submission_rule: Input should be 'Force_Best'"),
        ("version: 2", 'version: "2"', "version: Input should be 2"),
        ("image: logo.png", "image: logo.svg", "image: String should match"),
        ("tasks: [0]", "tasks: [0, 1]", "phases.0.tasks: List should have at most 1 item"),
        ("tasks: [0]", "tasks: [1]", "no task has index 1"),
        ("tasks: [0]", "tasks: [0]\n    auto_migrate_to_this_phase: true", "cannot be true in the first"),
        ("index: 1, key: sq", "index: 0, key: sq", "the same index or key"),
        ("    columns:", "    primary_index: 7\n    columns:", "primary_index 7 is not the index of a column"),
        ('is_required: "true"', "is_required: true", "fact_sheet.team.is_required: Input should be 'true' or 'false'"),
        ("key: team", "key: teams", "repeat the name: key: team"),
        ("title: A small", "title: [", "not YAML"),
    ],
)
def test_a_mistake_that_codabench_would_not_report_is_an_error(
    root: Path, before: str, after: str, expected: str
) -> None:
    message = refusal(root, before, after)
    assert message.startswith("competition.yaml: ")
    assert expected in message


def test_a_page_that_is_missing_or_empty_is_named(root: Path) -> None:
    (root / "overview.md").write_text(" \n")
    with pytest.raises(OrganizerError, match=r"names overview\.md, but the file is missing or empty"):
        check(entries_of(root))
    (root / "overview.md").unlink()
    with pytest.raises(OrganizerError, match=r"overview\.md: there is no such file"):
        check(entries_of(root))


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("command: python3 /app/program/scoring.py && true", "no shell reads '&'"),
        ("command: python3 /app/program/scoring.py $output", r"no shell reads '\$'"),
        ("command: python3 /app/program/score.py", r"scoring_program/score\.py does not exist"),
        ("comand: python3 /app/program/scoring.py", "reads one key, command"),
        ("command: [", "not YAML"),
    ],
)
def test_a_command_that_a_worker_cannot_run_is_an_error(root: Path, metadata: str, expected: str) -> None:
    (root / "scoring_program/metadata.yaml").write_text(metadata)
    with pytest.raises(OrganizerError, match=expected):
        check(entries_of(root))


def test_a_program_without_metadata_is_an_error(root: Path) -> None:
    (root / "scoring_program/metadata.yaml").unlink()
    with pytest.raises(OrganizerError, match=r"scoring_program/metadata\.yaml: missing"):
        check(entries_of(root))


def test_a_link_does_not_go_into_a_bundle(root: Path) -> None:
    (root / "input_data/secret").symlink_to("/etc/hostname")
    with pytest.raises(OrganizerError, match="symbolic link"):
        entries_of(root)


@pytest.mark.slow
@pytest.mark.parametrize("suite", ["e2lm-2025-full", "miniature"])
def test_the_competition_itself_can_be_bundled(suite: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build("-o", str(tmp_path / "bundle.zip"), "--suite", suite) == 0
    with zipfile.ZipFile(tmp_path / "bundle.zip") as bundle:
        names = bundle.namelist()
        assert bundle.read("input_data/suite.yaml") == SUITES[suite].suite.read_bytes()
        assert bundle.read("reference_data/scoring.yaml") == SUITES[suite].scoring.read_bytes()
    assert {"competition.yaml", "ingestion_program/ingestion.py", "scoring_program/scoring.py"} <= set(names)
    assert not [name for name in names if name.endswith(".pyc")]
    assert "Codabench's shared workers" in capsys.readouterr().out


@pytest.mark.slow
def test_every_bundle_has_its_own_key_for_both_programs(tmp_path: Path) -> None:
    keys = []
    for name in ("one.zip", "two.zip"):
        assert build("-o", str(tmp_path / name), "--suite", "miniature") == 0
        with zipfile.ZipFile(tmp_path / name) as bundle:
            keys += [bundle.read("input_data/e2lm.key"), bundle.read("reference_data/e2lm.key")]
    assert keys[0] == keys[1] != keys[2] == keys[3]
    assert {len(key) for key in keys} == {64}


def the_competition() -> dict[str, bytes]:
    """The files of its bundle, to change."""
    return dict(_collected())


@cache
def _collected() -> dict[str, bytes]:
    return collect(sources_of(PROJECT_ROOT, SUITES["e2lm-2025-full"]))


def test_the_competition_lasts_as_its_organizers_announced() -> None:
    phases = check(the_competition()).phases
    assert [(str(phase.start), str(phase.end)) for phase in phases] == [
        ("2025-07-07 00:00:00", "2025-08-11 00:00:00"),
        ("2025-08-11 00:00:01", "2025-10-20 00:00:00"),
        ("2025-10-20 00:00:01", "2025-11-03 23:59:59"),
    ]
    assert [phase.max_submissions for phase in phases] == [350, 700, 150]
    assert {phase.max_submissions_per_day for phase in phases} == {10}
    assert all(phase.hide_prediction_output for phase in phases), "late checkpoints would be there to download"
    assert [phase.auto_migrate_to_this_phase for phase in phases] == [False, False, True]


def test_pages_say_what_the_edition_says_and_hold_what_codabench_can_show() -> None:
    pages = {name: text.decode() for name, text in the_competition().items() if name.endswith(".md")}
    assert "| Development | 11 August | 19 October |" in pages["pages/timeline.md"]
    assert "| 22 November | winners' fact sheets" in pages["pages/timeline.md"]
    assert "At most 10 a day" in pages["pages/rules.md"]
    assert "100 to 15,000 items" in pages["pages/rules.md"]
    assert (
        "| 1 | 6,000 USD |\n| 2 | 4,000 USD |\n| 3 | 2,000 USD |\n| student award 1 | 2,000 USD |"
        in pages["pages/prizes.md"]
    )
    assert "student awards, 16,000 USD in all" in pages["pages/overview.md"]
    assert check(the_competition()).reward == "16,000 USD"
    for name, text in pages.items():
        assert not re.search(r"\$|!\[|<[a-z/]", text), f"{name} holds a formula, a picture or HTML"


def test_next_years_edition_is_an_edit_of_one_file(root: Path) -> None:
    text = (root / "edition.yaml").read_text()
    (root / "edition.yaml").write_text(text.replace("2025", "2031").replace("e2lm:1", "e2lm:2"))
    (root / "overview.md").write_text("To ${last_phase.last_day|day} ${year}; ${max_items} items; ${prize_total}.")
    written = (root / "competition.yaml").read_text()
    before, _, rest = written.partition("phases:\n")
    loop = """phases:
{% for phase in phases %}
  - {index: ${loop.index0}, name: ${phase.name|quoted}, start: "${phase.start}", end: "${phase.end}", tasks: [0],
     max_submissions_per_day: 1, max_submissions: ${phase.submissions},
     execution_time_limit: 60, hide_prediction_output: true}
{% endfor %}
"""
    (root / "competition.yaml").write_text(before + loop + rest[rest.index("leaderboards:") :])
    entries = entries_of(root)
    assert entries["overview.md"] == b"To 3 November 2031; 15,000 items; 1,750 USD."
    competition = check(entries)
    assert [str(phase.end) for phase in competition.phases][::2] == ["2031-08-11 00:00:00", "2031-11-03 23:59:59"]
    assert competition.docker_image == "localhost:5000/e2lm:2"


def test_pages_can_name_the_workers_and_their_time(root: Path) -> None:
    (root / "overview.md").write_text("${sweep_minutes} minutes on ${worker}.")
    assert entries_of(root)["overview.md"] == b"690 minutes on one H100."
    with (root / "edition.yaml").open("a") as edition:
        edition.write("worker: {gpu: A100, gpus: 4}\n")
    assert entries_of(root)["overview.md"] == b"690 minutes on 4 A100."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${shrot_name}", r"overview\.md: shrot_name is not a value of the edition; did you mean short_name\?"),
        ("5 $ each", r"overview\.md: a dollar sign"),
        ("on $final_day", r"a dollar sign \(\$final_day\)"),
        ("{% if year %}", r"overview\.md: line 1: "),
    ],
)
def test_an_unknown_name_in_a_page_is_an_error(root: Path, text: str, expected: str) -> None:
    (root / "overview.md").write_text(text)
    with pytest.raises(OrganizerError, match=expected):
        entries_of(root)


def test_columns_that_a_suite_cannot_fill_are_named(tmp_path: Path) -> None:
    full = SUITES["e2lm-2025-full"]
    scoring = yaml.safe_load(full.scoring.read_text())
    for key in ("late", "ranking_groups", "alignment"):
        del scoring[key]
    (tmp_path / "scoring.yaml").write_text(yaml.safe_dump(scoring))
    competition = check(the_competition())
    check_columns(competition, full)
    with pytest.raises(
        OrganizerError,
        match="cannot fill score, rc, cs, tau_last: score needs every part whose weight is above 0; rc",
    ):
        check_columns(competition, SuiteFiles(full.suite, tmp_path / "scoring.yaml"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": "sqq"}, "sqq is not a column of scores.json; choose one of score, sq,"),
        ({"key": "non_randomness"}, "non_randomness is missing for some tasks"),
        ({"sorting": "asc"}, "sq would be sorted with the worst on top; write sorting: desc"),
    ],
)
def test_a_column_that_would_mislead_on_any_suite_is_named(change: dict[str, str], said: str) -> None:
    competition = check(the_competition())
    (board,) = competition.leaderboards
    columns = [column.model_copy(update=change if column.key == "sq" else {}) for column in board.columns]
    wrong = competition.model_copy(update={"leaderboards": [board.model_copy(update={"columns": columns})]})
    with pytest.raises(OrganizerError, match=said):
        check_columns(wrong, SUITES["e2lm-2025-full"])


def test_the_leaderboard_shows_columns_as_the_scoring_program_describes_them() -> None:
    for column in check(the_competition()).leaderboards[0].columns:
        known = BY_KEY[column.key]
        assert (column.title, column.sorting, column.precision) == (known.title, known.sorting, known.precision)


@pytest.mark.parametrize("deadline", ["--deadline 691", ""])
def test_a_sweep_that_the_platform_would_stop_is_an_error(deadline: str) -> None:
    entries = the_competition()
    competition = check(entries)
    check_deadline(competition, entries)
    name = "ingestion_program/metadata.yaml"
    entries[name] = entries[name].replace(b"--deadline 690", deadline.encode())
    with pytest.raises(OrganizerError, match=r"write --deadline 690 \(minutes\)"):
        check_deadline(competition, entries)


def test_a_queue_that_is_no_uuid_is_refused(root: Path) -> None:
    with pytest.raises(OrganizerError, match="--queue: 'mine' is not a queue's UUID"):
        with_image(read_edition(root / "edition.yaml"), None, "mine")
