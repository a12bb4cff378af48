"""What is written once in each program, since neither imports the other, is the same in both."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from e2lm.project import PROJECT_ROOT
from e2lm_ingestion import errors as ingestion_errors
from e2lm_ingestion import file_names as ingestion_names
from e2lm_ingestion import organizer_yaml as ingestion_yaml
from e2lm_ingestion.results import folder as ingestion_results
from e2lm_ingestion.results import seal as ingestion_seal
from e2lm_ingestion.submission import file_rules
from e2lm_ingestion.suite import IterationRange as IngestionRange
from e2lm_scoring import errors as scoring_errors
from e2lm_scoring import file_names as scoring_names
from e2lm_scoring import organizer_yaml as scoring_yaml
from e2lm_scoring.inputs import results as scoring_results
from e2lm_scoring.inputs import seal as scoring_seal
from e2lm_scoring.inputs.configuration import IterationRange as ScoringRange

KEY = b"0123456789abcdef" * 4


def test_the_results_format_has_one_name() -> None:
    assert ingestion_results.SCHEMA == scoring_results.SCHEMA


@pytest.mark.parametrize("name", ["RESULTS", "JOURNAL", "SEAL"])
def test_scoring_looks_for_the_files_that_ingestion_writes(name: str) -> None:
    assert getattr(ingestion_names, name) == getattr(scoring_names, name)


def test_a_submission_may_bring_no_file_that_the_worker_takes_for_scorings() -> None:
    assert {scoring_names.SCORES, scoring_names.REPORT} <= set(file_rules.RESERVED_NAMES)


@pytest.mark.parametrize("name", ["SCHEMA", "SEALED", "KEY_FILE", "MIN_KEY_LENGTH"])
def test_the_seal_is_the_same(name: str) -> None:
    assert getattr(ingestion_seal, name) == getattr(scoring_seal, name)


def test_the_same_key_is_read_from_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / ingestion_seal.KEY_FILE).write_bytes(KEY + b"\n")
    folders = [tmp_path / "none", tmp_path / "later"]
    assert ingestion_seal.read_key(folders) == scoring_seal.read_key(folders) == KEY


def test_the_files_of_a_submission_that_do_not_count_have_the_same_names() -> None:
    for name in ("PACKED", "PACK_MARK", "RUN_MARK", "LEFT_FOLDERS", "LEFT_FILES", "LEFT_ENDINGS"):
        assert getattr(file_rules, name) == getattr(scoring_seal, name)


@pytest.mark.parametrize("weight_by_size", [True, False])
def test_the_score_of_a_checkpoint_is_the_same_mean_of_its_items(weight_by_size: bool) -> None:
    scores = np.random.default_rng(0).random(60).astype(np.float32)
    sizes = (10, 45, 5)
    row = scoring_results.ResultsFile.model_validate(
        {
            **{"schema": scoring_results.SCHEMA, "suite": "s", "suite_version": 1, "task": "t", "metric": "acc"},
            **{"higher_is_better": True, "chance": None, "submission": {"sha256": "0", "items": 60}, "engine": {}},
            **{"models": [], "checkpoints": [], "weight_by_size": weight_by_size},
            "subsets": [{"name": str(size), "items": size} for size in sizes],
        }
    )
    written = ingestion_results.mean_score(scores, sizes, weight_by_size)
    assert float(np.mean(scores * row.item_weights, dtype=np.float64)) == pytest.approx(written, abs=1e-7)


@pytest.mark.parametrize(
    "given",
    [
        {"start": 2, "stop": 8, "step": 2},
        {"start": 5, "stop": 5, "step": 1},
        {"start": 2, "stop": 9, "step": 2},
        {"start": 8, "stop": 2, "step": 2},
        {"start": 0, "stop": 8, "step": 2},
        {"start": 2, "stop": 8, "step": 0},
        {"start": 2, "stop": 8},
        {"start": 2, "stop": 8, "step": 2, "end": 1},
    ],
)
def test_a_range_of_iterations_is_the_same_or_refused_by_both(given: dict[str, int]) -> None:
    assert read(IngestionRange, given) == read(ScoringRange, given)


def read(model: type[IngestionRange] | type[ScoringRange], given: dict[str, int]) -> dict[str, Any] | str:
    try:
        return model.model_validate(given).model_dump()
    except ValidationError as error:
        return json.dumps([(one["loc"], one["msg"]) for one in error.errors()])


@pytest.mark.parametrize("name", ["SubmissionError", "OrganizerError"])
def test_the_errors_for_people_say_the_same_of_themselves(name: str) -> None:
    assert getattr(ingestion_errors, name).__doc__ == getattr(scoring_errors, name).__doc__


def test_the_programs_default_to_the_folders_that_their_metadata_names() -> None:
    for program in ("ingestion", "scoring"):
        folder = PROJECT_ROOT / f"{program}_program"
        named = set(re.findall(r"/app/[a-z_/]+", (folder / "metadata.yaml").read_text()))
        source = (folder / f"{program}.py").read_text()
        assert {name for name in named if not name.startswith("/app/program/")} <= set(
            re.findall(r"/app/[a-z_/]+", source)
        )


def test_the_readers_of_the_organizers_yaml_are_the_same() -> None:
    ours = inspect.getsource(ingestion_yaml).replace("e2lm_ingestion", "e2lm_scoring")
    assert ours == inspect.getsource(scoring_yaml)
