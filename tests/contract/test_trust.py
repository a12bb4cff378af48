"""Ingestion seals what scoring accepts, and both know a submission by the same digest."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import unicodedata
import zipfile
from pathlib import Path

import pytest

from e2lm.archive import zip_bytes
from e2lm_ingestion.results import seal as ingestion_seal
from e2lm_ingestion.submission.file_rules import PACK_MARK
from e2lm_ingestion.submission.submission import open_submission
from e2lm_scoring.errors import OrganizerError, SubmissionError
from e2lm_scoring.inputs import seal as scoring_seal
from tests.e2lm.command_line import EXAMPLES
from tests.ingestion.hostile.corpus import right_files, write_zip

KEY = "0123456789abcdef" * 4
INGESTION = Path(__file__).resolve().parents[2] / "ingestion_program/ingestion.py"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "results.json").write_text('{"submission": {"sha256": "0"}}')
    (folder / "progress.jsonl").write_text("{}\n")
    return folder


def test_scoring_accepts_the_seal_of_ingestion_and_of_no_other_key(results: Path) -> None:
    ingestion_seal.seal(results, KEY.encode())
    scoring_seal.require_seal(results, KEY.encode())
    with pytest.raises(OrganizerError, match="sealed with another key"):
        scoring_seal.require_seal(results, b"another" * 8)


@pytest.mark.parametrize("name", ingestion_seal.SEALED)
def test_one_byte_more_breaks_the_seal(results: Path, name: str) -> None:
    ingestion_seal.seal(results, KEY.encode())
    with (results / name).open("a") as file:
        file.write(" ")
    with pytest.raises(SubmissionError, match="the seal does not match"):
        scoring_seal.require_seal(results, KEY.encode())


SHAPES = {
    "as packed": right_files(),
    "in a folder, touched by macOS": {
        **{f"mine/{name}": content for name, content in right_files().items()},
        "__MACOSX/mine/._task.yaml": b"x",
        "mine/.DS_Store": b"x",
    },
    "with an earlier zip and a run in it": {
        **right_files(),
        "submission.zip": b"x",
        "build/.e2lm": b"",
        "build/run/scores.json": b"{}",
    },
    "with an earlier zip of another name in it": {
        **right_files(),
        "v1.zip": zip_bytes(right_files(), PACK_MARK),
        "old/V2.ZIP": zip_bytes({"task.yaml": b"x"}, PACK_MARK),
    },
    "with what editors and version control leave": {**right_files(), ".git/HEAD": b"x", "LICENSE": b"x", "a.pdf": b"x"},
    "as PowerShell writes it": {f"mine\\{name}": content for name, content in right_files().items()},
    "as Finder writes it": {**right_files(), "é.txt".encode().decode("cp437"): b"x"},
    "with dots": {f"./{name}": content for name, content in right_files().items()},
    "with names of macOS": {**right_files(), unicodedata.normalize("NFD", "données/é.txt"): b"x", "a.txt": b""},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_both_programs_know_a_submission_by_the_same_digest(shape: str, tmp_path: Path) -> None:
    path = write_zip(tmp_path, SHAPES[shape])
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "ingested_program")
    with open_submission(path) as submission:
        assert scoring_seal.digest_of_submission(tmp_path / "ingested_program") == submission.sha256


def test_a_file_more_or_a_link_is_another_submission(tmp_path: Path, results: Path) -> None:
    shown = shutil.copytree(EXAMPLES / "noise", tmp_path / "ingested_program")
    honest = scoring_seal.digest_of_submission(shown)
    (results / "results.json").write_text(json.dumps({"submission": {"sha256": honest}}))
    scoring_seal.require_results_of(shown, results)
    shutil.copy(results / "results.json", shown / "results.json")
    with pytest.raises(SubmissionError, match="results of another submission"):
        scoring_seal.require_results_of(shown, results)
    (shown / "results.json").unlink()
    (shown / "more.txt").symlink_to("/etc/hostname")
    with pytest.raises(SubmissionError, match=r"more\.txt: a link"):
        scoring_seal.require_results_of(shown, results)


def run_ingestion(worker: Path) -> subprocess.CompletedProcess[str]:
    folders = [worker / name for name in ("input_data", "ingested_program", "output")]
    return subprocess.run(
        [sys.executable, str(INGESTION), *map(str, folders), "--checkpoints", str(worker / "data")],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )


def test_ingestion_clears_what_was_planted_before_anything_can_fail(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/kept.txt").write_text("kept")
    output = tmp_path / "output"
    (output / "checkpoints").mkdir(parents=True)
    (output / "results.json").write_text("forged")
    (output / "checkpoints/data").symlink_to(tmp_path / "data")
    (output / "linked").symlink_to(tmp_path / "data")
    done = run_ingestion(tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: no e2lm.key in ")
    assert list(output.iterdir()) == []
    assert (tmp_path / "data/kept.txt").read_text() == "kept"
