"""The early and the late part of training: by tokens, or by the grid of a suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from e2lm.signal.curves import NOTES
from e2lm.suites.registry import find_suite
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import Model, Suite, load_suite
from e2lm_scoring.inputs.configuration import Configuration, load_configuration

WINDOW = "window"
EARLY, LATE = "early", "late"
SLACK = 1 + 1e-9  # a window ends with the checkpoint that its tokens name, rounded or not


@dataclass(frozen=True, slots=True)
class Grid:
    """A suite's checkpoints, by which curves are read."""

    suite: Suite
    configuration: Configuration

    @property
    def early(self) -> tuple[int, ...]:
        """The iterations of the early window."""
        return self.configuration.early.iterations


def load_grid(name: str) -> Grid:
    """The grid of a suite, by its name or suite.yaml. Raises OrganizerError."""
    files = find_suite(name)
    return Grid(load_suite(files.suite), load_configuration(files.scoring))


def with_windows(curves: pd.DataFrame, early: float | None, late: float | None) -> pd.DataFrame:
    """The frame with a column `window`: "early" up to `early` tokens, "late" from there up to `late` tokens.

    Without `early` every checkpoint is early. Raises OrganizerError where tokens are needed and not known.
    """
    frame = curves.copy()
    frame.attrs = dict(curves.attrs)
    if early is None:
        if late is not None:
            raise OrganizerError("--late needs --early: give the tokens up to which training is early")
        return frame.assign(**{WINDOW: EARLY})
    if late is not None and late <= early:
        raise OrganizerError(f"--late {late:g} is not after --early {early:g}; give more tokens")
    unknown = frame[frame["tokens"].isna()]
    if len(unknown):
        first = unknown.iloc[0]
        raise OrganizerError(
            f"{first['model']}: --early counts tokens, and those at step {first['step']} are not known; give "
            "--tokens-per-step"
        )
    frame[WINDOW] = LATE
    frame.loc[frame["tokens"] <= early * SLACK, WINDOW] = EARLY
    if late is not None:
        frame = frame[frame["tokens"] <= late * SLACK]
    if not (frame[WINDOW] == EARLY).any():
        raise OrganizerError(
            f"--early {early:g}: no checkpoint has so few tokens; the first has {curves['tokens'].min():g}"
        )
    return frame


def on_grid(curves: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """The checkpoints of the suite's windows, models named as in the suite, with the suite's tokens.

    Raises OrganizerError where no model is one of the suite's.
    """
    names = {name: model for name in curves["model"].unique() if (model := _model_of(str(name), grid.suite.models))}
    if not names:
        raise OrganizerError(
            f"{', '.join(map(str, curves['model'].unique()[:3]))}: not of {grid.suite.suite}, whose models are "
            f"{', '.join(model.id for model in grid.suite.models)}; leave --suite out, or evaluate those"
        )
    others = [str(name) for name in curves["model"].unique() if name not in names]
    frame = curves[curves["model"].isin(names)].copy()
    frame["model"] = frame["model"].map({name: model.id for name, model in names.items()})
    late = grid.configuration.late_iterations
    windows = {**dict.fromkeys(late, LATE), **dict.fromkeys(grid.early, EARLY)}
    frame[WINDOW] = frame["step"].map(windows)
    frame = frame[frame[WINDOW].notna()]
    frame["tokens"] = [float(grid.suite.tokens.tokens_at(int(step))) for step in frame["step"]]
    notes = list(curves.attrs.get(NOTES, ()))
    if others:
        notes.append(f"not models of {grid.suite.suite}, and left out: {', '.join(others)}")
    left_out = int(curves["model"].isin(names).sum()) - len(frame)
    if left_out:
        notes.append(f"{left_out:,} scores at checkpoints that {grid.suite.suite} does not score are left out")
    frame.attrs = {NOTES: notes}
    return frame


def _model_of(name: str, models: Sequence[Model]) -> Model | None:
    """The suite's model of this name, by its id or its repository, whole or without what is before the last slash."""
    known: Mapping[str, Model] = {
        key: model for model in models for key in (model.source.rsplit("/", 1)[-1], model.source, model.id)
    }
    return known.get(name) or known.get(name.rstrip("/").rsplit("/", 1)[-1])
