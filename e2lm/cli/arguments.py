"""Argument types for numbers on the command line, which reject values out of range."""

from __future__ import annotations

import argparse
import math


def positive(text: str) -> float:
    """A number above 0, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def count(text: str) -> int:
    """A whole number of 1 or more, for argparse."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def count_or_none(text: str) -> int:
    """A whole number of 0 or more, for argparse."""
    return 0 if text == "0" else count(text)
