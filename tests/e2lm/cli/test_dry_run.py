"""The dry run does to a submission what a Codabench worker does, the surprising parts included."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pytest

from e2lm.archive import files_under, write_zip
from e2lm.cli.dry_run import add_arguments, main, print_row
from e2lm_ingestion.errors import OrganizerError, SubmissionError
from tests.e2lm.codabench.competition_folder import write_competition


def bundle(tmp_path: Path, **programs: str) -> Path:
    root = write_competition(tmp_path / "repository", **programs)
    write_zip({name: path.read_bytes() for name, path in files_under(root)}, tmp_path / "bundle.zip")
    return tmp_path / "bundle.zip"


def submission(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "submission"
    folder.mkdir(exist_ok=True)
    for name, text in {"task.yaml": "task: mine", **files}.items():
        (folder / name).write_text(text)
    return folder


def dry_run(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return main(parser.parse_args([str(argument) for argument in arguments]))


def test_a_submission_ends_with_its_row_and_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert dry_run(bundle(tmp_path), submission(tmp_path), "--out", out) == 0
    printed = capsys.readouterr().out
    assert "0.2500" in printed
    assert printed.splitlines()[-1] == f"report: {out / 'scoring/output/detailed_results.html'}"
    assert (out / "scoring/output/detailed_results.html").read_text() == "task: mine"


def test_a_zip_gives_what_its_folder_gives(tmp_path: Path) -> None:
    folder = submission(tmp_path)
    write_zip({name: path.read_bytes() for name, path in files_under(folder)}, tmp_path / "submission.zip")
    assert dry_run(bundle(tmp_path), tmp_path / "submission.zip", "--out", tmp_path / "out") == 0


def test_a_second_run_into_the_same_folder_starts_afresh(tmp_path: Path) -> None:
    arguments = (bundle(tmp_path), submission(tmp_path), "--out", tmp_path / "out")
    assert dry_run(*arguments) == 0
    assert dry_run(*arguments) == 0


def test_the_output_folder_is_filled_with_the_submission_before_ingestion(tmp_path: Path) -> None:
    ingestion = "import pathlib, sys\nprint(sorted(p.name for p in pathlib.Path(sys.argv[3]).iterdir()))"
    dry_run(
        bundle(tmp_path, ingestion=ingestion), submission(tmp_path, **{"results.json": "{}"}), "--out", tmp_path / "out"
    )
    assert (tmp_path / "out/ingestion.log").read_text() == "['results.json', 'task.yaml']\n"


def test_forged_results_reach_scoring_when_ingestion_crashes_and_only_its_exit_code_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crashing = bundle(tmp_path, ingestion="import sys\nsys.exit(3)")
    out = tmp_path / "out"
    assert dry_run(crashing, submission(tmp_path, **{"results.json": "forged"}), "--out", out) == 2
    assert (out / "scoring/input/res/results.json").read_text() == "forged"
    status = (out / "scoring/input/res/metadata").read_text()
    assert "ingestionExitCode: 3" in status
    assert "elapsedTime: " in status
    assert "exitCode: null" in status
    printed = capsys.readouterr()
    assert "ingestion exited with code 3; a worker runs scoring anyway" in printed.out
    assert "Failed: scoring exited with code 1: error: ingestion did not finish" in printed.err


def test_programs_see_a_minimal_environment_and_their_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("HF_TOKEN", "secret")
    ingestion = "import os\nprint(os.getcwd(), sorted(set(os.environ) - {'LC_CTYPE'}))"
    dry_run(bundle(tmp_path, ingestion=ingestion), submission(tmp_path), "--out", tmp_path / "out")
    folder = (tmp_path / "out/ingestion/program").resolve()
    assert (tmp_path / "out/ingestion.log").read_text() == f"{folder} ['HOME', 'PATH', 'PYTHONUNBUFFERED']\n"


def test_a_program_cannot_import_the_other_one_nor_the_project(tmp_path: Path) -> None:
    scoring = """\
import importlib.util, json, pathlib, sys
found = [name for name in ("e2lm", "e2lm_ingestion", "e2lm_scoring") if importlib.util.find_spec(name)]
import numpy
sys.exit(f"error: found {found}")
"""
    dry_run(bundle(tmp_path, scoring=scoring), submission(tmp_path), "--out", tmp_path / "out")
    assert (tmp_path / "out/scoring.log").read_text() == "error: found []\n"


def test_the_checkpoints_of_this_machine_stand_for_the_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2LM_CHECKPOINTS", str(tmp_path / "checkpoints"))
    dry_run(
        bundle(tmp_path, ingestion="import sys\nprint(sys.argv[4:])"), submission(tmp_path), "--out", tmp_path / "out"
    )
    assert (tmp_path / "out/ingestion.log").read_text() == f"['--checkpoints', '{tmp_path / 'checkpoints'}']\n"


def test_a_step_over_its_time_limit_is_killed_and_its_output_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_competition(tmp_path / "repository", ingestion="import time\ntime.sleep(60)")
    text = (root / "competition.yaml").read_text().replace("execution_time_limit: 60", "execution_time_limit: 1")
    (root / "competition.yaml").write_text(text)
    write_zip({name: path.read_bytes() for name, path in files_under(root)}, tmp_path / "bundle.zip")
    assert dry_run(tmp_path / "bundle.zip", submission(tmp_path), "--out", tmp_path / "out") == 2
    assert "Failed: ingestion was stopped after 1 seconds" in capsys.readouterr().err
    assert not (tmp_path / "out/scoring").exists()


@pytest.mark.parametrize("step", ["ingestion", "scoring"])
def test_a_file_named_metadata_in_the_output_fails_the_submission(
    step: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = "import sys, pathlib\n(pathlib.Path(sys.argv[3]) / 'metadata').write_text('')"
    programs = {step: program}
    assert dry_run(bundle(tmp_path, **programs), submission(tmp_path), "--out", tmp_path / "out") == 2
    assert f"Failed: {step} left a file named metadata" in capsys.readouterr().err


def test_a_command_of_a_submission_is_not_run_and_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = submission(tmp_path, **{"metadata.yaml": f"command: touch {tmp_path / 'ran'}"})
    dry_run(bundle(tmp_path), hostile, "--out", tmp_path / "out")
    assert not (tmp_path / "ran").exists()
    assert "contains a command, which a worker would run; only --docker runs it here" in capsys.readouterr().out


def test_an_empty_zip_is_an_empty_submission(tmp_path: Path) -> None:
    write_zip({}, tmp_path / "empty.zip")
    ingestion = "import pathlib, sys\nprint(list(pathlib.Path(sys.argv[2]).iterdir()))"
    dry_run(bundle(tmp_path, ingestion=ingestion), tmp_path / "empty.zip", "--out", tmp_path / "out")
    assert (tmp_path / "out/ingestion.log").read_text() == "[]\n"


def test_without_docker_the_remedy_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = (bundle(tmp_path), submission(tmp_path), "--docker", "--out", tmp_path / "out")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OrganizerError, match="docker is not installed; install it"):
        dry_run(*arguments)
    with pytest.raises(OrganizerError, match="--image needs --docker"):
        dry_run(*arguments[:2], "--image", "e2lm:1")


@pytest.mark.skipif(shutil.which("docker") is None, reason="NOT TESTED with a docker client: there is none")
def test_without_a_docker_daemon_the_remedy_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
    with pytest.raises(OrganizerError, match=r"docker does not answer \(.*start its daemon"):
        dry_run(bundle(tmp_path), submission(tmp_path), "--docker", "--out", tmp_path / "out")


def test_scoring_that_writes_nothing_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dry_run(bundle(tmp_path, scoring=""), submission(tmp_path), "--out", tmp_path / "out") == 2
    assert "Failed: scoring wrote no scores.json" in capsys.readouterr().err


def test_an_invalid_bundle_or_submission_is_reported(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("not a zip")
    with pytest.raises(OrganizerError, match="not a bundle"):
        dry_run(tmp_path / "text.zip", submission(tmp_path), "--out", tmp_path / "out")
    write_zip({"folder/competition.yaml": b""}, tmp_path / "nested.zip")
    with pytest.raises(OrganizerError, match=r"competition\.yaml is not at its root"):
        dry_run(tmp_path / "nested.zip", submission(tmp_path), "--out", tmp_path / "out")
    with pytest.raises(SubmissionError, match="not a zip"):
        dry_run(bundle(tmp_path), tmp_path / "text.zip", "--out", tmp_path / "out")
    with pytest.raises(SubmissionError, match="no such zip or folder"):
        dry_run(bundle(tmp_path), tmp_path / "absent.zip", "--out", tmp_path / "out")


def test_the_row_has_the_digits_of_the_leaderboard(capsys: pytest.CaptureFixture[str]) -> None:
    print_row({"score": 0.48371, "items": 15000, "eligible": 1, "of_another_program": 0.5})
    shown = [
        [cell.strip() for cell in line.split("│")[1:3]] for line in capsys.readouterr().out.splitlines() if "│" in line
    ]
    assert shown == [["score", "0.4837"], ["items", "15,000"], ["eligible", "1"], ["of_another_program", "0.5000"]]
