"""Reads the files of `e2lm run`, to compare runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import yaml

from e2lm.runs.metric_table import metric_table
from e2lm_ingestion.results.rescoring import KeptAnswers
from e2lm_scoring.inputs.configuration import load_configuration
from e2lm_scoring.inputs.results import read_results
from e2lm_scoring.own_machine import MetricRow
from tests.e2lm.command_line import EXAMPLES


def make_open_questions(folder: Path) -> Path:
    """The questions of science-cloze, with answers that the model writes itself."""
    shutil.copytree(EXAMPLES / "science-cloze", folder)
    task = yaml.safe_load((folder / "task.yaml").read_text())
    del task["doc_to_choice"]
    task |= {
        "task": "open-questions",
        "output_type": "generate_until",
        "doc_to_target": "{{choices[answer]}}",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 12},
        "filter_list": [{"name": "words", "filter": [{"function": "remove_whitespace"}, {"function": "take_first"}]}],
        "metric_list": [{"metric": "exact_match", "ignore_case": True}],
    }
    (folder / "task.yaml").write_text(yaml.safe_dump(task))
    return folder


def result_files(run: Path) -> dict[str, bytes]:
    """Every result file but the journal, which holds timings."""
    files = [path for path in (run / "results").rglob("*") if path.is_file() and path.name != "progress.jsonl"]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def timeless_scores(run: Path) -> dict[str, float]:
    """scores.json without its one column that differs between runs that agree."""
    scores: dict[str, float] = json.loads((run / "scores.json").read_text())
    assert scores.pop("minutes") > 0
    return scores


def metrics_of(run: Path, scoring: Path) -> tuple[MetricRow, ...]:
    """The table of metrics of a finished run."""
    configuration = load_configuration(scoring)
    results = run / "results"
    return metric_table(KeptAnswers(results), read_results(results, configuration), configuration)
