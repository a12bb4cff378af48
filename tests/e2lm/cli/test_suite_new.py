"""`e2lm suite new`: names of folders and revisions as training runs have them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2lm.codabench.competition_yaml import read_competition
from e2lm.runs.single import equal_checkpoints
from e2lm.suites.checkpoint_names import in_range, in_revisions, tokens_per_step
from e2lm.suites.proposal import SCORING_KEYS
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import Model, checkpoints_of, load_suite
from e2lm_scoring.inputs.configuration import Configuration, load_configuration
from e2lm_scoring.inputs.results import CheckpointRow
from tests.e2lm.command_line import e2lm
from tests.e2lm.suites.hub_server import Hub, running_hub

OLMO = [
    "main",
    "stage1-step0-tokens0B",
    "stage1-step1000-tokens3B",
    "stage1-step101000-tokens424B",
    "stage2-step1000-x",
]


def test_revisions_are_found_by_their_names() -> None:
    found = in_revisions(OLMO, "stage1-step{iteration}-tokens{tokens}B", "allenai/OLMo", None)
    assert found.names == {1000: "stage1-step1000-tokens3B", 101000: "stage1-step101000-tokens424B"}
    assert list(in_revisions(OLMO, "stage1-step{iteration}-*", "allenai/OLMo", "1000").names) == [1000]
    with pytest.raises(OrganizerError, match="are both iteration 1000"):
        in_revisions(OLMO, "*step{iteration}*", "allenai/OLMo", None)
    with pytest.raises(OrganizerError, match="no revision of allenai/OLMo is named so; there are main, stage1"):
        in_revisions(OLMO, "ckpt{iteration}*", "allenai/OLMo", None)


def olmo(stage: str, steps: range) -> list[str]:
    """Names of revisions as OLMo has them: billions of tokens rounded up, 2,097,152 a step."""
    return [f"{stage}-step{step}-tokens{-(-step * 2_097_152 // 10**9)}B" for step in steps]


REVISIONS = {
    "olmo/two-stages": [
        "main",
        *olmo("stage1", range(0, 110_000, 10_000)),
        *olmo("stage2-ingredient1", range(1000, 10_000, 1000)),
    ],
    "pythia/small": ["main", "step0", *(f"step{2**n}" for n in range(10)), *(f"step{n}000" for n in range(1, 9))],
    "amber/padded": ["main", *(f"ckpt_{n:03d}" for n in range(12))],
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """Repositories with revisions, of which only the names are read."""
    with running_hub() as server:
        empty = tmp_path_factory.mktemp("empty")
        for repository, revisions in REVISIONS.items():
            server.repositories |= {(repository, revision): empty for revision in revisions}
        yield server


@pytest.mark.parametrize(
    ("source", "arguments", "first", "tokens", "count"),
    [
        ("olmo/two-stages", ["stage1-step{iteration}-tokens{tokens}B"], "stage1-step10000-tokens21B", 2_097_152, 10),
        (
            "olmo/two-stages",
            ["stage2-ingredient1-step{iteration}-tokens{tokens}B", "--iterations", "2000:9000:1000"],
            "stage2-ingredient1-step2000-tokens5B",
            2_097_152,
            8,
        ),
        ("pythia/small", ["step{iteration}", "--tokens-per-step", "7"], "step1", 7, 18),
        ("amber/padded", ["ckpt_{iteration:03d}", "--tokens-per-step", "7"], "ckpt_001", 7, 11),
    ],
)
def test_revisions_on_the_hub_are_a_suite(
    source: str, arguments: list[str], first: str, tokens: int, count: int, hub: Hub, tmp_path: Path
) -> None:
    command: tuple[str | Path, ...] = ("suite", "new", tmp_path / "mine", source, "--revision", *arguments)
    done = e2lm(*command, HF_ENDPOINT=hub.endpoint, E2LM_CHECKPOINTS=str(tmp_path))
    assert done.returncode == 0, done.stderr
    suite = load_suite(tmp_path / "mine/suite.yaml")
    (model,) = suite.models
    assert model.has_revisions
    assert model.revision_of(model.iterations[0]) == first
    assert {model.revision_of(one) for one in model.iterations} <= set(REVISIONS[source])
    assert (suite.tokens.tokens_at(1), len(model.iterations)) == (tokens, count)


def test_a_series_of_revisions_that_is_not_there_is_one_line(hub: Hub, tmp_path: Path) -> None:
    def refused(source: str, revision: str) -> str:
        done = e2lm("suite", "new", tmp_path / "mine", source, "--revision", revision, HF_ENDPOINT=hub.endpoint)
        assert done.returncode == 2
        return done.stderr.splitlines()[-1]

    assert "olmo/none: http://127.0.0.1" in refused("olmo/none", "step{iteration}")
    assert "step{iteration}" in refused("olmo/two-stages", "stage1")
    assert "--tokens-per-step: give the training tokens of an optimizer" in refused("pythia/small", "step{iteration}")


def test_tokens_of_a_step_fit_all_names() -> None:
    billions = 10**9
    assert tokens_per_step({step: (-(-step * 4_194_304 // billions), billions) for step in range(1000, 9000, 500)}) == (
        4_194_304
    )
    assert tokens_per_step({1000: (2.1, billions), 2000: (9.9, billions)}) is None  # a batch that grew
    assert tokens_per_step({}) is None


def test_iterations_are_ranges_and_numbers_without_the_untrained_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert in_range("0,1,2,4,8:16:4") == [1, 2, 4, 8, 12, 16]
    assert capsys.readouterr().out == "left out: iteration 0, the untrained model\n"
    for wrong in ("", "a", "1:2", "1:5:0"):
        with pytest.raises(OrganizerError, match="--iterations: give START:STOP:STEP"):
            in_range(wrong)


def folders(root: Path, *names: str) -> None:
    for name in names:
        (root / "run" / name).mkdir(parents=True)
        (root / "run" / name / "config.json").write_text("{}")


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["step-0500", *(f"step-{n}" for n in range(1000, 4000, 500)), "step-10000"], "step-{iteration:04d}"),
        ([*(f"checkpoint-{n}" for n in range(500, 4500, 500)), "final"], "checkpoint-{iteration}"),
        ([f"step{2**n}" for n in range(10)], "step{iteration}"),
    ],
)
def test_folders_of_mixed_width_or_with_a_last_one_are_a_series(names: list[str], pattern: str, tmp_path: Path) -> None:
    folders(tmp_path, *names)
    done = e2lm("suite", "new", tmp_path / "mine", "run", "--tokens-per-step", "4096", E2LM_CHECKPOINTS=str(tmp_path))
    assert done.returncode == 0, done.stderr
    model = load_suite(tmp_path / "mine/suite.yaml").models[0]
    assert model.checkpoint == pattern
    assert all((tmp_path / "run" / pattern.format(iteration=one)).is_dir() for one in model.iterations)


@pytest.mark.parametrize(
    ("names", "first"),
    [
        ([f"step{n}000-tokens{4 * n}B" for n in range(1, 10)], "step1000-tokens4B"),
        (["step-0500", *(f"step-{n}00" for n in range(6, 13))], "step-0500"),
        ([f"epoch={n // 3}-step={n}00" for n in range(1, 10)], "epoch=0-step=100"),
    ],
)
def test_folders_that_no_pattern_names_are_a_table(names: list[str], first: str, tmp_path: Path) -> None:
    folders(tmp_path, *names)
    done = e2lm("suite", "new", tmp_path / "mine", "run", "--tokens-per-step", "4096", E2LM_CHECKPOINTS=str(tmp_path))
    assert done.returncode == 0, done.stderr
    paths = [one.path for one in checkpoints_of(load_suite(tmp_path / "mine/suite.yaml"), tmp_path)]
    assert paths[0].name == first
    assert {path.name for path in paths} == set(names)


def test_folders_beside_a_series_are_left_out_by_name(tmp_path: Path) -> None:
    folders(tmp_path, *(f"checkpoint-{n}" for n in range(9)), "final", "best-3", "checkpoint-5-copy")
    done = e2lm("suite", "new", tmp_path / "mine", "run", "--tokens-per-step", "4096", E2LM_CHECKPOINTS=str(tmp_path))
    assert "left out, without a number: final\nleft out, named otherwise: best-3, checkpoint-5-copy\n" in done.stdout
    assert "left out: iteration 0, the untrained model" in done.stdout
    assert load_suite(tmp_path / "mine/suite.yaml").models[0].iterations == tuple(range(1, 9))


def test_folders_whose_names_do_not_tell_the_iteration_are_refused(tmp_path: Path) -> None:
    def refused(root: str, *names: str) -> str:
        folders(tmp_path / root, *names)
        arguments = ("suite", "new", tmp_path / "mine", "run", "--tokens-per-step", "1")
        done = e2lm(*arguments, E2LM_CHECKPOINTS=str(tmp_path / root))
        assert done.returncode == 2
        return done.stderr

    assert "step-010 and step-10 are both iteration 10; move one" in refused("a", "step-10", "step-010")
    assert "have 2 numbers that change" in refused("b", *(f"{n}_{2 * n}" for n in range(1, 10)))
    assert "holds no folders with a config.json that have their iteration" in refused("c", "final")


def test_the_folder_that_is_named_otherwise_is_named(tmp_path: Path) -> None:
    folders(tmp_path, "step-1", "step-2", "iter_3")
    done = e2lm("suite", "new", tmp_path / "mine", "run", "--tokens-per-step", "4096", E2LM_CHECKPOINTS=str(tmp_path))
    assert "not named alike (iter_3 beside the others)" in done.stderr


def several(root: Path, **series: range) -> list[Path]:
    """Folders of checkpoints by name, with _ for -."""
    for name, steps in series.items():
        for step in steps:
            folder = root / "runs" / name.replace("_", "-") / f"step-{step}"
            folder.mkdir(parents=True)
            config = {"model_type": "llama", "num_hidden_layers": 24, "hidden_size": 1024}
            (folder / "config.json").write_text(json.dumps(config))
    return sorted((root / "runs").iterdir())


def suite_new(root: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return e2lm("suite", "new", root / "lab", *arguments, E2LM_CHECKPOINTS=str(root))


def test_several_models_get_windows_by_tokens_and_groups_by_size(tmp_path: Path) -> None:
    steps = range(1, 61)
    runs = several(tmp_path, a_500m=steps, b_500m=steps, c_1b=range(1, 56), d=steps)
    done = suite_new(tmp_path, *runs, "--tokens-per-step", "4000000000")
    assert done.returncode == 0, done.stderr
    assert "early:  11 checkpoints, 4 to 44 billion tokens\nlate:   44 checkpoints, 48 to 220" in done.stdout
    suite, scoring = load_suite(tmp_path / "lab/suite.yaml"), load_configuration(tmp_path / "lab/scoring.yaml")
    assert [(model.id, model.size) for model in suite.models] == [
        ("a-500m", "500M"),
        ("b-500m", "500M"),
        ("c-1b", "1B"),
        ("d", "unknown"),
    ]
    assert suite.models[0].architecture == "llama, 24 layers of 1024"
    assert scoring.ranking_groups == (("a-500m", "b-500m"),)
    assert (scoring.early.iterations[-1], scoring.late_iterations[-1]) == (11, 55)
    assert list(scoring.weights.model_dump().values()) == [0.8, 0.2, 0], "no model is known to be web-only"
    held = {(model.id, iteration) for model in suite.models for iteration in model.iterations}
    assert set(scoring.needed) <= held
    assert suite_new(tmp_path, *runs, "--tokens-per-step", "4000000000").returncode == 0  # the same again


def test_the_early_window_ends_where_it_is_told_to(tmp_path: Path) -> None:
    runs = several(tmp_path, a=range(1, 21), b=range(1, 21))
    done = suite_new(tmp_path, *runs, "--tokens-per-step", "1000", "--early-tokens", "12e3")
    assert done.returncode == 0, done.stderr
    scoring = load_configuration(tmp_path / "lab/scoring.yaml")
    assert scoring.early.iterations == tuple(range(1, 13))
    assert scoring.ranking_groups == (("a", "b"),)


def test_every_key_of_scoring_is_written_with_its_meaning(tmp_path: Path) -> None:
    runs = several(tmp_path, a=range(1, 10))
    assert suite_new(tmp_path, *runs, "--tokens-per-step", "1000").returncode == 0
    text = (tmp_path / "lab/scoring.yaml").read_text()
    for key in Configuration.model_fields:
        assert re.search(rf"^# {re.escape(SCORING_KEYS[key][1])}\n(# )?{key}:", text, re.MULTILINE), key
    assert "\n# late: " in text
    scoring = load_configuration(tmp_path / "lab/scoring.yaml")
    assert scoring.early.iterations == tuple(range(1, 10))
    assert list(scoring.weights.model_dump().values()) == [1, 0, 0]


@pytest.mark.parametrize(
    ("series", "more", "part"),
    [
        ({"a": range(1, 10), "b": range(11, 20)}, (), "the 2 models have 0 iterations in common, and signal quality"),
        ({"a": range(1, 10), "b": range(1, 4)}, (), "b: 3 checkpoints; signal quality needs 8"),
        ({"a": range(1, 10)}, ("--early-tokens", "-1"), "--early-tokens: give a number of tokens above 0"),
    ],
)
def test_models_that_make_no_suite_are_refused(
    series: dict[str, range], more: tuple[str, ...], part: str, tmp_path: Path
) -> None:
    done = suite_new(tmp_path, *several(tmp_path, **series), "--tokens-per-step", "1000", *more)
    assert done.returncode == 2
    assert part in done.stderr


def test_a_table_of_revisions_has_one_for_each_iteration() -> None:
    keys: dict[str, Any] = {
        "id": "m",
        "size": "1B",
        "architecture": "a",
        "mixture": "b",
        "source": "org/m",
        "iterations": [1, 2],
    }
    model = Model(**keys, revisions={1: "one", 2: "two"})
    assert (model.revision_of(2), model.has_revisions) == ("two", True)
    with pytest.raises(ValueError, match="none for iteration 2"):
        Model(**keys, revisions={1: "one"})
    assert Model(**keys, checkpoints={1: "one", 2: "two"}).folder_of(2) == "two"
    with pytest.raises(ValueError, match="checkpoint and checkpoints: keep one of the two"):
        Model(**keys, checkpoint="{iteration}", checkpoints={1: "one", 2: "two"})
    with pytest.raises(ValueError, match="must not lead out of its source"):
        Model(**keys, checkpoints={1: "one", 2: "../two"})


@pytest.mark.parametrize("iterations", [[0, 1, 2], {"start": 0, "stop": 8, "step": 4}])
def test_the_untrained_model_is_no_checkpoint_of_a_suite(iterations: object) -> None:
    with pytest.raises(ValueError, match="iteration 0 is the untrained model, which has no place on a curve"):
        Model(id="m", size="1B", architecture="a", mixture="b", source="m", iterations=iterations)  # type: ignore[arg-type]


def test_a_date_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text("suite: 2025-02-30\nversion: 1\n")
    with pytest.raises(OrganizerError, match=r"suite\.yaml: not YAML: day .*; put a text that looks"):
        load_suite(tmp_path / "suite.yaml")
    with pytest.raises(OrganizerError, match=r"competition\.yaml: not YAML: day"):
        read_competition("title: 2025-02-30\n")


def test_checkpoints_that_answer_alike_are_named() -> None:
    (line,) = equal_checkpoints(
        CheckpointRow(
            model="m", iteration=one, tokens=one, score=0.5, items=10, arrays="m.npz", sha256="ab"[one > 2000]
        )
        for one in (1000, 2000, 3000)
    )
    assert line.startswith("m: the checkpoints at iterations 1,000, 2,000 answer all items alike")
