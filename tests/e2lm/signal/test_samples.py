"""Scores of items: from lm_eval's samples, from run folders, and from what `e2lm run --lm-eval-output` writes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from e2lm.runs.lm_eval_output import write_lm_eval_output
from e2lm.signal import load_curves, signal_table
from e2lm_ingestion.engines import make_engine
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.execution.sweep import sweep
from e2lm_ingestion.submission.submission import open_submission
from e2lm_ingestion.suite import checkpoints_of, checkpoints_root, load_suite
from e2lm_scoring.inputs.configuration import load_configuration
from e2lm_scoring.inputs.results import read_results
from e2lm_scoring.scores import evaluate_results
from tests.e2lm.command_line import EXAMPLES, e2lm
from tests.e2lm.run_folders import make_open_questions

MODEL = "mini-150k-arch2"
EARLY = 2e11  # tokens: the eight early checkpoints of the small suite
RUN_LM_EVAL = Path(__file__).with_name("run_lm_eval.py")


@pytest.fixture(scope="module")
def written(small_run: Path, small_suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small run in lm_eval's form."""
    out = tmp_path_factory.mktemp("lm-eval")
    write_lm_eval_output(EXAMPLES / "science-cloze", small_suite, small_run / "results", out)
    return out


@pytest.fixture(scope="module")
def evaluated(lm_eval: None, small_suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same task and early checkpoints of one model, evaluated by lm_eval itself."""
    out = tmp_path_factory.mktemp("lm_eval_output")
    every = checkpoints_of(load_suite(small_suite), checkpoints_root())
    paths = [str(one.path) for one in every if one.model == MODEL and one.iteration <= 32000]
    settings = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(out / ".cache"), "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        [sys.executable, RUN_LM_EVAL, EXAMPLES / "science-cloze", "science-cloze", out, *paths],
        env={**os.environ, **settings, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def row_of(table: pd.DataFrame, model: str = MODEL) -> pd.Series:
    return table[table["model"].str.endswith(model)].iloc[0]


def test_a_run_folder_gives_what_scoring_gives(small_run: Path, small_suite: Path) -> None:
    curves = load_curves(small_run)
    table = signal_table(curves, early=EARLY)
    configuration = load_configuration(small_suite.with_name("scoring.yaml"))
    report, _ = evaluate_results(read_results(small_run / "results", configuration), configuration)
    signal = report.signal[0]
    row = row_of(table, signal.model)
    assert row["sq"] == signal.sq
    assert row["improvement_z"] == pytest.approx(signal.improvement_z)
    assert (row["sq_low"], row["sq_high"]) == (report.intervals["sq"].low, report.intervals["sq"].high)
    assert row["eligible"] == report.eligible
    in_suite = signal_table(curves, suite=str(small_suite))
    assert row_of(in_suite, signal.model)["suite_sq"] == report.scores["sq"]
    assert in_suite["ranking_consistency"].dropna().unique().tolist() == [report.scores["rc"]]


def test_what_lm_eval_finds_is_read_back_as_what_a_run_finds(small_run: Path, evaluated: Path) -> None:
    theirs, ours = load_curves(evaluated), load_curves(small_run)
    ours = ours[(ours["model"] == MODEL) & (ours["tokens"] <= EARLY)]
    assert theirs["step"].tolist() == ours["step"].tolist()
    assert set(theirs["model"]) == {MODEL}
    assert theirs["score"].tolist() == pytest.approx(ours["score"].tolist(), abs=1e-6)
    assert (np.stack(list(theirs["item_scores"])) == np.stack(list(ours["item_scores"]))).all()
    assert np.stack(list(theirs["contrast"])) == pytest.approx(np.stack(list(ours["contrast"])), abs=1e-4)
    one, other = row_of(signal_table(theirs)), row_of(signal_table(ours))
    assert one["z_from"] == other["z_from"] == "items"
    for key in ("sq", "sq_low", "sq_high", "improvement_z", "contrast_z", "chance", "non_randomness"):
        assert one[key] == pytest.approx(other[key], abs=1e-6), key


def test_a_run_in_lm_eval_s_form_is_read_back_as_the_run(small_run: Path, written: Path) -> None:
    ours, again = load_curves(small_run), load_curves(written)
    assert again["tokens"].tolist() == ours["tokens"].tolist()
    assert again["score"].tolist() == pytest.approx(ours["score"].tolist(), abs=1e-9)
    assert (np.stack(list(again["item_scores"])) == np.stack(list(ours["item_scores"]))).all()
    assert np.stack(list(again["contrast"])) == pytest.approx(np.stack(list(ours["contrast"])), abs=1e-4)
    table = signal_table(again, early=EARLY)
    assert row_of(table)["sq"] == row_of(signal_table(ours, early=EARLY))["sq"]


def test_the_form_is_lm_eval_s_own(evaluated: Path, written: Path) -> None:
    """Every key of a sample, in the same order, and every key of the results that a reader needs."""
    theirs, ours = (sorted(folder.rglob("samples_*.jsonl"))[0] for folder in (evaluated, written))
    one, other = (json.loads(path.read_text().splitlines()[0]) for path in (theirs, ours))
    assert list(one) == list(other)
    assert {key: one[key] for key in ("doc_id", "target", "arguments", "filter", "metrics", "prompt_hash")} == {
        key: other[key] for key in ("doc_id", "target", "arguments", "filter", "metrics", "prompt_hash")
    }
    results = [json.loads(sorted(folder.rglob("results_*.json"))[0].read_text()) for folder in (evaluated, written)]
    needed = ("results", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "config")
    for key in (*needed, "date", "model_source", "model_name", "model_name_sanitized", "task_hashes"):
        assert all(key in one for one in results), key
    assert results[0]["n-samples"] == results[1]["n-samples"]
    assert results[0]["n-shot"] == results[1]["n-shot"]
    assert results[0]["results"]["science-cloze"].keys() >= {"acc,none", "acc_stderr,none"}


def test_lm_eval_s_own_table_is_made_of_our_output(lm_eval: None, written: Path) -> None:
    from lm_eval.utils import make_table

    path = sorted(written.rglob("results_*.json"))[0]
    results = json.loads(path.read_text())
    assert f"{results['results']['science-cloze']['acc,none']:.4f}" in make_table(results)


def test_writing_again_leaves_one_file_for_a_checkpoint(small_run: Path, small_suite: Path, written: Path) -> None:
    before = sorted(written.rglob("*"))
    write_lm_eval_output(EXAMPLES / "science-cloze", small_suite, small_run / "results", written)
    assert sorted(written.rglob("*")) == before


def test_a_finished_run_is_written_by_the_command(small_run: Path, small_suite: Path, tmp_path: Path) -> None:
    run = shutil.copytree(small_run, tmp_path / "run")
    out = tmp_path / "out"
    options = ("--suite", small_suite, "--out", run, "--lm-eval-output", out)
    done = e2lm("run", EXAMPLES / "science-cloze", *options)
    assert done.returncode == 0, done.stderr
    assert f"lm_eval: {out}: 27 results_*.json, with samples" in done.stdout
    assert len(list(out.rglob("results_*.json"))) == len(list(out.rglob("samples_*.jsonl"))) == 27


def test_damaged_samples_are_named_with_their_line(written: Path, tmp_path: Path) -> None:
    for path in sorted(written.rglob(f"*{MODEL}*/*"))[:1] + sorted(written.rglob("samples_*"))[:1]:
        folder = tmp_path / path.parent.name
        folder.mkdir(exist_ok=True)
    results = sorted(written.rglob("results_*.json"))[0]
    samples = results.with_name(results.name.replace("results_", "samples_science-cloze_") + "l")
    (tmp_path / results.name).write_bytes(results.read_bytes())
    lines = samples.read_text().splitlines(keepends=True)
    damaged = tmp_path / samples.name
    damaged.write_text("".join(lines[:5]) + lines[5][: len(lines[5]) // 2])
    with pytest.raises(OrganizerError, match="line 6: not a sample of lm_eval, or cut short"):
        load_curves(tmp_path)
    damaged.write_text("".join([*lines, lines[3]]))
    with pytest.raises(OrganizerError, match="a doc_id stands twice; delete the file"):
        load_curves(tmp_path)
    damaged.write_text("")
    with pytest.raises(OrganizerError, match="empty; delete it"):
        load_curves(tmp_path)


def test_samples_of_other_documents_under_one_name_are_refused(written: Path, tmp_path: Path) -> None:
    for number, results in enumerate(sorted(written.rglob("results_*.json"))[:2]):
        samples = results.with_name(results.name.replace("results_", "samples_science-cloze_") + "l")
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / results.name).write_bytes(results.read_bytes())
        text = samples.read_text()
        if number:
            text = text.replace('"doc_hash": "', '"doc_hash": "0')
        (folder / samples.name).write_text(text)
    with pytest.raises(OrganizerError, match="science-cloze: two tasks under one name"):
        load_curves(tmp_path)


def of_kind(kind: str, folder: Path) -> Path:
    """The questions of science-cloze as another output type, or twice in a group."""
    if kind == "generate_until":
        return make_open_questions(folder)
    shutil.copytree(EXAMPLES / "science-cloze", folder)
    task = yaml.safe_load((folder / "task.yaml").read_text())
    if kind == "group":
        task["metric_list"] = [{"metric": "acc"}, {"metric": "mine", "expression": "ll[gold] - mean(ll[~gold])"}]
        for name in ("a", "b"):
            (folder / f"{name}.yaml").write_text(yaml.safe_dump({**task, "task": name}))
        whole = {
            "group": "both",
            "task": ["a", "b"],
            "aggregate_metric_list": [{"metric": "acc", "weight_by_size": True}],
        }
        (folder / "task.yaml").write_text(yaml.safe_dump(whole))
        return folder
    for key in ("doc_to_choice", "fewshot_split", "num_fewshot", "fewshot_config"):
        task.pop(key)
    task |= {"output_type": kind, "doc_to_text": "", "doc_to_target": "{{question}}"}
    (folder / "task.yaml").write_text(yaml.safe_dump(task | {"metric_list": [{"metric": "word_perplexity"}]}))
    return folder


@pytest.mark.parametrize(
    ("kind", "arguments", "answers"),
    [("group", 2, 4), ("generate_until", 2, 1), ("loglikelihood_rolling", 1, 1)],
)
def test_every_output_type_is_written_and_read_back(
    small_suite: Path, tmp_path: Path, kind: str, arguments: int, answers: int
) -> None:
    whole = yaml.safe_load(small_suite.read_text())
    models = [{**model, "iterations": [4000, 32000]} for model in whole["models"] if model["id"] == MODEL]
    suite_yaml, folder, results = tmp_path / "suite.yaml", of_kind(kind, tmp_path / "task"), tmp_path / "results"
    suite_yaml.write_text(yaml.safe_dump({**whole, "models": models}))
    suite = load_suite(suite_yaml)
    engine = partial(make_engine, "transformers", "float32", suite.context_length)
    with open_submission(folder) as submission:
        sweep(submission, suite, root=checkpoints_root(), results=results, make_engine=engine)
    write_lm_eval_output(folder, suite_yaml, results, tmp_path / "out")
    ours, again = load_curves(results), load_curves(tmp_path / "out")
    name, metric = ours["benchmark"].iloc[0], ours["metric"].iloc[0]
    chains = again["metric"].str.split(",").str[0]
    same = again[(again["benchmark"] == name) & (chains == metric)]
    assert same["score"].tolist() == pytest.approx(ours["score"].tolist(), rel=1e-6)
    assert same["higher_is_better"].tolist() == ours["higher_is_better"].tolist()
    if kind == "group":
        assert set(again["benchmark"]) == {"both", "a", "b"}
        assert set(again["metric"]) == {"acc", "mine"}
        assert {len(scores) for scores in same["item_scores"]} == {432}
        assert set(same["subsets"]) == {(216, 216)}
    sample = json.loads(sorted((tmp_path / "out").rglob("samples_*"))[0].read_text().splitlines()[0])
    assert len(sample["arguments"]["gen_args_0"]) == arguments
    assert len(sample["resps"]) == len(sample["filtered_resps"]) == answers
