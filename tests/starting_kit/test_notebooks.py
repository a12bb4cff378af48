"""Every notebook of the starting kit runs from top to bottom on the miniature suite."""

from __future__ import annotations

import copy
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from e2lm.project import EXAMPLE_SUBMISSIONS
from tests.e2lm.suites.hub_server import running_hub

NOTEBOOKS = sorted(
    (Path(__file__).resolve().parents[2] / "starting_kit/notebooks").glob("*.ipynb"),
    key=lambda path: int(path.stem.partition("-")[0]),
)
PICTURES = {"1": 1, "2": 1, "3": 1, "5": 1, "8": 1}  # by the notebook's number; the others show text


@pytest.fixture(autouse=True)
def _e2lm_is_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


def read(path: Path) -> Any:  # noqa: ANN401 (nbformat has no types)
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def execute(notebook: Any, folder: Path) -> None:  # noqa: ANN401
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()


def outputs_of(notebook: Any) -> list[Any]:  # noqa: ANN401
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.get("outputs", [])]


def pictures(notebook: Any) -> int:  # noqa: ANN401
    return sum("image/png" in output.get("data", {}) for output in outputs_of(notebook))


def errors(notebook: Any) -> list[str]:  # noqa: ANN401
    text = "".join(output.get("text", "") for output in outputs_of(notebook))
    return [line for line in text.splitlines() if line.startswith("error:")]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_top_to_bottom_and_once_more_in_the_same_folder(
    path: Path, miniature: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        notebook = read(path)
        execute(notebook, tmp_path)
        assert pictures(notebook) == PICTURES.get(path.stem.partition("-")[0], 0)
        wanted = ["did you mean `num_fewshot`?"] if path.stem.startswith("4-") else []  # which shows a mistake
        found = errors(notebook)
        assert len(found) == len(wanted), found
        assert all(part in line for part, line in zip(wanted, found, strict=True)), found
    if folder := os.environ.get("E2LM_KEEP_NOTEBOOKS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, Path(folder) / path.name)  # type: ignore[no-untyped-call]


def test_the_switch_of_the_third_fetches_a_released_model_and_draws_its_curve_until_the_task_is_another(
    miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = miniature / "miniature/mini-150k-arch1"  # in its name and place, on a hub of this machine
    monkeypatch.setenv("E2LM_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    task = Path(shutil.copytree(EXAMPLE_SUBMISSIONS / "science-cloze", tmp_path / "mine"))
    notebook = read(NOTEBOOKS[2])
    switch = next(cell for cell in notebook.cells if cell.cell_type == "code")
    lines = switch.source.replace("T4 = False", "T4 = True").replace('TASK = ""', 'TASK = "mine"').splitlines()
    switch.source = "\n".join(line for line in lines if "%pip" not in line)  # the program is here already
    again = copy.deepcopy(notebook)
    with running_hub() as hub:
        hub.repositories["tiiuae/dense-500m-arch1", "main"] = released
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        execute(notebook, tmp_path)
        (task / "task.yaml").write_text((task / "task.yaml").read_text().replace("Answer:", "The answer:"))
        with pytest.raises(CellExecutionError, match="the run failed"):
            execute(again, tmp_path)
    assert pictures(notebook) == 1
    assert not errors(notebook)
    assert any("13/13" in output.get("text", "") for output in outputs_of(notebook))
    assert pictures(again) == 0, "the curve of the task before"
    assert len(errors(again)) == 1
    assert "another submission" in errors(again)[0]
    (stopped,) = (output for output in outputs_of(again) if output.output_type == "error")
    assert len("\n".join(stopped.traceback).splitlines()) < 15, "the line that says why is lost above it"


@pytest.mark.slow
def test_the_sixth_stops_where_nothing_is_packed(tmp_path: Path) -> None:
    (tmp_path / "submission.zip").write_bytes(b"of last week")
    notebook = read(NOTEBOOKS[5])
    switch = next(cell for cell in notebook.cells if cell.cell_type == "code")
    switch.source = switch.source.replace('TASK = ""', 'TASK = "absent"')
    with pytest.raises(CellExecutionError, match="no zip was written"):
        execute(notebook, tmp_path)
    assert errors(notebook) == ["error: absent: not a folder; give the folder that holds task.yaml"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_without_outputs_and_begins_with_the_cell_to_change(path: Path) -> None:
    notebook = read(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert code[0].source.startswith("# Change only this cell")
    assert path.stat().st_size < 20_000


def test_there_are_ten() -> None:
    assert [path.stem.split("-")[0] for path in NOTEBOOKS] == [str(number) for number in range(1, 11)]
