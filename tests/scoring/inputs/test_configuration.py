"""scoring.yaml: settings that would give meaningless scores are refused, with the name of the key."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2lm_scoring.errors import OrganizerError
from e2lm_scoring.inputs.configuration import Configuration, load_configuration

REFERENCE = Path(__file__).resolve().parents[3] / "reference_data/scoring.yaml"


def test_the_competitions_own_file_has_its_published_windows() -> None:
    configuration = load_configuration(REFERENCE)
    assert len(configuration.early.iterations) == 14
    assert len(configuration.late_iterations) == 47
    assert len(configuration.needed) == 7 * 14 + 6 * 47


def changed(key: str, value: object) -> Configuration:
    content: dict[str, Any] = copy.deepcopy(yaml.safe_load(REFERENCE.read_text()))
    content[key] = value
    return Configuration.model_validate(content)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("early", {"iterations": [8000, 4000, 12000]}, "increasing order"),
        ("late", {"iterations": [60000, 60000]}, "increasing order"),
        ("late", {"iterations": {"start": 60000, "stop": 61000, "step": 4000}}, "multiple of step"),
        ("late", {"iterations": [56000, 60000]}, "after the early one"),
        ("weights", {"signal_quality": 1.5, "ranking_consistency": 0.1, "domain_alignment": 0.4}, "sum to 2"),
        ("ranking_groups", [["dense-1b-arch1", "dense-1b-arch1"]], "twice"),
        ("alignment", {"science": "dense-1b-arch1", "web": "dense-1b-arch1"}, "twice"),
        ("min_improvement_z", float("inf"), "finite"),
        ("reveal", "everyone", "participant"),
        ("reveals", "participant", "Extra inputs"),
    ],
)
def test_meaningless_settings_are_refused(key: str, value: object, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        changed(key, value)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"suite: [", b"suite: x", b"- 1"])
def test_a_file_that_cannot_be_read_is_one_line_with_its_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "scoring.yaml"
    path.write_bytes(content)
    with pytest.raises(OrganizerError) as raised:
        load_configuration(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scoring.yaml"
    path.write_text(REFERENCE.read_text() + "min_improvement_z: 0\n")
    with pytest.raises(
        OrganizerError, match=r"scoring\.yaml: .*line \d+: the key `min_improvement_z` stands twice; keep one"
    ):
        load_configuration(path)
