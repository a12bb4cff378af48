"""Every command of the README's "Use it" and of results day, in order, and then all of them again in the same folder.

Resources that are not on this machine are replaced, as `Stands.in_for` defines: the Hub, Codabench and a language model
by local servers, the 500 GB of released checkpoints by a few of the miniature suite. `--docker` and `--ray`, which the
README's comments name, are tested in tests/docker and test_rerun.py.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2lm.codabench.client import TOKEN_VARIABLE
from e2lm.suites.registry import SUITES
from e2lm_ingestion.suite import load_suite
from tests.e2lm.codabench_site import Site, submission
from tests.e2lm.command_line import EXAMPLES, PROJECT_ROOT, e2lm
from tests.e2lm.small_suite import write_small_suite
from tests.e2lm.suites.hub_server import running_hub
from tests.e2lm.web_server import Request, Response, serving

# The first time of these is that of the fixtures `demo` and `science_cloze_run`, which other tests look at.
DONE_BEFORE = ["demo", "run starting_kit/examples/science-cloze --out build/run"]
# What is refused the second time, since it would overwrite what people have written, and what the one line says.
REFUSED = {"new my-task": "my-task: exists already, and nothing is overwritten; give another name"}

# What docs/organizers.md and docs/rerun.md add to the README's commands once a phase is over.
RESULTS_DAY = [
    "codabench list PHASE --out scores.csv",
    "codabench fetch PHASE --out submissions --results development",
    "rerun submissions --out final --development development",
    "rank final --out ranking --entries submissions/entries.json",
    "leaderboard final -o site --entries submissions/entries.json",
]


def commands_of_the_readme() -> list[str]:
    """The arguments after `.venv/bin/e2lm`, without comments; first the command of `make demo`."""
    found = re.search(
        r"^## Use it\n.*?^```\n(.*?)^```$", (PROJECT_ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert found is not None
    typed = [line.partition(" #")[0].split(maxsplit=1) for line in found[1].splitlines()]
    assert {program for program, _ in typed} == {".venv/bin/e2lm"}
    return ["demo", *(arguments.strip() for _, arguments in typed)]


@dataclass(frozen=True, slots=True)
class Stands:
    """Local replacements of resources that are not on this machine."""

    suite: str
    hub: str
    codabench: str
    site: Site
    judge: str

    def in_for(self, command: str) -> str:
        """The command as it can run here."""
        words = shlex.split(command)
        match words[0]:
            case "bundle" | "rerun":  # on the released checkpoints, or on all of the miniature suite: hours or minutes
                words += ["--suite", self.suite]
            case "codabench":
                words = ["3" if word == "PHASE" else word for word in words] + ["--url", self.codabench]
            case "judge":
                words = [{"URL": f"{self.judge}/v1", "NAME": "m"}.get(word, word) for word in words]
        return shlex.join(words)

    def environment(self, command: str, folder: Path) -> dict[str, str]:
        """Where the command finds the Hub and Codabench's token, and where what it fetches or leaves may go."""
        here = {TOKEN_VARIABLE: "abc", "TMPDIR": str(folder)}
        if command.startswith("suite fetch"):
            here |= {"HF_ENDPOINT": self.hub, "E2LM_CHECKPOINTS": str(folder / "checkpoints")}
        return here


@pytest.fixture
def stands(miniature: Path, tmp_path: Path) -> Iterator[Stands]:
    """The Hub, Codabench with two submissions on its board, and a judge who accepts everything."""

    def accept(request: Request) -> Response:
        content = json.dumps({"reason": "it asks for knowledge", "verdict": "accept"})
        return Response(body={"choices": [{"message": {"content": content}, "finish_reason": "stop"}]})

    site = Site(submission(7), submission(8, "bob"))
    site.content = zipped(EXAMPLES / "web-trivia")
    with (
        running_hub() as hub,
        serving(site.file) as site.storage,
        serving(site.answer) as url,
        serving(accept) as judge,
    ):
        for model in load_suite(SUITES["e2lm-2025"].suite).models:  # its early checkpoints have the same names
            hub.repositories[model.source, "main"] = miniature / "miniature/mini-150k-arch1"
        yield Stands(str(write_small_suite(tmp_path / "suite")), hub.endpoint, url, site, judge)


def zipped(folder: Path) -> bytes:
    """What Codabench keeps of a step's output."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file in folder.rglob("*"):
            archive.write(file, file.relative_to(folder))
    return content.getvalue()


def test_every_command_works_and_works_again_in_the_same_folder(
    clone: Path, demo: Path, science_cloze_run: Path, stands: Stands, tmp_path: Path
) -> None:
    commands = [*commands_of_the_readme(), *RESULTS_DAY]
    assert set(DONE_BEFORE) | REFUSED.keys() <= set(commands)
    for again in (False, True):
        for command in commands:
            if command in DONE_BEFORE and not again:
                continue
            if "--results" in command:  # a worker wrote what the rerun writes
                stands.site.results = zipped(clone / "final/7-ada/results")
            words, environment = shlex.split(stands.in_for(command)), stands.environment(command, tmp_path)
            done = e2lm(*words, cwd=clone, fresh=True, **environment)
            where = f"e2lm {command}, the {'second' if again else 'first'} time\n{done.stdout}{done.stderr}"
            if again and command in REFUSED:
                assert (done.returncode, done.stderr) == (2, f"error: {REFUSED[command]}\n"), where
            else:
                assert done.returncode == 0, where
                assert "Traceback" not in done.stdout + done.stderr, where
