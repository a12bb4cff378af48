"""Once a model was asked, participants read nothing that depends on its answers; organizers read all of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from e2lm.suites.registry import SUITES
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.execution.platform_log import WITHHELD, PlatformLog
from e2lm_ingestion.output_types.item_sets import item_set_of_items
from e2lm_ingestion.output_types.items import items_by_task
from e2lm_ingestion.submission.submission import open_submission
from tests.e2lm.command_line import PROJECT_ROOT
from tests.ingestion.submissions import documents, json_lines, plain_task

# overflows where a model is sure enough that the right choice is wrong
ORACLE = {"metric": "mine", "expression": "exp(-20 * max(ll[gold]))"}
GENERATION = {"output_type": "generate_until", "doc_to_text": "x", "doc_to_target": "y", "doc_to_choice": None}


def write_submission(folder: Path, **changes: object) -> Path:
    folder.mkdir()
    task = {key: value for key, value in {**plain_task(), **changes}.items() if value is not None}
    (folder / "task.yaml").write_text(yaml.safe_dump(task))
    (folder / "test.jsonl").write_text(json_lines(documents()))
    (folder / "dev.jsonl").write_text(json_lines(documents(2)))
    return folder


def ingest(tmp_path: Path, submission: Path, checkpoints: Path, *more: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "input_data").mkdir()
    suite = yaml.safe_load(SUITES["miniature"].suite.read_text())
    suite["models"] = [{**suite["models"][0], "iterations": [4000, 8000]}]
    (tmp_path / "input_data/suite.yaml").write_text(yaml.safe_dump(suite))
    (tmp_path / "input_data/e2lm.key").write_text("0123456789abcdef" * 4)
    folders = [str(tmp_path / "input_data"), str(submission), str(tmp_path / "output")]
    program = PROJECT_ROOT / "ingestion_program/ingestion.py"
    return subprocess.run(
        [sys.executable, str(program), *folders, "--checkpoints", str(checkpoints), *more],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def test_a_metric_that_overflows_on_some_answers_is_no_oracle(tmp_path: Path, miniature: Path) -> None:
    submission = write_submission(tmp_path / "submission", metric_list=[ORACLE])
    done = ingest(tmp_path, submission, miniature)
    assert done.returncode == 0, "a submission that reached the models counts"
    assert json.loads((tmp_path / "output/results.json").read_text())["schema"] == "e2lm-unscored/1"
    assert (tmp_path / "output/seal.json").is_file()
    assert done.stdout == "sums: running on every checkpoint of miniature\n"
    assert done.stderr == f"error: {WITHHELD}\n"
    kept = (tmp_path / "output/organizers.log").read_text()
    assert re.search(r"error: the metric 'exp.*' gives \S+ for item \d+", kept)


def test_organizers_may_have_all_of_it_in_the_log(tmp_path: Path, miniature: Path) -> None:
    submission = write_submission(tmp_path / "submission", metric_list=[ORACLE])
    done = ingest(tmp_path, submission, miniature, "--reveal", "organizer")
    assert done.returncode == 0
    assert re.search(r"error: the metric 'exp.*' gives \S+ for item \d+", done.stderr)


def test_progress_is_a_count_and_a_total_time(tmp_path: Path, miniature: Path) -> None:
    done = ingest(tmp_path, write_submission(tmp_path / "submission"), miniature)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "sums: running on every checkpoint of miniature",
        "2 of 2 checkpoints are done, after 1 min",
    ]
    kept = (tmp_path / "output/organizers.log").read_text()
    assert len(re.findall(r"\[[12]/2\] mini-\S+ at iteration \S+ .*: \d+\.\d s", kept)) == 2


def test_what_other_processes_print_goes_to_the_organizers(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = PlatformLog(tmp_path / "organizers.log")
    with log.others_kept():
        subprocess.run([sys.executable, "-c", "import sys; print('item 3'); print('1.5', file=sys.stderr)"], check=True)
        log.models_are_asked()
        log.fail("item 3 of secret-model")
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", f"error: {WITHHELD}\n")
    assert {"item 3", "1.5", "error: item 3 of secret-model"} <= set(log_lines(tmp_path))


def log_lines(folder: Path) -> Sequence[str]:
    return (folder / "organizers.log").read_text().splitlines()


@pytest.mark.parametrize("pattern", [r"(\w+\s?)*$(a+)+$", r"answer(\d+)*!$", r"(the )*(the )*(the )*(the )*x"])
def test_a_pattern_that_is_slow_on_some_texts_is_refused_before_a_model_is_asked(tmp_path: Path, pattern: str) -> None:
    chain = {"name": "a", "filter": [{"function": "regex", "regex_pattern": pattern}]}
    changes = {**GENERATION, "filter_list": [chain], "metric_list": [{"metric": "exact_match"}]}
    with (
        open_submission(write_submission(tmp_path / "submission", **changes)) as submission,
        pytest.raises(SubmissionError, match="filter_list: a pattern takes too long on text that repeats itself"),
    ):
        item_set_of_items(submission, items_by_task(submission))


@pytest.mark.parametrize(
    "pattern", [r"#### (\-?[0-9\.\,]+)", r"(-?[$0-9.,]{2,})|(-?[0-9]+)", r".*?[Aa]nswer is:? *\(?([A-D])\)?"]
)
def test_patterns_of_known_benchmarks_are_quick(tmp_path: Path, pattern: str) -> None:
    chain = {"name": "a", "filter": [{"function": "regex", "regex_pattern": pattern}]}
    changes = {**GENERATION, "filter_list": [chain], "metric_list": [{"metric": "exact_match"}]}
    with open_submission(write_submission(tmp_path / "submission", **changes)) as submission:
        assert item_set_of_items(submission, items_by_task(submission)).count == 100
