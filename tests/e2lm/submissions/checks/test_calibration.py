"""The forecast calibrated with a real run: what it says of another task, and what a run cannot tell."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from e2lm.submissions.checks.calibration import calibrated
from e2lm.suites.registry import find_suite
from e2lm_ingestion.engines import make_engine
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.execution.pickle_store import PickleStore
from e2lm_ingestion.execution.process_pool import make_runner
from e2lm_ingestion.execution.sweep import PreparedSubmission, prepare, sweep_all
from e2lm_ingestion.forecast.duration import Work, checkpoint_seconds, minutes, parameters_of
from e2lm_ingestion.forecast.hardware import CPU, GPUS, TRANSFORMERS, VLLM, Hardware
from e2lm_ingestion.forecast.volume import Volume, suite_tokenizer, volume
from e2lm_ingestion.output_types.items import items_by_task
from e2lm_ingestion.submission.submission import open_submission
from e2lm_ingestion.suite import Suite, checkpoints_root, load_suite
from tests.e2lm.command_line import EXAMPLES

Row = dict[str, Any]


@pytest.fixture(scope="module")
def suite() -> Suite:
    """Eight checkpoints each of the smallest and the largest model."""
    whole = load_suite(find_suite("miniature").suite)
    chosen = [model for model in whole.models if model.id in ("mini-150k-arch1", "mini-400k-arch1")]
    return whole.model_copy(
        update={"models": tuple(model.model_copy(update={"iterations": model.iterations[:8]}) for model in chosen)}
    )


@pytest.fixture(scope="module")
def runs(suite: Suite, miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Volume]]:
    """Folder and volume of two runs, made in turns on each checkpoint so that other load disturbs both alike."""
    found = {}
    tokenizer = suite_tokenizer(suite, checkpoints_root())
    with closing(PickleStore(0)) as store:
        prepared = []
        for number, name in enumerate(("science-cloze", "web-trivia")):
            folder = tmp_path_factory.mktemp(name)
            with open_submission(EXAMPLES / name) as submission:
                prepared.append(prepare(submission, suite, folder / "results", store, number))
                items = [item for own in items_by_task(submission).values() for item in own]
            found[name] = folder, volume(items, tokenizer, suite.context_length)

        def fail(failed: PreparedSubmission, error: Exception, trace: str) -> None:
            raise error

        sweep_all(
            prepared,
            store,
            suite,
            root=checkpoints_root(),
            make_engine=partial(make_engine, "transformers", "auto", suite.context_length),
            start=partial(make_runner, workers=1),
            on_progress=lambda progress: None,
            on_failure=fail,
        )
    return found


@pytest.fixture
def copied(runs: dict[str, tuple[Path, Volume]], tmp_path: Path) -> Path:
    return Path(shutil.copytree(runs["science-cloze"][0], tmp_path / "run"))


def change(run: Path, head: Callable[[Row], object], row: Callable[[Row], object] = lambda row: None) -> None:
    path = run / "results/progress.jsonl"
    first, *others = [json.loads(line) for line in path.read_text().splitlines()]
    head(first)
    for other in others:
        row(other)
    path.write_text("".join(json.dumps(line) + "\n" for line in (first, *others)))


def test_one_run_tells_the_time_of_another_task(suite: Suite, runs: dict[str, tuple[Path, Volume]]) -> None:
    volume = runs["web-trivia"][1]
    machine = calibrated(runs["science-cloze"][0], suite, volume)
    rows = [json.loads(line) for line in (runs["web-trivia"][0] / "results/progress.jsonl").read_text().splitlines()]
    for model in suite.models:
        size = parameters_of(model.size)
        assert size is not None
        work = Work(volume.prompts, 0, volume.unique_tokens, volume.tokens / volume.requests)
        measured = median(row["seconds"] for row in rows[1:] if row["model"] == model.id)
        # 0.75 to 1.25 on a quiet machine; other load comes and goes.
        assert 0.5 < checkpoint_seconds(work, size, machine) / measured < 2


def test_seconds_of_a_run_are_given_back(suite: Suite, runs: dict[str, tuple[Path, Volume]], copied: Path) -> None:
    volume = runs["science-cloze"][1]
    size = {model.id: parameters_of(model.size) or 0 for model in suite.models}
    change(copied, lambda head: None, lambda row: row.update(seconds=size[row["model"]] / 1e5))
    machine = calibrated(copied, suite, volume)
    assert (machine.kind, machine.hardware.engine.start) == ("run", 0)
    assert set(machine.factors) == set(size.values())
    time = minutes(suite, volume, machine)
    assert time is not None
    # 8 checkpoints at 1.5 s and 8 at 4 s; computed tokens and unique ones differ a little
    assert time * 60 == pytest.approx(8 + 8 * 1.5 + 8 * 4, rel=0.02)


def test_the_start_of_an_engine_is_what_first_checkpoints_take_longer(
    suite: Suite, runs: dict[str, tuple[Path, Volume]], copied: Path
) -> None:
    change(copied, lambda head: None, lambda row: row.update(seconds=31.0 if row["iteration"] == 4000 else 1.0))
    assert calibrated(copied, suite, runs["science-cloze"][1]).hardware.engine.start == pytest.approx(30)


@pytest.mark.parametrize(
    ("name", "device", "hardware"),
    [
        ("transformers", "cpu (x86_64, AVX512)", CPU),
        ("vllm", "NVIDIA H100 80GB HBM3", GPUS["H100"]),
        ("vllm", "NVIDIA A100-SXM4-40GB", GPUS["A100"]),
        ("vllm", "NVIDIA L40S", GPUS["L40S"]),
        ("transformers", "Tesla T4", GPUS["T4"]),
        ("vllm", "another", GPUS["A100"]),
    ],
)
def test_the_runs_device_and_engine_are_recognized(
    suite: Suite, runs: dict[str, tuple[Path, Volume]], copied: Path, name: str, device: str, hardware: Hardware
) -> None:
    change(copied, lambda head: head["engine"].update(name=name, device=device))
    found = calibrated(copied, suite, runs["science-cloze"][1]).hardware
    assert (found.operations, found.bandwidth) == (hardware.operations, hardware.bandwidth)
    assert found.engine.prompt == (TRANSFORMERS if name == "transformers" else VLLM).prompt


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda run: shutil.rmtree(run), "there is no such file; give a folder that e2lm run wrote"),
        (lambda run: (run / "results/progress.jsonl").write_text("{}\n"), "not the journal of a run, or damaged"),
        (lambda run: (run / "results/progress.jsonl").write_text("[]\n[]\n"), "not the journal of a run, or damaged"),
        (lambda run: (run / "results/progress.jsonl").write_bytes(b"\xff\n"), "not the journal of a run, or damaged"),
        (lambda run: (run / "results/progress.jsonl").write_text(""), "not the journal of a run, or damaged"),
        (lambda run: change(run, lambda head: head["engine"].clear()), "not the journal of a run, or damaged"),
        (lambda run: (run / "results/items.npz").write_text("no"), "items.npz or checkpoints/"),
        (lambda run: (run / "results/items.npz").write_bytes(b"PK\3\4"), "items.npz or checkpoints/"),
        (lambda run: (run / "results/items.npz").write_bytes(b""), "items.npz or checkpoints/"),
        (
            lambda run: change(run, lambda head: None, lambda row: row.update(seconds=float("inf"))),
            "no size of model has 3 finished checkpoints",
        ),
        (lambda run: change(run, lambda head: head.update(output_type="generate_until")), "whose models write texts"),
        (
            lambda run: change(run, lambda head: [model.update(size="large") for model in head["models"]]),
            "no size of model has 3 finished checkpoints",
        ),
    ],
)
def test_what_cannot_calibrate_is_one_line(
    suite: Suite,
    runs: dict[str, tuple[Path, Volume]],
    copied: Path,
    damage: Callable[[Path], object],
    expected: str,
) -> None:
    damage(copied)
    with pytest.raises(OrganizerError, match="--calibrate") as error:
        calibrated(copied, suite, runs["science-cloze"][1])
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_small_models_tell_nothing_of_large_ones(runs: dict[str, tuple[Path, Volume]]) -> None:
    large = load_suite(find_suite("e2lm-2025").suite)
    with pytest.raises(OrganizerError, match=r"too small or too large to tell the time of dense-500m-arch1 \(0.5B\)"):
        calibrated(*(runs["science-cloze"][0], large, runs["science-cloze"][1]))
