"""SVG elements. A drawing stretches with its frame, so positions are fractions and strokes keep their width.

Fractions run from 0 at the left and the bottom; the drawing is 1000 × 1000 units with y pointing down.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

Point = tuple[float, float]  # fractions; a y that is not finite breaks the line


def element(name: str, attributes: dict[str, str], *children: Markup | str) -> Markup:
    """An element whose attributes and text are escaped; children of type Markup are inserted unescaped."""
    written = Markup("").join(Markup(' {}="{}"').format(key, value) for key, value in attributes.items())
    inside = Markup("").join(escape(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, inside)


def picture(identity: str, title: str, description: str, *children: Markup) -> Markup:
    """An SVG with the title and description that assistive technology reads in place of the drawing."""
    return element(
        "svg",
        {
            "viewBox": "0 0 1000 1000",
            "preserveAspectRatio": "none",
            "role": "img",
            "aria-labelledby": f"{identity}-title {identity}-desc",
        },
        element("title", {"id": f"{identity}-title"}, title),
        element("desc", {"id": f"{identity}-desc"}, description),
        *children,
    )


def group(classes: str, *children: Markup) -> Markup:
    return element("g", {"class": classes}, *children)


def line(points: Iterable[Point], classes: str) -> Markup:
    """A line through the points, broken where one is missing."""
    commands = []
    pen = "M"
    for x, y in points:
        if math.isfinite(y):
            commands.append(f"{pen}{_across(x)} {_down(y)}")
            pen = "L"
        else:
            pen = "M"
    return element("path", {"class": classes, "d": "".join(commands)})


def dots(points: Iterable[Point], classes: str) -> Markup:
    """Round dots: zero-length strokes with round caps, which stay round when the drawing is stretched."""
    drawn = "".join(f"M{_across(x)} {_down(y)}h0" for x, y in points if math.isfinite(y))
    return element("path", {"class": f"dots {classes}", "d": drawn})


def area(points: Sequence[Point], classes: str) -> Markup:
    corners = "L".join(f"{_across(x)} {_down(y)}" for x, y in points)
    return element("path", {"class": classes, "d": f"M{corners}Z"})


def band(left: float, right: float, classes: str, bottom: float = 0.0, top: float = 1.0) -> Markup:
    return area([(left, bottom), (left, top), (right, top), (right, bottom)], classes)


def across(y: float, classes: str) -> Markup:
    """A horizontal line over the whole width."""
    return line([(0.0, y), (1.0, y)], classes)


def upright(x: float, classes: str) -> Markup:
    """A vertical line over the whole height."""
    return line([(x, 0.0), (x, 1.0)], classes)


def _across(x: float) -> str:
    return f"{1000 * x:.1f}".removesuffix(".0")


def _down(y: float) -> str:
    return f"{1000 * (1 - y):.1f}".removesuffix(".0")
