"""The words of the miniature suite's two worlds: what its models can know."""

from __future__ import annotations

from functools import cache

from e2lm.suites.miniature.worlds import science_world, web_world


@cache
def names() -> frozenset[str]:
    """The invented names of both worlds in lower case, such as `falum` and `rily`: no text of our world has them."""
    return frozenset(about[0].subject.casefold() for world in (science_world(), web_world()) for about in world.facts)


@cache
def values() -> tuple[frozenset[str], ...]:
    """The answers that belong together, in lower case: a set for each relation, such as the eight colors."""
    worlds = (science_world(), web_world())
    distinct = {fact.relation.values for world in worlds for about in world.facts for fact in about}
    return tuple(frozenset(value.casefold() for value in own) for own in sorted(distinct))
