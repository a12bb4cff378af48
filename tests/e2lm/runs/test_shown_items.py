"""The items that the report shows on one's own machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from e2lm.runs.shown_items import HIGHEST, LOWEST, _chosen, shown_items
from e2lm_ingestion.output_types.items import build_items
from e2lm_ingestion.output_types.protocol import Item
from e2lm_ingestion.results.rescoring import KeptAnswers
from e2lm_ingestion.submission.submission import open_submission
from e2lm_scoring.inputs.configuration import load_configuration
from e2lm_scoring.inputs.results import read_results
from e2lm_scoring.own_machine import ShownItems
from tests.e2lm.command_line import EXAMPLES, e2lm
from tests.e2lm.run_folders import make_open_questions


def items_of(run: Path, scoring: Path, items: list[Item]) -> ShownItems:
    configuration = load_configuration(scoring)
    results = run / "results"
    return shown_items(KeptAnswers(results), read_results(results, configuration), configuration, items)


def test_an_item_has_its_text_its_choices_and_what_each_model_preferred(small_run: Path, small_suite: Path) -> None:
    scoring = small_suite.parent / "scoring.yaml"
    with open_submission(EXAMPLES / "science-cloze") as submission:
        items = build_items(submission)
    shown = items_of(small_run, scoring, items)
    assert (len(shown.items), shown.count) == (len(items), len(items))
    configuration = load_configuration(scoring)
    models, checkpoints = configuration.signal_models, configuration.early.iterations
    preferred = np.array([item.preferred for item in shown.items])
    assert preferred.shape == (len(items), len(models), len(checkpoints))
    right = np.array([item.right[0] for item in shown.items])[:, None, None]
    # acc is 1 where the preferred choice is right
    assert np.allclose((preferred == right).mean(axis=1), [item.scores for item in shown.items], atol=1e-3)
    first = shown.items[0]
    assert items[0].contexts[0].endswith(first.text)
    assert first.choices == items[0].choices
    page = (small_run / "detailed_results.html").read_text()
    assert "items-shown" in page
    assert "The same answers under other metrics" in page


def test_what_a_model_writes_is_shown(small_suite: Path, tmp_path: Path) -> None:
    task = make_open_questions(tmp_path / "open-questions")
    done = e2lm("run", task, "--suite", small_suite, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    with open_submission(task) as submission:
        shown = items_of(tmp_path / "out", small_suite.parent / "scoring.yaml", build_items(submission))
    assert all(item.preferred == () and len(item.written) == len(shown.models) for item in shown.items)
    assert any(text for item in shown.items for one in item.written for text in one)


def test_of_many_items_those_with_the_lowest_and_the_highest_trend_are_shown() -> None:
    trends = np.linspace(-1, 1, 5000)
    chosen = _chosen(trends)
    assert chosen.tolist() == [*range(LOWEST), *range(5000 - HIGHEST, 5000)]
