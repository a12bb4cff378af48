"""`e2lm check`: its output as text and as JSON, its errors, its speed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.e2lm.command_line import EXAMPLES
from tests.ingestion.hostile import measure

TASK = {
    "task": "capitals",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "test.jsonl"}},
    "output_type": "multiple_choice",
    "test_split": "test",
    "fewshot_split": "test",
    "num_fewshot": 1,
    "fewshot_config": {"sampler": "first_n"},
    "doc_to_text": "Question: {{question}}\nAnswer:",
    "doc_to_choice": "choices",
    "doc_to_target": "answer",
    "metric_list": [{"metric": "acc_norm"}],
}


def write(folder: Path, items: int = 120, words: str = "") -> Path:
    folder.mkdir()
    (folder / "task.yaml").write_text(yaml.safe_dump(TASK))
    documents = (
        {
            "question": f"Capital {i}?{words}",
            "choices": ["Oslo", "Rome\u001b[31m", "Bern"][: 2 + i % 2],
            "answer": i % 2,
        }
        for i in range(items)
    )
    (folder / "test.jsonl").write_text("".join(json.dumps(document) + "\n" for document in documents))
    return folder


def check(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "e2lm", "check", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_first_items_are_shown_as_the_model_reads_them(tmp_path: Path) -> None:
    process = check(write(tmp_path / "capitals"))
    assert process.returncode == 0, process.stderr
    words = " ".join(process.stdout.split())
    assert "task capitals items 120, 2 to 3 choices each; guessing scores 0.417" in words
    assert "examples 1 from test metric acc_norm" in words
    assert "  | Answer: Rome\\x1b[31m\n  | \n  | Question: Capital 0?\n  | Answer:\n" in process.stdout
    assert "  right |  Oslo\n        |  Rome\\x1b[31m\n" in process.stdout
    assert process.stdout.endswith("next: e2lm run " + str(tmp_path / "capitals") + " --suite miniature\n")


def test_json_holds_the_same(tmp_path: Path) -> None:
    answer = json.loads(check(write(tmp_path / "capitals"), "--json").stdout)
    assert answer["errors"] == []
    assert (answer["items"], answer["choices"], answer["metric"]) == (120, {"min": 2, "max": 3}, "acc_norm")
    assert answer["chance"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert answer["first_items"][0]["continuations"] == [" Oslo", " Rome\x1b[31m"]
    assert answer["forecast"]["requests"] == 300


def test_an_error_is_one_line_and_exit_code_2_also_as_json(tmp_path: Path) -> None:
    message = "test.jsonl: 3 items; a submission has 100 to 15,000"
    folder = write(tmp_path / "capitals", items=3)
    process = check(folder)
    assert (process.returncode, process.stdout, process.stderr) == (2, "", f"error: {message}\n")
    process = check(folder, "--json")
    assert (process.returncode, json.loads(process.stdout)) == (2, {"errors": [message]})


def test_with_the_suites_tokenizer_boundaries_show_and_tokens_are_counted(miniature: Path) -> None:
    answer = json.loads(check(EXAMPLES / "science-cloze", "--suite", "miniature", "--gpu", "T4", "--json").stdout)
    item = answer["first_items"][0]
    assert "".join(item["context_tokens"][0]) == item["contexts"][0].rstrip()
    assert len(item["context_tokens"][0]) > 5
    assert ["".join(tokens) for tokens in item["continuation_tokens"]] == item["continuations"]
    forecast = answer["forecast"]
    assert forecast["source"] == "counted"
    assert item["context_tokens"][0][0] + "·" in check(EXAMPLES / "science-cloze", "--suite", "miniature").stdout
    assert 0 < forecast["unique_tokens"] < forecast["tokens"]
    assert (forecast["gpu"], forecast["checkpoints"]) == ("T4", 154)


def test_fifteen_thousand_items_take_under_20_seconds_and_1500_megabytes(tmp_path: Path, miniature: Path) -> None:
    folder = write(tmp_path / "capitals", items=15_000, words=" word" * 400)
    for name in ("current", "temporary"):
        (tmp_path / name).mkdir()
    line = json.dumps(["check --suite miniature", str(folder), str(tmp_path)]) + "\n"
    done = subprocess.run(
        [sys.executable, "-B", measure.__file__], input=line, capture_output=True, text=True, check=True
    )
    code, seconds, memory = json.loads(done.stdout)
    assert code == 0
    assert seconds < 20  # of the processor
    assert memory < 1_500_000_000
