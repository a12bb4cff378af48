"""A submission zip: task.yaml at its root, nothing else than the submission, and only after the check."""

from __future__ import annotations

import argparse
import json
import zipfile
from pathlib import Path

import pytest

from e2lm.archive import zip_bytes
from e2lm.cli.pack import add_arguments, main
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.submission.submission import open_submission

TASK = """\
task: elements
dataset_path: json
dataset_kwargs:
  data_files:
    dev: dev.jsonl
    test: data/items.jsonl
test_split: test
fewshot_split: dev
num_fewshot: 1
fewshot_config:
  sampler: first_n
output_type: multiple_choice
doc_to_text: "Question: {{question}}\\nAnswer:"
doc_to_choice: "{{choices}}"
doc_to_target: gold
metric_list:
  - metric: acc
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "elements"
    (folder / "data").mkdir(parents=True)
    (folder / "task.yaml").write_text(TASK)
    items = [
        {"question": f"Which element has {i} protons?", "choices": [f"element {i}", f"element {i + 1}"], "gold": 0}
        for i in range(1, 121)
    ]
    (folder / "dev.jsonl").write_text(json.dumps(items[0]) + "\n")
    (folder / "data/items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    return folder


def pack(folder: Path, output: Path) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return main(parser.parse_args([str(folder), "-o", str(output)]))


def names_in(output: Path) -> list[str]:
    with zipfile.ZipFile(output) as archive:
        return archive.namelist()


def test_the_zip_is_the_submission_that_its_folder_is(folder: Path, tmp_path: Path) -> None:
    assert pack(folder, tmp_path / "submission.zip") == 0
    assert names_in(tmp_path / "submission.zip") == ["data/items.jsonl", "dev.jsonl", "task.yaml"]
    with open_submission(folder) as loose, open_submission(tmp_path / "submission.zip") as packed:
        assert packed.sha256 == loose.sha256


def test_packing_twice_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    pack(folder, tmp_path / "first.zip")
    (folder / "task.yaml").touch()
    pack(folder, tmp_path / "second.zip")
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()


def test_what_macos_leaves_behind_stays_out(folder: Path, tmp_path: Path) -> None:
    (folder / ".DS_Store").write_text("x")
    (folder / "._task.yaml").write_text("x")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX/._task.yaml").write_text("x")
    pack(folder, tmp_path / "submission.zip")
    assert names_in(tmp_path / "submission.zip") == ["data/items.jsonl", "dev.jsonl", "task.yaml"]


def test_pack_has_the_rule_of_check(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "LICENSE").write_text("x")
    pack(folder, tmp_path / "submission.zip")
    assert "left out, as no data: LICENSE" in capsys.readouterr().out
    assert names_in(tmp_path / "submission.zip") == ["data/items.jsonl", "dev.jsonl", "task.yaml"]
    (folder / ".hidden").write_text("x")
    with pytest.raises(SubmissionError, match=r"\.hidden: a submission holds data"):
        pack(folder, tmp_path / "submission.zip")


def test_a_folder_around_the_submission_is_taken_off(folder: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    folder.rename(outer / "elements")
    pack(outer, tmp_path / "submission.zip")
    assert "task.yaml" in names_in(tmp_path / "submission.zip")


def test_a_zip_written_into_the_folder_does_not_swallow_itself(folder: Path) -> None:
    pack(folder, folder / "submission.zip")
    assert "submission.zip" not in names_in(folder / "submission.zip")


def test_an_earlier_zip_in_the_folder_is_no_part_of_the_submission_whatever_its_name(folder: Path) -> None:
    with open_submission(folder) as before:
        sha256 = before.sha256
    pack(folder, folder / "first.zip")
    pack(folder, folder / "second.zip")
    assert names_in(folder / "second.zip") == ["data/items.jsonl", "dev.jsonl", "task.yaml"]
    with open_submission(folder) as after, open_submission(folder / "second.zip") as packed:
        assert after.sha256 == packed.sha256 == sha256


def test_a_zip_that_e2lm_pack_did_not_write_is_refused_by_name(folder: Path) -> None:
    (folder / "data.zip").write_bytes(zip_bytes({"a.txt": b"a"}))
    with pytest.raises(SubmissionError, match=r"data\.zip: a submission holds data, not programs or archives"):
        pack(folder, folder / "submission.zip")


def test_nothing_is_written_for_a_submission_that_would_be_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "task.yaml").write_text(TASK.replace("doc_to_target: gold", "doc_to_target: !function code.target"))
    with pytest.raises(SubmissionError, match="function"):
        pack(folder, tmp_path / "submission.zip")
    assert not (tmp_path / "submission.zip").exists()


def test_a_folder_without_a_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match=r"no task\.yaml in it"):
        pack(tmp_path, tmp_path / "submission.zip")
    with pytest.raises(SubmissionError, match="not a folder"):
        pack(tmp_path / "absent", tmp_path / "submission.zip")


def test_a_folder_of_several_submissions_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    (tmp_path / "second/task.yaml").write_text(TASK)
    with pytest.raises(SubmissionError, match="several submissions"):
        pack(tmp_path, tmp_path / "submission.zip")
