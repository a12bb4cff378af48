"""The entry point's decision, on folders; test_image.py makes it in a real container."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.docker.commands import INGESTION, SCORING
from tests.e2lm.command_line import PROJECT_ROOT


@pytest.fixture(scope="module")
def entrypoint() -> ModuleType:
    spec = importlib.util.spec_from_file_location("entrypoint", PROJECT_ROOT / "docker/entrypoint.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """What the image holds to compare with."""
    for name in ("ingestion_program", "scoring_program"):
        shutil.copytree(PROJECT_ROOT / name, tmp_path / "known" / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "known"


@pytest.mark.parametrize(("name", "command"), [("ingestion_program", INGESTION), ("scoring_program", SCORING)])
def test_each_program_is_run_with_its_own_command(
    name: str, command: str, entrypoint: ModuleType, known: Path, tmp_path: Path
) -> None:
    shutil.copytree(known / name, tmp_path / "program")
    assert entrypoint.refuse(command.split(), known=known, mounted=tmp_path / "program") is None


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["sh", "-c", "id"],
        SCORING.split(),
        INGESTION.split()[:2],
        [*INGESTION.split(), "--engine", "vllm"],
        INGESTION.replace("/app/output", "/tmp").split(),
    ],
)
def test_a_program_is_not_run_with_another_command(
    arguments: list[str], entrypoint: ModuleType, known: Path, tmp_path: Path
) -> None:
    shutil.copytree(known / "ingestion_program", tmp_path / "program")
    refusal = entrypoint.refuse(arguments, known=known, mounted=tmp_path / "program")
    assert refusal == f"only the program's own command is run: {INGESTION}"


def add_bytecode(program: Path) -> None:
    (program / "e2lm_ingestion/__pycache__").mkdir()
    (program / "e2lm_ingestion/__pycache__/sweep.cpython-312.pyc").write_bytes(b"hostile")


def change_one_byte(program: Path) -> None:
    text = (program / "ingestion.py").read_text()
    (program / "ingestion.py").write_text(text.replace("import", "Import", 1))


def put_a_link(program: Path) -> None:
    shutil.copy(program / "ingestion.py", program.parent / "elsewhere.py")
    (program / "ingestion.py").unlink()
    (program / "ingestion.py").symlink_to(program.parent / "elsewhere.py")


@pytest.mark.parametrize(
    "change",
    [
        add_bytecode,
        change_one_byte,
        put_a_link,
        lambda program: (program / "numpy.py").write_text("hostile"),
        lambda program: (program / "e2lm_ingestion/execution/sweep.py").unlink(),
        lambda program: (program / "numpy").mkdir(),
        lambda program: (program / "metadata.yaml").write_text("command: id"),
    ],
)
def test_a_program_that_differs_in_anything_is_refused(
    change: Callable[[Path], None], entrypoint: ModuleType, known: Path, tmp_path: Path
) -> None:
    program = Path(shutil.copytree(known / "ingestion_program", tmp_path / "program"))
    change(program)
    refusal = entrypoint.refuse(INGESTION.split(), known=known, mounted=program)
    assert refusal == "a submission is data, and no program of its own is run; remove metadata.yaml from the zip"


def test_organizers_whose_program_is_another_one_read_what_to_do(
    entrypoint: ModuleType, known: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = Path(shutil.copytree(known / "scoring_program", tmp_path / "program"))
    (program / "scoring.py").write_text("a newer version")
    monkeypatch.setattr(entrypoint, "SEEN_BY_PROGRAMS", (tmp_path,))
    refusal = entrypoint.refuse(SCORING.split(), known=known, mounted=program)
    assert "build the image and the bundle from the same files" in refusal


def test_a_program_that_is_ended_by_a_signal_is_said_to_be(
    entrypoint: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(entrypoint, "refuse", lambda arguments: None)
    assert entrypoint.main(["sh", "-c", "kill -KILL $$"]) == 137
    assert "killed, most likely for using more memory" in capsys.readouterr().err
    assert entrypoint.main(["sh", "-c", "kill -SEGV $$"]) == 139
    assert "ended by SIGSEGV" in capsys.readouterr().err
    assert entrypoint.main(["sh", "-c", "exit 7"]) == 7
