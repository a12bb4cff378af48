"""The colors of the report in light and dark, and the CSS custom properties that carry them.

Series hues stay distinguishable under protanopia, deuteranopia and tritanopia and have a contrast of at least 4.5 to
the page, so that labels can use them; the tests compute both. Line dashes tell series apart without color.
"""

from __future__ import annotations

LIGHT = {
    "page": "#f7f6f2",
    "card": "#ffffff",
    "ink": "#1c1b22",
    "muted": "#5a5866",
    "rule": "#dedbd2",
    "track": "#eceae4",
    "late": "#f1efe9",
    "accent": "#43359b",
    "sq": "#2f2482",
    "rc": "#5b4cc0",
    "cs": "#8376da",
    "good": "#0b6b4f",
    "good-soft": "#e2f3ec",
    "bad": "#a8320a",
    "bad-soft": "#fbe9e2",
    "agree": "#1d5fb0",
    "agree-soft": "#b9d3f2",
    "disagree": "#b4490c",
    "disagree-soft": "#f5cfb6",
    "focus": "#1d5fb0",
    "series-0": "#1d5fb0",
    "series-1": "#b4490c",
    "series-2": "#00735a",
    "series-3": "#93267a",
    "series-web": "#55535f",
}

DARK = {
    "page": "#15141a",
    "card": "#1e1d25",
    "ink": "#f1eff7",
    "muted": "#b0adbd",
    "rule": "#393743",
    "track": "#2d2b36",
    "late": "#262530",
    "accent": "#b3a7ff",
    "sq": "#cfc8ff",
    "rc": "#a396f5",
    "cs": "#7b6bdc",
    "good": "#6fdcb4",
    "good-soft": "#183a30",
    "bad": "#ffa27d",
    "bad-soft": "#45241a",
    "agree": "#7db7ff",
    "agree-soft": "#28446b",
    "disagree": "#f5a066",
    "disagree-soft": "#6a3d20",
    "focus": "#7db7ff",
    "series-0": "#7db7ff",
    "series-1": "#f5a066",
    "series-2": "#45c9a5",
    "series-3": "#e58fd0",
    "series-web": "#bebbc9",
}

SERIES_HUES = 4


def custom_properties() -> str:
    """Both palettes as CSS: light by default and on paper, dark where the reader's system asks for it."""
    return (
        f":root{{color-scheme:light dark;{_declarations(LIGHT)}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{_declarations(DARK)}}}}}"
    )


def _declarations(colors: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colors.items())
