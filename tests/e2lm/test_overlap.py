"""`e2lm overlap`: planted copies are found, and nothing else."""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
import yaml

from e2lm.cli import main
from e2lm.shared_items import Shared, Vocabulary, candidates, shared
from tests.e2lm.conftest import EXAMPLES

WORDS = [f"w{number}" for number in range(5000)]


def sentences(count: int, seed: int, words: int = 30) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=words)) for _ in range(count)]


def found(one: Sequence[str], other: Sequence[str]) -> list[Shared]:
    vocabulary = Vocabulary()
    return shared(*(vocabulary.runs_of([text] for text in texts) for texts in (one, other)))


def test_copies_are_found_and_nothing_else() -> None:
    mine, theirs = sentences(300, 1), sentences(400, 2)
    theirs[17], theirs[350] = mine[5], "A longer prompt. " + mine[9].upper().replace(" ", ",  ") + "? And more."
    assert found(mine, theirs) == [Shared(5, 17, 1.0), Shared(9, 350, 1.0)]
    assert found(sentences(300, 1), sentences(400, 2)) == []


def test_a_quarter_of_an_item_counts_and_less_does_not() -> None:
    text = sentences(1, 1, 40)[0].split()  # 28 runs of 13 words
    enough, less = " ".join(text[:19]), " ".join(text[:18])  # 7 and 6 of them
    assert [one.share for one in found([" ".join(text)], [enough])] == [0.25]
    assert found([" ".join(text)], [less]) == []


def test_a_short_item_is_compared_whole_and_a_tiny_one_not_at_all() -> None:
    assert found(["What is an enzyme?"], ["what is an ENZYME"]) == [Shared(0, 0, 1.0)]
    assert found(["What is an enzyme?"], ["what is an atom"]) == []
    assert found(["True or false?"], ["True or false?"]) == []


def test_the_words_of_a_template_are_no_overlap() -> None:
    frame = "Read the following passage with care and then choose the one best answer to it "
    mine, theirs = [[frame + text for text in sentences(300, seed, 6)] for seed in (1, 2)]
    assert found(mine, theirs) == []
    theirs[3] = mine[4]
    assert found(mine, theirs) == [Shared(4, 3, 1.0)]


def test_fingerprints_tell_the_order_of_words() -> None:
    text = sentences(1, 1, 20)[0]
    assert found([text], [" ".join(reversed(text.split()))]) == []


def test_only_sources_that_hold_a_run_in_common_are_candidates() -> None:
    vocabulary = Vocabulary()
    texts = [sentences(50, seed) for seed in range(5)]
    texts[3][0] = texts[1][7]
    texts[4][1] = texts[1][7]
    runs = [vocabulary.runs_of([text] for text in own) for own in texts]
    assert candidates(runs) == [(1, 3), (1, 4), (3, 4)]


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
