"""Refuses a base image whose torch would be replaced. Runs while the image is built.

usage: python3 check_base_image.py requirements/torch.txt

pip would replace another version than the pinned one by a build without CUDA, and jobs would compute on the CPU.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def main(requirements: Path) -> int:
    """Exit code 1, with the reason, if torch is installed in another version than the pinned one."""
    (pinned,) = re.findall(r"^torch==(\S+)", requirements.read_text(encoding="utf-8"), re.MULTILINE)
    try:
        installed = version("torch")
    except PackageNotFoundError:
        return 0
    if installed.partition("+")[0] == pinned:
        return 0
    print(
        f"error: the base image has torch {installed}, and the programs need {pinned}, which pip would install without "
        "CUDA; give a base image with that version (--build-arg BASE_IMAGE=...), or change the pin in "
        "requirements/torch.txt",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
