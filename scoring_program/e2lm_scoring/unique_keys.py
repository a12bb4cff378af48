"""YAML of the organizers: a key that stands twice is an error; YAML itself would silently keep the last one."""

from __future__ import annotations

from typing import Any

import yaml


class UniqueKeyLoader(yaml.SafeLoader):
    """SafeLoader that raises yaml.YAMLError, naming key and line, for a key that stands twice in one mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping of a node whose keys are all different."""
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: the key `{key.value}` stands twice; keep one")
            if isinstance(key.value, str):
                seen.add(key.value)
        return super().construct_mapping(node, deep)
