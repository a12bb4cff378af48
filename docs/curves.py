"""Draw docs/curves.svg: good and bad curves and their signal quality.

usage: python docs/curves.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from e2lm_scoring.formulas.signal_quality import signal_quality

WIDTH, HEIGHT, ACROSS = 250, 150, 3  # size of a panel in pixels; panels per row
SPACE, TEXT = 26, 66  # pixels around a curve; below it
BEST = 0.9  # minimum signal quality of a curve drawn as a good one


def curves() -> dict[str, tuple[str, np.ndarray]]:
    """Title -> (description, scores at 14 early checkpoints).

    The first two are curves of dense-1b-arch1 (arXiv 2506.07731), the others are synthetic.
    """
    random = np.random.default_rng(0)
    steps = np.linspace(0, 1, 14)
    slow = 0.25 + 0.08 * np.log1p(9 * steps) / np.log(10)
    hellaswag = (
        ".337781 .389564 .425812 .452002 .464151 .473412 .479685 "
        ".485959 .489046 .490938 .496415 .502091 .504382 .505079"
    )
    mmlu = (
        ".254451 .257157 .246902 .255234 .257584 .228885 .249252 "
        ".233656 .257940 .244979 .238356 .244623 .233300 .248113"
    )
    return {
        "HellaSwag, 1B": ("rises smoothly", np.asarray(hellaswag.split(), dtype=float)),
        "MMLU with letters, 1B": ("stays at chance", np.asarray(mmlu.split(), dtype=float)),
        "25 % to 33 %, 100 items": ("too few items", slow + random.normal(0, np.sqrt(slow * (1 - slow) / 100))),
        "25 % to 33 %, 14,000 items": (
            "same gain, enough items",
            slow + random.normal(0, np.sqrt(slow * (1 - slow) / 14_000)),
        ),
        "falling": ("half of SQ; rejected by the gate", 0.4 - 0.1 * steps),
        "a drift of 1e-9": ("a perfect shape; rejected by the gate", 0.3 + 1e-9 * steps),
    }


def panel(title: str, shows: str, scores: np.ndarray) -> str:
    """A curve with its numbers, in the coordinates of its panel."""
    quality = signal_quality(scores)
    low, high = float(scores.min()), float(scores.max())
    x = np.linspace(SPACE, WIDTH - SPACE, len(scores))
    y = HEIGHT - SPACE - (scores - low) / (high - low) * (HEIGHT - 2 * SPACE)
    color = "#1b7f5c" if quality.sq >= BEST and "gate" not in shows else "#b5460f"
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    dots = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{color}"/>' for a, b in zip(x, y, strict=True))
    numbers = f"SQ {quality.sq:.2f} = (mono {quality.monotonicity:.2f} + ac {quality.autocorrelation:.2f}) / 2"
    return (
        f'<rect x="4" y="4" width="{WIDTH - 8}" height="{HEIGHT + TEXT - 8}" rx="8" fill="#fff" stroke="#d9d7d0"/>'
        f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>{dots}'
        f'<text x="16" y="{HEIGHT + 8}" font-weight="700">{title}</text>'
        f'<text x="16" y="{HEIGHT + 27}" fill="#55525c">{shows}</text>'
        f'<text x="16" y="{HEIGHT + 46}" fill="#55525c">{numbers}</text>'
    )


def picture() -> str:
    """The whole SVG."""
    panels = [panel(title, shows, scores) for title, (shows, scores) in curves().items()]
    rows = -(-len(panels) // ACROSS)
    placed = "".join(
        f'<g transform="translate({number % ACROSS * WIDTH} {number // ACROSS * (HEIGHT + TEXT)})">{one}</g>\n'
        for number, one in enumerate(panels)
    )
    size = f'width="{WIDTH * ACROSS}" height="{(HEIGHT + TEXT) * rows}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">\n'
        f"<title>Good and bad curves and their signal quality</title>\n{placed}</svg>\n"
    )


if __name__ == "__main__":
    Path(__file__).with_name("curves.svg").write_text(picture(), encoding="utf-8")
