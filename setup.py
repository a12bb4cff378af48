"""Which packages and files the wheel holds; all else is in pyproject.toml.

Every package under the three roots is found, so that a new one cannot be missing. What the commands need and lies
outside of the packages is in the wheel under e2lm/_project, where e2lm/project.py looks for it.
"""

from setuptools import find_packages, setup

ROOTS = {"e2lm": ".", "e2lm_ingestion": "ingestion_program", "e2lm_scoring": "scoring_program"}
DATA = {f"e2lm._project.{name}": name for name in ("input_data", "reference_data", "starting_kit")}

setup(
    packages=[*DATA, *(name for top, root in ROOTS.items() for name in find_packages(root, include=[top, f"{top}.*"]))],
    package_dir={**{top: f"{root}/{top}".removeprefix("./") for top, root in ROOTS.items()}, **DATA},
)
