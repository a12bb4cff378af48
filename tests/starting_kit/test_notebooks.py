"""Every notebook of the starting kit runs from top to bottom on the miniature suite."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from e2lm.suite import fetch
from tests.e2lm.hub_server import running_hub

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "starting_kit/notebooks").glob("*.ipynb"))
PICTURES = {"1": 1, "2": 1, "3": 1, "5": 1}  # by the notebook's number; the others show text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_top_to_bottom(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch("miniature")
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == PICTURES.get(path.stem[0], 0)
    text = "".join(output.get("text", "") for output in outputs)
    errors = [line for line in text.splitlines() if line.startswith("error:")]
    wanted = ["did you mean `num_fewshot`?"] if path.stem.startswith("4") else []  # which shows a mistake
    assert len(errors) == len(wanted)
    assert all(part in line for part, line in zip(wanted, errors, strict=True)), errors
    if folder := os.environ.get("E2LM_KEEP_NOTEBOOKS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, Path(folder) / path.name)  # type: ignore[no-untyped-call]


def test_the_switch_of_the_third_fetches_a_released_model_and_draws_its_curve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = fetch("miniature") / "miniature/mini-150k-arch1"  # in its name and place, on a hub of this machine
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.setenv("E2LM_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    notebook = nbformat.read(NOTEBOOKS[2], as_version=4)  # type: ignore[no-untyped-call]
    switch = next(cell for cell in notebook.cells if cell.cell_type == "code")
    lines = switch.source.replace("T4 = False", "T4 = True").splitlines()
    switch.source = "\n".join(line for line in lines if "%pip" not in line)  # the program is here already
    with running_hub() as hub:
        hub.repositories["tiiuae/dense-500m-arch1", "main"] = released
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        NotebookClient(
            notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
        ).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 1
    text = "".join(output.get("text", "") for output in outputs)
    assert "error:" not in text
    assert "13/13" in text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_without_outputs_and_begins_with_the_cell_to_change(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert code[0].source.startswith("# Change this cell alone")
    assert path.stat().st_size < 20_000


def test_there_are_seven() -> None:
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{number}-" for number in range(1, 8)]
