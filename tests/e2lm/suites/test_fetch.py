"""Checkpoints come from the Hub whole, whatever happens on the way, and a run keeps no more of them than its budget."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml

from e2lm.cli.main import main
from tests.e2lm.command_line import EXAMPLES, e2lm, start_e2lm
from tests.e2lm.run_folders import timeless_scores
from tests.e2lm.suites.hub_server import Hub, running_hub

ITERATIONS = tuple(range(4000, 36000, 4000))

# Names that end in .invalid are nobody's (RFC 6761), and nothing listens on port 9 of this machine.
UNREACHABLE = {
    "http://hub.invalid": "no server of that name is known here; check HF_ENDPOINT, and the network and the proxy",
    "http://127.0.0.1:9": "nothing answers there, the connection is refused; check HF_ENDPOINT, and that a server",
}


@pytest.fixture(scope="module", autouse=True)
def fetching(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], CompletedProcess[str]]]:
    """What becomes of a fetch from each unreachable hub: it tries for half a minute, while other tests go on."""
    asked = {
        item.callspec.params.get("unreachable")
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
    }
    root = tmp_path_factory.mktemp("unreachable")
    with ThreadPoolExecutor(len(UNREACHABLE)) as pool:
        runs = {
            hub: pool.submit(
                e2lm, "suite", "fetch", "e2lm-2025", HF_ENDPOINT=hub, E2LM_CHECKPOINTS=str(root / hub[-4:])
            )
            for hub in UNREACHABLE.keys() & asked
        }
        yield lambda hub: runs[hub].result()


@pytest.fixture
def hub(miniature: Path, tmp_path: Path) -> Iterator[Hub]:
    """The early checkpoints of one miniature model, in a repository of folders and in one of revisions."""
    with running_hub() as hub:
        folders = tmp_path / "repository"
        folders.mkdir()
        for iteration in ITERATIONS:
            checkpoint = miniature / f"miniature/mini-150k-arch1/iter_{iteration:07d}"
            (folders / checkpoint.name).mkdir()
            for file in checkpoint.iterdir():
                (folders / checkpoint.name / file.name).write_bytes(file.read_bytes())
            (folders / checkpoint.name / "optimizer.bin").write_bytes(b"not needed")
            hub.repositories["lab/run", f"step{iteration}"] = folders / checkpoint.name
        hub.repositories["lab/mini", "main"] = folders
        yield hub


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return described(tmp_path, "lab/mini", "--checkpoint", "iter_{iteration:07d}")


def described(tmp_path: Path, source: str, *options: str) -> Path:
    """A suite as `e2lm suite new` writes it."""
    folder = tmp_path / source.replace("/", "-")
    iterations = ("--iterations", f"{ITERATIONS[0]}:{ITERATIONS[-1]}:4000", "--tokens-per-step", "1000000")
    done = e2lm("suite", "new", folder, source, *options, *iterations)
    assert done.returncode == 0, done.stderr
    return folder / "suite.yaml"


def weights(root: Path) -> list[Path]:
    return sorted(root.rglob("*.safetensors"))


def same_as_on_the_hub(hub: Hub, root: Path, name: str = "lab/mini") -> bool:
    theirs = hub.repositories["lab/mini", "main"]
    wanted = [path for path in theirs.rglob("*") if path.is_file() and path.name != "optimizer.bin"]
    if name == "lab/run":  # a folder for each revision, named as the revision
        return all(
            (root / name / f"step{int(path.parent.name[5:])}" / path.name).read_bytes() == path.read_bytes()
            for path in wanted
        )
    return all((root / name / path.relative_to(theirs)).read_bytes() == path.read_bytes() for path in wanted)


def test_every_file_that_is_needed_comes_once(hub: Hub, suite: Path, tmp_path: Path) -> None:
    root = tmp_path / "here"
    for _ in range(2):
        done = e2lm("suite", "fetch", suite, HF_ENDPOINT=hub.endpoint, E2LM_CHECKPOINTS=str(root))
        assert done.returncode == 0, done.stderr
        assert same_as_on_the_hub(hub, root)
    size = (hub.repositories["lab/mini", "main"] / "iter_0004000/model.safetensors").stat().st_size
    assert hub.sent["model.safetensors"] == size * len(ITERATIONS)
    assert hub.sent["tokenizer.json"] == (root / "lab/mini/iter_0004000/tokenizer.json").stat().st_size
    assert not list(root.rglob("*.partial")) + list(root.rglob("optimizer.bin"))


def test_a_revision_for_each_checkpoint_is_a_suite_too(hub: Hub, tmp_path: Path) -> None:
    root = tmp_path / "here"
    suite = described(tmp_path, "lab/run", "--revision", "step{iteration}")
    done = e2lm("suite", "fetch", suite, HF_ENDPOINT=hub.endpoint, E2LM_CHECKPOINTS=str(root))
    assert done.returncode == 0, done.stderr
    assert same_as_on_the_hub(hub, root, "lab/run")


def test_a_connection_that_breaks_is_tried_again(hub: Hub, suite: Path, tmp_path: Path) -> None:
    hub.cuts = 1
    done = e2lm("suite", "fetch", suite, HF_ENDPOINT=hub.endpoint, E2LM_CHECKPOINTS=str(tmp_path / "here"))
    assert done.returncode == 0, done.stderr
    assert hub.cuts == 0
    assert not done.stderr, "the library tells of its tries"
    assert same_as_on_the_hub(hub, tmp_path / "here")


def test_what_a_killed_run_left_is_taken_up(hub: Hub, suite: Path, tmp_path: Path) -> None:
    whole = (hub.repositories["lab/mini", "main"] / "iter_0004000/model.safetensors").read_bytes()
    for iteration, left in ((4000, whole[:1000]), (8000, whole + b"more than there is")):
        partial = tmp_path / f"here/lab/mini/iter_{iteration:07d}/model.safetensors.partial"
        partial.parent.mkdir(parents=True)
        partial.write_bytes(left)
    done = e2lm("suite", "fetch", suite, HF_ENDPOINT=hub.endpoint, E2LM_CHECKPOINTS=str(tmp_path / "here"))
    assert done.returncode == 0, done.stderr
    assert hub.sent["model.safetensors"] == len(whole) * len(ITERATIONS) - 1000
    assert same_as_on_the_hub(hub, tmp_path / "here")


def test_wrong_bytes_are_fetched_again_and_never_kept(hub: Hub, suite: Path, tmp_path: Path) -> None:
    hub.wrong = 3
    first = e2lm("suite", "fetch", suite, HF_ENDPOINT=hub.endpoint, E2LM_CHECKPOINTS=str(tmp_path / "here"))
    assert first.returncode == 2
    assert "what arrived is not what the Hub says it is" in first.stderr
    assert len(first.stderr.strip().splitlines()[-1:]) == 1
    assert not weights(tmp_path / "here")
    second = e2lm("suite", "fetch", suite, HF_ENDPOINT=hub.endpoint, E2LM_CHECKPOINTS=str(tmp_path / "here"))
    assert second.returncode == 0, second.stderr
    assert same_as_on_the_hub(hub, tmp_path / "here")


def test_a_file_that_rotted_here_is_replaced(hub: Hub, suite: Path, tmp_path: Path) -> None:
    root = tmp_path / "here"
    e2lm("suite", "fetch", suite, HF_ENDPOINT=hub.endpoint, E2LM_CHECKPOINTS=str(root))
    rotten = weights(root)[0]
    rotten.write_bytes(rotten.read_bytes()[:-1] + b"?")
    done = e2lm("suite", "fetch", suite, HF_ENDPOINT=hub.endpoint, E2LM_CHECKPOINTS=str(root))
    assert done.returncode == 0, done.stderr
    assert same_as_on_the_hub(hub, root)


@pytest.mark.parametrize(
    ("change", "environment", "said"),
    [
        ({"source": "lab/none"}, {}, "8 of 8 checkpoints are neither here nor on"),
        ({}, {"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set, so nothing is fetched"),
        ({"checkpoint": "{step}"}, {}, "must be a text such as"),
        ({"checkpoint": "../{iteration}"}, {}, "must not lead out of its source"),
    ],
)
def test_what_cannot_be_fetched_is_said_in_a_line(
    hub: Hub, suite: Path, tmp_path: Path, change: dict[str, str], environment: dict[str, str], said: str
) -> None:
    described = yaml.safe_load(suite.read_text())
    described["models"][0] |= change
    suite.write_text(yaml.safe_dump(described))
    where = {"HF_ENDPOINT": hub.endpoint, "E2LM_CHECKPOINTS": str(tmp_path / "here"), **environment}
    done = e2lm("suite", "fetch", suite, cwd=None, fresh=True, **where)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert said in done.stderr


def test_a_gated_repository_is_refused_in_one_line(hub: Hub, suite: Path, tmp_path: Path) -> None:
    hub.gated = True
    done = e2lm("suite", "fetch", suite, HF_ENDPOINT=hub.endpoint, E2LM_CHECKPOINTS=str(tmp_path / "here"))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert f"lab/mini on {hub.endpoint}: " in done.stderr
    assert "set HF_TOKEN or run `hf auth login`" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("unreachable", UNREACHABLE)
def test_a_hub_that_cannot_be_reached_is_said_in_one_plain_line(
    fetching: Callable[[str], CompletedProcess[str]], unreachable: str
) -> None:
    done = fetching(unreachable)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert done.stderr.startswith(f"error: {unreachable}: no connection: {UNREACHABLE[unreachable]}")
    assert done.stderr.endswith("what arrived is kept: the same command goes on\n")


def test_a_run_borrows_checkpoints_and_scores_what_a_run_on_the_whole_suite_scores(
    hub: Hub, suite: Path, tmp_path: Path
) -> None:
    weight = (hub.repositories["lab/mini", "main"] / "iter_0004000/model.safetensors").stat().st_size

    def run(name: str, root: Path, *options: str) -> dict[str, float]:
        done = e2lm(
            *("run", EXAMPLES / "science-cloze", "--suite", suite, "--out", tmp_path / name),
            *options,
            HF_ENDPOINT=hub.endpoint,
            E2LM_CHECKPOINTS=str(root),
        )
        assert done.returncode == 0, done.stderr
        return timeless_scores(tmp_path / name)

    borrowed = []
    for workers in (1, 2):
        room = (2 * workers + 1.5) * weight / 1e9  # what is in use and on its way, and one to keep
        root = tmp_path / f"here {workers}"
        hub.sent.clear()
        borrowed.append(run(f"borrowed {workers}", root, "--workers", str(workers), "--disk-budget", str(room)))
        assert len(weights(root)) == 1
        assert hub.sent["model.safetensors"] == weight * len(ITERATIONS)
        again = run(f"borrowed {workers}", root, "--workers", str(workers), "--disk-budget", str(room))
        assert again == borrowed[-1]
        assert hub.sent["model.safetensors"] == weight * len(ITERATIONS), "a finished run fetched something"
        assert len(weights(root)) == 1
    whole = run("whole", root, "--disk-budget", "1")
    assert len(weights(root)) == len(ITERATIONS)
    assert borrowed == [whole, whole]


def test_a_killed_run_within_a_budget_goes_on_without_the_weights_that_made_room(
    hub: Hub, suite: Path, tmp_path: Path
) -> None:
    weight = (hub.repositories["lab/mini", "main"] / "iter_0004000/model.safetensors").stat().st_size
    out, root = tmp_path / "out", tmp_path / "here"
    command = ("run", EXAMPLES / "science-cloze", "--suite", suite, "--out", out, "--disk-budget", 2 * weight / 1e9)
    process = start_e2lm(*command, HF_ENDPOINT=hub.endpoint, E2LM_CHECKPOINTS=str(root))
    journal = out / "results/progress.jsonl"
    while not journal.is_file() or len(journal.read_text().splitlines()) < 4:
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.005)
    process.kill()
    process.wait()
    kept = [line for line in journal.read_text().splitlines(keepends=True) if line.endswith("\n")]
    done = e2lm(*command, HF_ENDPOINT=hub.endpoint, E2LM_CHECKPOINTS=str(root))
    assert done.returncode == 0, done.stderr
    assert journal.read_text().splitlines(keepends=True)[: len(kept)] == kept
    assert len(journal.read_text().splitlines()) == 1 + len(ITERATIONS), "a checkpoint was computed twice"


def test_a_budget_that_holds_no_two_checkpoints_is_refused(hub: Hub, suite: Path, tmp_path: Path) -> None:
    done = e2lm(
        *("run", EXAMPLES / "science-cloze", "--suite", suite, "--out", tmp_path / "out", "--disk-budget", "0.0001"),
        HF_ENDPOINT=hub.endpoint,
        E2LM_CHECKPOINTS=str(tmp_path / "here"),
    )
    assert done.returncode == 2
    assert "--disk-budget 0.0001: a checkpoint in use and the next one on its way take" in done.stderr
    assert not weights(tmp_path / "here")


def test_a_folder_of_steps_becomes_a_suite(
    miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "runs"
    for iteration in ITERATIONS:
        (root / "ours").mkdir(parents=True, exist_ok=True)
        (root / f"ours/step-{iteration}").symlink_to(miniature / f"miniature/mini-200k-arch1/iter_{iteration:07d}")
    suite = tmp_path / "mine/suite.yaml"
    monkeypatch.setenv("E2LM_CHECKPOINTS", str(root))
    command = ["suite", "new", str(tmp_path / "mine"), "ours", "--tokens-per-step"]
    assert main([*command, "4096"]) == main([*command, "4096"]) == 0
    text = suite.read_text()
    assert main([*command, "8192"]) == 2
    assert "suite.yaml: exists already with other content and is not overwritten" in capsys.readouterr().err
    assert suite.read_text() == text
    monkeypatch.chdir(tmp_path)
    task = shutil.copytree(EXAMPLES / "science-cloze", tmp_path / "task.v2")
    assert main(["run", str(task), "--suite", "mine/suite.yaml"]) == 0
    assert "sq 0." in capsys.readouterr().out
    # not build/task.v2, where a run on the miniature suite may be, nor the folder of task.v1
    assert Path("build/task.v2-mine/scores.json").is_file()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "are not named alike"),
        (["step-1", "iter_2"], "are not named alike"),
        (["step-1", "step-2"], "2 checkpoints of 4096 tokens a step; signal quality needs 8"),
    ],
)
def test_a_folder_that_is_no_series_is_refused(names: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for name in names:
        (tmp_path / "run" / name).mkdir()
        (tmp_path / "run" / name / "config.json").write_text("{}")
    done = e2lm("suite", "new", tmp_path / "mine", "run", "--tokens-per-step", "4096", E2LM_CHECKPOINTS=str(tmp_path))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert said in done.stderr
