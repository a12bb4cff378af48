"""How `make test` divides the tests between two processes (pytest-xdist): by files, and by what files share.

A fixture of the session is made once in each process that needs it. So all files that use the same one of `SHARED` go
to one process; every other file goes to whichever is free. What takes long goes first, so that both end together.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Fixtures whose product takes long, or that start what one machine should not run twice at a time.
SHARED = ("vllm", "demo", "science_cloze_run", "small_run", "ray", "lm_eval", "image")
WITH = {"science_cloze_run": "demo"}  # both of them are needed by one file


@cache
def share_of(file: str) -> str:
    """What a file's tests have in common with those of other files, or the file itself: the unit that is given away."""
    text = (ROOT / file).read_text(encoding="utf-8")
    for fixture in SHARED:
        if re.search(rf'\b{fixture}: |usefixtures\("{fixture}"', text):
            return WITH.get(fixture, fixture)
    return file


def long_ones_first(items: list[pytest.Item]) -> None:
    """Put shared files before others, and files with slow tests before those without."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}

    def rank(item: pytest.Item) -> tuple[int, bool]:
        share = share_of(item.location[0])
        return SHARED.index(share) if share in SHARED else len(SHARED), item.path not in slow

    items.sort(key=rank)


def scheduler(config: pytest.Config, log: object) -> object:
    """The scheduler of xdist that gives away whole shares, in the order of the tests."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return share_of(nodeid.partition("::")[0])

    config.option.loadscopereorder = False
    return Scheduler(config, log)


def is_divided(config: pytest.Config) -> bool:
    """Whether this is one of several processes that run tests."""
    return hasattr(config, "workerinput")
