"""A suite for tests to which the number of checkpoints does not matter: a sixth of the miniature suite."""

from __future__ import annotations

from pathlib import Path

import yaml

from e2lm.suites.registry import SUITES

CHECKPOINTS = 27


def write_small_suite(folder: Path) -> Path:
    """Three models of the miniature suite, nine checkpoints each: the least that gives every column of the board."""
    whole, scoring = (
        yaml.safe_load(file.read_text()) for file in (SUITES["miniature"].suite, SUITES["miniature"].scoring)
    )
    early, late = {"start": 4000, "stop": 32000, "step": 4000}, 244000
    models = [{**model, "iterations": [early, late]} for model in whole["models"] if "150k" in model["id"]]
    scoring |= {"early": {"iterations": early}, "late": {"iterations": [late]}}
    scoring |= {"signal_models": ["mini-150k-arch1"], "ranking_groups": [["mini-150k-arch1", "mini-150k-arch2"]]}
    scoring["reveal"] = (
        "participant"  # the site need not draw reports anew, by the scoring.yaml that the name stands for
    )
    folder.mkdir()
    (folder / "suite.yaml").write_text(yaml.safe_dump({**whole, "models": models}))
    (folder / "scoring.yaml").write_text(yaml.safe_dump(scoring))
    return folder / "suite.yaml"
