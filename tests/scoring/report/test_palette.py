"""Colors stay readable and apart, in light and dark, for readers with each kind of color blindness."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from e2lm_scoring.report.palette import DARK, LIGHT

# Machado, Oliveira & Fernandes (2009), severity 1.0, on linear RGB
VISIONS = {
    "trichromat": np.eye(3),
    "protanope": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranope": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanope": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
BOTH = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])


def linear_rgb(color: str) -> np.ndarray:
    encoded = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast ratio."""
    lights = sorted(float(linear_rgb(color) @ [0.2126, 0.7152, 0.0722]) + 0.05 for color in (first, second))
    return lights[1] / lights[0]


def lab(linear: np.ndarray) -> np.ndarray:
    xyz = TO_XYZ @ np.clip(linear, 0, 1) / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@BOTH
def test_text_has_a_contrast_of_at_least_four_and_a_half(palette: dict[str, str]) -> None:
    series = [name for name in palette if name.startswith("series")]
    on_card = ["ink", "muted", "good", "bad", "agree", "disagree", *series]
    pairs = [(name, "card") for name in on_card] + [(name, "late") for name in series]
    pairs += [("muted", "page"), ("ink", "track"), ("good", "good-soft"), ("bad", "bad-soft"), ("ink", "bad-soft")]
    assert {pair: contrast(palette[pair[0]], palette[pair[1]]) for pair in pairs if not _reads(palette, pair)} == {}


def _reads(palette: dict[str, str], pair: tuple[str, str]) -> bool:
    return contrast(palette[pair[0]], palette[pair[1]]) >= 4.5


@BOTH
def test_pieces_of_the_stacked_bar_stand_out_from_its_empty_part(palette: dict[str, str]) -> None:
    assert min(contrast(palette[part], palette["track"]) for part in ("sq", "rc", "cs")) >= 3.0


@BOTH
@pytest.mark.parametrize("vision", VISIONS)
def test_lines_differ_to_every_eye(palette: dict[str, str], vision: str) -> None:
    seen = {name: lab(VISIONS[vision] @ linear_rgb(palette[name])) for name in palette if name.startswith("series")}
    distances = {pair: float(np.linalg.norm(seen[pair[0]] - seen[pair[1]])) for pair in combinations(seen, 2)}
    assert min(distances.values()) > 10, distances
