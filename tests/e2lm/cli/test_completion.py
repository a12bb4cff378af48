"""The completion script in a real bash."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from e2lm.cli.main import main
from tests.not_tested import not_tested


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (["e2lm", "resc"], ["rescore"]),
        (["e2lm", "run", "--over"], ["--overwrite"]),
        (["e2lm", "suite", "sh"], ["show"]),
        (["e2lm", "metrics", "generate"], ["generate_until"]),
        (["e2lm", "run", ""], []),
    ],
)
def test_bash_completes_commands_options_and_actions(
    typed: list[str], found: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    bash = shutil.which("bash")
    if bash is None:
        not_tested("completion: bash is missing")
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    words = " ".join(f"'{word}'" for word in typed)
    asked = f'COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; _e2lm; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run([str(bash), "-c", f"{script}\n{asked}"], capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == (found, "")


def test_zsh_loads_what_bash_s_script_needs_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "zsh"]) == 0
    assert capsys.readouterr().out.startswith("autoload -U +X compinit bashcompinit")
