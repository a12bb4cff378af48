"""`e2lm overlap`: who shares what, in print and in a table."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
import yaml

from e2lm.cli.main import main
from tests.e2lm.command_line import EXAMPLES
from tests.e2lm.submissions.drawn_sentences import sentences


def renamed(folder: Path, name: str) -> Path:
    shutil.copytree(EXAMPLES / "science-cloze", folder / name)
    task = yaml.safe_load((folder / name / "task.yaml").read_text()) | {"task": name}
    (folder / name / "task.yaml").write_text(yaml.safe_dump(task))
    return folder / name


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_command_names_who_shares_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "submissions"
    copy = renamed(folder, "copy")
    shutil.copytree(EXAMPLES / "web-trivia", folder / "trivia")
    (folder / "broken.zip").write_bytes(b"no zip")
    documents = [json.loads(line) for line in (copy / "test.jsonl").read_text().splitlines()]
    benchmarks = tmp_path / "benchmarks"
    benchmarks.mkdir()
    pd.DataFrame(documents[:3]).to_parquet(benchmarks / "three.parquet")
    out = tmp_path / "overlap.csv"
    code = main(
        ["overlap", str(folder), str(EXAMPLES / "science-cloze"), "--benchmarks", str(benchmarks), "--out", str(out)]
    )
    assert code == 0
    printed = capsys.readouterr().out
    assert "not compared: broken.zip" in printed
    rows = rows_of(out)
    shared_with = {(row["submission"], row["other"]) for row in rows}
    assert {("copy", "science-cloze"), ("science-cloze", "copy"), ("copy", "three.parquet")} <= shared_with
    assert not [pair for pair in shared_with if "trivia" in pair]
    copied = [row for row in rows if (row["submission"], row["other"]) == ("copy", "science-cloze")]
    assert len(copied) == len(documents)


FRAME = (
    "You are a patient teacher of natural science who answers in one word and never explains anything at all. {}\nSay:"
)


def framed(folder: Path, own: Sequence[str], frame: str = FRAME) -> Path:
    """A submission that asks each text within the same long words."""
    folder.mkdir(parents=True)
    task = yaml.safe_load((EXAMPLES / "science-cloze/task.yaml").read_text())
    task |= {
        "task": folder.name,
        "num_fewshot": 0,
        "doc_to_text": frame.format("{{question}}"),
        "doc_to_choice": ["yes", "no"],
    }
    (folder / "task.yaml").write_text(yaml.safe_dump(task))
    shutil.copy(EXAMPLES / "science-cloze/dev.jsonl", folder)
    documents = [{"question": text, "answer": 0} for text in own]
    (folder / "test.jsonl").write_text("".join(json.dumps(document) + "\n" for document in documents))
    return folder


def overlaps(folder: Path, *submissions: Path) -> list[tuple[str, str, str]]:
    """Submission, item and other item of each row that the command writes."""
    out = folder / "overlap.csv"
    assert main(["overlap", *map(str, submissions), "--out", str(out)]) == 0
    return [(row["submission"], row["item"], row["other_item"]) for row in rows_of(out)]


def test_a_table_for_spreadsheets_ends_where_they_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2lm.cli.overlap.MAX_ROWS", 5)
    assert len(overlaps(tmp_path, renamed(tmp_path, "copy"), EXAMPLES / "science-cloze")) == 5
    assert "the file holds the first 5 of them, pairs that share most first" in capsys.readouterr().out


def test_submissions_that_ask_different_things_in_the_same_words_share_nothing(tmp_path: Path) -> None:
    one, other = ([f"What is the {word}?" for word in sentences(120, seed, 2)] for seed in (1, 2))
    assert overlaps(tmp_path, framed(tmp_path / "one", one), framed(tmp_path / "other", other)) == []


@pytest.mark.parametrize("way", ["look-alikes", "zero width", "a preface", "fillers and digits"])
def test_a_disguised_copy_of_every_item_is_found(tmp_path: Path, way: str) -> None:
    copy = renamed(tmp_path, "copy")
    documents = [json.loads(line) for line in (copy / "test.jsonl").read_text().splitlines()]
    cyrillic = str.maketrans("aceiopsxy", "асеіорѕху")
    for number, document in enumerate(documents):
        if way == "a preface":
            document["question"] = f"Item {number} is for careful readers. {document['question']}"
            continue
        for key in ("question", "choices"):
            text = json.dumps(document[key], ensure_ascii=False)
            disguised = {
                "look-alikes": text.translate(cyrillic),
                "zero width": text.replace("e", "\u200be\u00ad"),
                "fillers and digits": text.replace(" ", "\u3164").replace(",\u3164", ", ").replace("o", "0"),
            }
            document[key] = json.loads(disguised[way])
    (copy / "test.jsonl").write_text("".join(json.dumps(one) + "\n" for one in documents))
    found = {item for name, item, other in overlaps(tmp_path, copy, EXAMPLES / "science-cloze") if name == "copy"}
    assert len(found) > 0.95 * len(documents)


def test_a_question_in_the_words_of_another_template_is_found(tmp_path: Path) -> None:
    one, other = sentences(120, 1, 6), sentences(150, 2, 6)
    other[70] = one[3]
    pair = framed(tmp_path / "one", one), framed(tmp_path / "other", other, "{} That is the question. Answer:")
    assert overlaps(tmp_path, *pair) == [("one", "3", "70"), ("other", "70", "3")]


def test_items_that_stand_in_the_template_are_said_not_to_be_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden = framed(tmp_path / "hidden", [str(number) for number in range(100)])
    assert overlaps(tmp_path, hidden, EXAMPLES / "science-cloze") == []
    assert "not compared: hidden: 100 of 100 items: their documents have fewer than 4 words" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content"),
    [("b.jsonl", '{"a": '), ("b.json", "["), ("b.parquet", "PAR1"), ("b.csv", "\0"), ("b.txt", "\xff")],
)
def test_a_damaged_benchmark_is_named(
    name: str, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    code = main(["overlap", str(EXAMPLES / "noise"), "--benchmarks", str(tmp_path), "--out", str(tmp_path / "o.csv")])
    error = capsys.readouterr().err
    assert (code, name in error) in [(2, True)] or name == "b.csv"


def test_one_submission_alone_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["overlap", str(EXAMPLES / "noise")]) == 2
    assert "give a second one" in capsys.readouterr().err


def test_json_lists_the_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy, out = renamed(tmp_path, "copy"), tmp_path / "overlap.csv"
    assert main(["overlap", str(copy), str(EXAMPLES / "science-cloze"), "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    pairs = {(pair["submission"], pair["with"]): pair for pair in told["pairs"]}
    assert pairs["copy", "science-cloze"]["fully_shared"] == pairs["copy", "science-cloze"]["items"]
    assert (told["not_compared"], told["file"]) == ([], str(out))
