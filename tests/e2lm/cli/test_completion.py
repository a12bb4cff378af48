"""The completion script in a real bash."""

from __future__ import annotations

import shlex
import shutil
import subprocess

import pytest

from e2lm.cli.main import COMMANDS, main
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


def test_fish_has_a_line_for_each_command_option_and_action(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "fish"]) == 0
    lines = capsys.readouterr().out.splitlines()
    started = [line for line in lines if "__fish_use_subcommand" in line]
    assert [line.split(" -a ")[1].split()[0] for line in started] == list(COMMANDS)
    assert all(len(shlex.split(line)) == 10 for line in started)
    follows = {tuple(shlex.split(line)[4:]) for line in lines if line not in started}
    assert ("__fish_seen_subcommand_from run", "-l", "overwrite") in follows
    assert ("__fish_seen_subcommand_from suite", "-a", "show") in follows
    assert all(len(one) == 3 and not one[2].startswith("-") for one in follows)
    if (fish := shutil.which("fish")) is not None:
        subprocess.run([fish, "--no-execute", "-c", "\n".join(lines)], check=True)
