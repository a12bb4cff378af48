"""`e2lm check`: its output as text and as JSON, its errors, its speed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from e2lm.edition.reader import read_edition
from e2lm.project import PROJECT_ROOT
from e2lm.suites.registry import find_suite
from e2lm_ingestion.forecast.hardware import machine
from tests.e2lm.command_line import EXAMPLES, e2lm
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
    return e2lm("check", *arguments)


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
    message = "test.jsonl: 3 items; a submission has 100 to 15,000: add 97"
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


def write_large(folder: Path) -> Path:
    """The largest task that the rules allow: 15,000 questions of 60 words, four choices of three, five random shots."""
    folder.mkdir()
    task = {**TASK, "num_fewshot": 5, "fewshot_config": {"sampler": "default"}}
    (folder / "task.yaml").write_text(yaml.safe_dump(task))
    with (folder / "test.jsonl").open("w") as file:
        for i in range(15_000):
            question = f"question {i} " + " ".join(f"w{(i * 7 + j) % 97}" for j in range(60))
            choices = [f"answer {i % 89} {'abcd'[(i + j) % 4]}" for j in range(4)]
            file.write(json.dumps({"question": question, "choices": choices, "answer": i % 4}) + "\n")
    return folder


@pytest.mark.slow
def test_the_largest_task_warns_where_it_does_not_fit_the_time_limit(tmp_path: Path) -> None:
    text = check(write_large(tmp_path / "large"), "--gpu", "A100").stdout
    assert re.search(
        r"^warning    does not fit the time limit: the forecast is [\d,]+ minutes on one A100, and a submission may "
        r"take 690; what would fit: [\d,]+ items, or \d shots$",
        text,
        re.MULTILINE,
    )
    assert "no warnings" not in text


def test_the_worker_and_the_limit_are_those_of_the_edition(tmp_path: Path) -> None:
    edition = read_edition(PROJECT_ROOT / "edition.yaml")
    folder = write(tmp_path / "capitals")
    forecast = json.loads(check(folder, "--json").stdout)["forecast"]
    assert (forecast["gpu"], forecast["gpus"]) == (edition.worker.gpu, edition.worker.gpus)
    assert forecast["limit_minutes"] == edition.sweep_minutes == 690
    other = json.loads(check(folder, "--suite", "e2lm-2025", "--gpus", "3", "--json").stdout)["forecast"]
    assert (other["gpu"], other["gpus"], other["limit_minutes"]) == (edition.worker.gpu, 3, None)
    shown = f"on {machine(edition.worker.gpu, edition.worker.gpus).label} (assumed); the limit is 690\n"
    assert shown in check(folder).stdout


def test_what_models_write_is_in_the_forecast(tmp_path: Path) -> None:
    folder = write(tmp_path / "capitals")
    task = {key: value for key, value in TASK.items() if key != "doc_to_choice"} | {
        "output_type": "generate_until",
        "doc_to_target": "{{choices[answer]}}",
        "metric_list": [{"metric": "exact_match"}],
    }
    minutes = []
    for most in (16, 512):
        (folder / "task.yaml").write_text(yaml.safe_dump({**task, "generation_kwargs": {"max_gen_toks": most}}))
        process = check(folder)
        assert f"; at most {120 * most:,} are written" in process.stdout
        assert "forecast   at most " in process.stdout
        minutes.append(json.loads(check(folder, "--json").stdout)["forecast"]["minutes"])
    assert minutes[0] < minutes[1]


def test_a_run_calibrates_the_forecast(tmp_path: Path, miniature: Path) -> None:
    suite = {**yaml.safe_load(find_suite("miniature").suite.read_text()), "suite": "short"}
    suite["models"] = [{**suite["models"][0], "iterations": {"start": 4000, "stop": 24000, "step": 4000}}]
    early = {"iterations": suite["models"][0]["iterations"]}
    scoring = {"suite": "short", "suite_version": 1, "early": early, "signal_models": [suite["models"][0]["id"]]}
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(suite))
    (tmp_path / "scoring.yaml").write_text(yaml.safe_dump(scoring))
    run = e2lm(
        *("run", EXAMPLES / "science-cloze", "--suite", tmp_path / "suite.yaml", "--out", tmp_path / "run"),
        *("--engine", "transformers"),
    )
    assert (tmp_path / "run/results/results.json").is_file(), run.stderr
    arguments = EXAMPLES / "web-trivia", "--suite", tmp_path / "suite.yaml", "--calibrate", tmp_path / "run"
    done = check(*arguments)
    assert "calibrated with 6 checkpoints" in done.stdout, done.stderr
    assert 0 < json.loads(check(*arguments, "--json").stdout)["forecast"]["minutes"] < 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--gpu", "A1000"], "argument --gpu: invalid choice: 'A1000'"),
        (["--gpus", "0"], "argument --gpus: '0' is not a whole number of 1 or more"),
        (["--gpu", "T4", "--calibrate", "run"], "argument --calibrate: not allowed with argument --gpu"),
        (["--calibrate", "nowhere"], "--calibrate: nowhere/progress.jsonl: there is no such file; give a folder that"),
    ],
)
def test_a_wrong_device_is_one_line(arguments: list[str], expected: str) -> None:
    process = check(EXAMPLES / "noise", *arguments)
    assert process.returncode == 2
    assert expected in process.stderr.splitlines()[-1]
    assert "Traceback" not in process.stderr


def test_real_questions_on_the_miniature_are_a_warning_and_elsewhere_a_note(tmp_path: Path) -> None:
    folder = write(tmp_path / "capitals")
    on_miniature = json.loads(check(folder, "--suite", "miniature", "--gpu", "cpu", "--json").stdout)
    assert "other_world" in [warning["kind"] for warning in on_miniature["warnings"]]
    assert not any("invented" in note for note in on_miniature["notes"])
    assert on_miniature["forecast"]["machine"].startswith("this machine (its CPU, ")
    elsewhere = json.loads(check(folder, "--json").stdout)
    assert "other_world" not in [warning["kind"] for warning in elsewhere["warnings"]]
    assert any("invented world" in note for note in elsewhere["notes"])
    chosen = json.loads(check(folder, "--suite", "pythia-small", "--gpu", "T4", "--json").stdout)
    assert not any("invented world" in note for note in chosen["notes"])
