"""`e2lm signal`: the table, the files, and bad input that leaves none."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.e2lm.command_line import e2lm
from tests.e2lm.signal.results_files import RISING, curve_files, results_file


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two models on two benchmarks, and one of five checkpoints."""
    folder = tmp_path / "results"
    for model, shift in (("1b", 0.0), ("410m", 0.03)):
        for number, score in enumerate(RISING, start=1):
            scores = {"arc": score - shift, "noise": 0.25 + number % 2 / 100}
            args = f"pretrained=EleutherAI/pythia-{model},revision=step{1000 * number}"
            results_file(folder / model, 1000 * number, scores, model_args=args)
    return curve_files(folder, RISING[:5], task="few")


def test_the_table_is_printed_and_written_best_first(results: Path, tmp_path: Path) -> None:
    out = [tmp_path / "out" / name for name in ("signal.json", "signal.csv", "signal.html")]
    done = e2lm("signal", results, "--json", out[0], "--csv", out[1], "-o", out[2], COLUMNS="200")
    assert done.returncode == 0, done.stderr
    rows = json.loads(out[0].read_text())
    assert list(rows[0])[:4] == ["model", "benchmark", "metric", "checkpoints"]
    assert {"sq", "monotonicity", "autocorrelation", "snr", "decision_accuracy", "improvement_z"} <= rows[0].keys()
    assert [row["benchmark"] for row in rows] == ["arc", "arc", "noise", "noise", "few"]
    assert rows[-1]["sq"] is None
    assert rows[-1]["note"] == "5 checkpoints, signal quality needs 8"
    assert rows[0]["checkpoints"] == 10
    table = pd.read_csv(out[1])
    assert table["sq"].tolist()[:4] == pytest.approx([row["sq"] for row in rows[:4]])
    assert out[2].read_text().startswith("<!doctype html>")
    assert done.stdout.index("arc") < done.stdout.index("noise")
    assert f"{rows[0]['sq']:.4f}" in done.stdout
    assert "few acc, EleutherAI/pythia-1b: no signal quality: 5 checkpoints, signal quality needs 8" in done.stdout
    assert "note: 2 models, each with rows of its own" in done.stderr
    assert sorted(path.name for path in out[0].parent.iterdir()) == ["signal.csv", "signal.html", "signal.json"]


def test_groups_print_the_order_of_their_models(results: Path) -> None:
    options = ("--group", "mine: pythia-1b, pythia-410m", "--tokens-per-step", "2e6", "--early", "1.4e10")
    done = e2lm("signal", results, *options, COLUMNS="200")
    assert done.returncode == 0, done.stderr
    assert "Order of the models, early and late" in done.stdout
    assert "mine" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--group", "pythia-1b, pythia-410m"], 'give a name and two or more models, as in "1B: model-a, model-b"'),
        (["--group", "1B: pythia-1b, pythia-2b"], "no model is named 'pythia-2b'; there are: EleutherAI/pythia-1b, "),
        (["--chance", "a quarter"], "give a number, as in 0.25 or arc_easy=0.25"),
        (["--chance", "3"], "--chance 3: not on the scale of arc acc, whose scores go from 0.2"),
        (["--chance", "arc=25"], "--chance 25: not on the scale of arc acc"),
        (["--early", "2e11"], "give --tokens-per-step"),
        (["--suite", "e2lm-2025"], "EleutherAI/pythia-1b, EleutherAI/pythia-410m: not of e2lm-2025"),
        (["--step", "x"], "needs one group around the number"),
    ],
)
def test_options_that_do_not_fit_are_refused_and_nothing_is_written(
    results: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    out = tmp_path / "signal.json"
    done = e2lm("signal", results, *options, "--json", out)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not out.exists()


def test_a_damaged_file_is_one_line_and_earlier_output_stays(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "signal.json"
    out.write_text("[]")
    damaged = sorted(results.rglob("*.json"))[0]
    damaged.write_text(damaged.read_text()[:100])
    done = e2lm("signal", results, "--json", out, "-o", tmp_path / "signal.html")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {damaged}: not complete: the JSON in it ends too early")
    assert out.read_text() == "[]"
    assert not (tmp_path / "signal.html").exists()


@pytest.mark.parametrize(
    ("option", "name"), [("--json", "signal.json"), ("--csv", "signal.csv"), ("-o", "signal.html")]
)
def test_a_folder_is_no_file_to_write(results: Path, tmp_path: Path, option: str, name: str) -> None:
    done = e2lm("signal", results, option, tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {tmp_path}: a folder; give the file a name, such as {tmp_path / name}\n"


@pytest.mark.parametrize("content", [None, b"{", b'{"schema": "e2lm-results/9"}'])
def test_a_damaged_run_is_refused_in_the_same_words_by_all_commands(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "run/results/results.json"
    path.parent.mkdir(parents=True)
    path.with_name("progress.jsonl").write_text("{}\n")
    if content is not None:
        path.write_bytes(content)
    told = "missing; give a folder in which e2lm run has finished"
    if content is not None:
        told = "damaged, or of another version; run the submission again"
    commands = (["compare", "run", "run"], ["rescore", "run", "--metric", "acc"], ["signal", "run"], ["signal", "."])
    for command in commands[: 3 if content is None else 4]:
        done = e2lm(*command, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (2, f"error: {path.relative_to(tmp_path)}: {told}\n"), command


def test_a_source_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("step,arc\n1,0.3\n")
    done = e2lm("signal", path, "--csv", "scores.csv", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "error: scores.csv: is read, and would be written over; give another file\n"
    assert path.read_text() == "step,arc\n1,0.3\n"
