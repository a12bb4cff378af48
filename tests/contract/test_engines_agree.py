"""The same submissions through `e2lm rerun` with either engine, on all checkpoints of one trained model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from transformers import AutoTokenizer

from e2lm.suites.registry import SUITES
from e2lm_ingestion.engines import make_engine
from e2lm_ingestion.engines.requests import Requests, encode
from e2lm_ingestion.output_types.items import build_items
from e2lm_ingestion.submission.submission import open_submission
from e2lm_ingestion.suite import checkpoints_of, checkpoints_root, load_suite
from tests.e2lm.command_line import EXAMPLES, e2lm
from tests.e2lm.run_folders import make_open_questions, result_files

EXAMPLE_NAMES = ("science-cloze", "science-letters", "web-trivia", "noise")
MODEL = "mini-150k-arch1"
EARLY = {"start": 4000, "stop": 56000, "step": 4000}


@pytest.fixture(scope="module")
def suite(vllm: None, miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model of the miniature suite, scored for signal quality alone."""
    folder = tmp_path_factory.mktemp("one-model")
    described = yaml.safe_load(SUITES["miniature"].suite.read_text())
    described["models"] = [model for model in described["models"] if model["id"] == MODEL]
    (folder / "suite.yaml").write_text(yaml.safe_dump(described))
    scoring = {"suite": "miniature", "suite_version": 1, "early": {"iterations": EARLY}, "signal_models": [MODEL]}
    (folder / "scoring.yaml").write_text(yaml.safe_dump(scoring))
    return folder / "suite.yaml"


@pytest.fixture(scope="module")
def runs(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Return a function (engine, example) -> its results folder; an engine is started once, for all of them."""
    folder = tmp_path_factory.mktemp("runs")
    open_questions = make_open_questions(folder / "open-questions")

    def run(engine: str, example: str) -> Path:
        out = folder / engine
        if not out.exists():
            submissions = (*(EXAMPLES / name for name in EXAMPLE_NAMES), open_questions)
            done = e2lm("rerun", *submissions, "--suite", suite, "--out", out, "--engine", engine)
            assert done.returncode == 0, done.stderr
        return out / example / "results"

    return run


def rows_of(results: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((results / "results.json").read_text())["checkpoints"]
    return rows


@pytest.mark.parametrize("example", EXAMPLE_NAMES)
def test_both_engines_give_the_same_scores(runs: Callable[[str, str], Path], suite: Path, example: str) -> None:
    results = {engine: runs(engine, example) for engine in ("vllm", "transformers")}
    rows = {engine: rows_of(folder) for engine, folder in results.items()}
    assert len(rows["vllm"]) == len(checkpoints_of(load_suite(suite), checkpoints_root()))
    for ours, theirs in zip(rows["vllm"], rows["transformers"], strict=True):
        one = np.load(results["vllm"] / ours["arrays"])
        other = np.load(results["transformers"] / theirs["arrays"])
        # float32: each of some hundred additions a logit loses up to half of the last of 24 bits (docs/engines.md).
        np.testing.assert_allclose(one["loglikelihoods"], other["loglikelihoods"], rtol=1e-5, atol=5e-4)
        differing = np.flatnonzero(one["item_scores"] != other["item_scores"])
        choices = other["loglikelihoods"].reshape(len(other["item_scores"]), -1)
        gaps = np.diff(np.sort(choices[differing], axis=1)[:, -2:], axis=1)
        assert (gaps < 1e-3).all(), "the engines disagree on an item that is not a tie"


def test_both_engines_write_the_same_answers(runs: Callable[[str, str], Path]) -> None:
    results = {engine: runs(engine, "open-questions") for engine in ("vllm", "transformers")}
    rows = {engine: rows_of(folder) for engine, folder in results.items()}
    for ours, theirs in zip(rows["vllm"], rows["transformers"], strict=True):
        one = np.load(results["vllm"] / ours["arrays"])
        other = np.load(results["transformers"] / theirs["arrays"])
        differing = np.count_nonzero(one["item_scores"] != other["item_scores"])
        assert differing <= 2, "more answers differ than the few whose next word is a tie but for rounding"
    assert rows["vllm"][0]["score"] == 0.0
    assert rows["vllm"][-1]["score"] > 0.1


def test_a_submission_alone_gives_the_bytes_that_it_gives_among_others(
    runs: Callable[[str, str], Path], suite: Path, tmp_path: Path
) -> None:
    once = runs("vllm", "science-cloze").parent
    done = e2lm("run", EXAMPLES / "science-cloze", "--suite", suite, "--out", tmp_path, "--engine", "vllm")
    assert done.returncode == 0, done.stderr
    assert result_files(tmp_path) == result_files(once)


@pytest.fixture(scope="module")
def requests(suite: Path) -> Requests:
    """science-cloze as the model's tokenizer encodes it."""
    checkpoint = checkpoints_of(load_suite(suite), checkpoints_root())[0]
    with open_submission(EXAMPLES / "science-cloze") as submission:
        tokenizer = AutoTokenizer.from_pretrained(checkpoint.path, local_files_only=True)
        pairs = [pair for item in build_items(submission) for pair in item.pairs]
        return encode(pairs, tokenizer, load_suite(suite).context_length)


def test_weights_swapped_through_a_whole_engine_group_score_as_fresh_engines_do(
    runs: Callable[[str, str], Path], suite: Path, requests: Requests
) -> None:
    results = runs("vllm", "science-cloze")  # one engine went through all checkpoints in their order
    described = load_suite(suite)
    checkpoints = checkpoints_of(described, checkpoints_root())
    for number in (0, len(checkpoints) // 2, len(checkpoints) - 1):
        fresh = make_engine("vllm", "auto", described.context_length)
        fresh.load(checkpoints[number])
        scored = fresh.loglikelihoods(requests)
        fresh.close()
        kept = np.load(results / rows_of(results)[number]["arrays"])
        np.testing.assert_array_equal(kept["loglikelihoods"], scored.values)
        np.testing.assert_array_equal(kept["greedy"], scored.greedy)


def test_a_cache_that_is_not_read_changes_rounding_alone(
    runs: Callable[[str, str], Path], suite: Path, requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    from e2lm_ingestion.engines.vllm import VllmEngine

    run = VllmEngine._run

    def without_reading(self: VllmEngine, prompts: Any, *, read_cache: bool, shared: Any = None) -> Any:  # noqa: ANN401
        return run(self, prompts, read_cache=False, shared=shared)

    monkeypatch.setattr(VllmEngine, "_run", without_reading)
    results = runs("vllm", "science-cloze")
    described = load_suite(suite)
    checkpoints = checkpoints_of(described, checkpoints_root())
    engine = make_engine("vllm", "auto", described.context_length)
    engine.load(checkpoints[-1])
    scored = engine.loglikelihoods(requests)
    engine.close()
    row = [json.loads(line) for line in (results / "progress.jsonl").read_text().splitlines()][-1]
    assert scored.computed_tokens > row["computed_tokens"]
    kept = np.load(results / row["arrays"])
    # Attention adds the same float32 numbers up in other groups when a part of them comes from the cache.
    np.testing.assert_allclose(kept["loglikelihoods"], scored.values, rtol=1e-5, atol=5e-4)
