"""Which packages and files the wheel holds; all else is in pyproject.toml.

Every package under the three roots is found, so that a new one cannot be missing. What the commands need and lies
outside of the packages is in the wheel under e2lm/_project, where e2lm/project.py looks for it.
"""

from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOTS = {"e2lm": ".", "e2lm_ingestion": "ingestion_program", "e2lm_scoring": "scoring_program"}
FOLDERS = ("input_data", "reference_data", "starting_kit")
DATA = {f"e2lm._project.{name}": name for name in FOLDERS if Path(name).is_dir()}


class BuildWithEdition(build_py):
    """Also puts edition.yaml and its suites into the wheel: the commands work for this edition unless told another."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            folder = Path(self.build_lib) / "e2lm/_project"
            for path in (Path("edition.yaml"), *Path("suites").rglob("*.yaml")):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                self.copy_file(str(path), str(folder / path))


setup(
    cmdclass={"build_py": BuildWithEdition},
    packages=[*DATA, *(name for top, root in ROOTS.items() for name in find_packages(root, include=[top, f"{top}.*"]))],
    package_dir={**{top: f"{root}/{top}".removeprefix("./") for top, root in ROOTS.items()}, **DATA},
)
