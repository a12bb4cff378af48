"""Print the completion of this command for your shell."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping

BASH = """\
_e2lm() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} command=${{COMP_WORDS[1]:-}} words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words={commands}
  else
    case "$command" in
{cases}
    esac
    case "$current" in -*) ;; *) words=$(printf '%s\\n' $words | grep -v ^-) ;; esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _e2lm e2lm
"""
ZSH = "autoload -U +X compinit bashcompinit && compinit && bashcompinit\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm completion`."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
    parser.epilog = (
        "examples: e2lm completion bash >> ~/.bashrc\n"
        "          e2lm completion zsh >> ~/.zshrc\n"
        "          e2lm completion fish > ~/.config/fish/completions/e2lm.fish\n"
        "next:     open a new shell, type e2lm and press the Tab key"
    )


def main(args: argparse.Namespace) -> int:
    """Print a script that completes commands, their options and their actions."""
    from e2lm.cli.main import COMMANDS, whole_parser

    if args.shell == "fish":
        print("\n".join(_fish(COMMANDS, _words(whole_parser()))))
        return 0
    cases = [f"      {name}) words={shlex.quote(words)} ;;" for name, words in _words(whole_parser()).items()]
    script = BASH.format(commands=shlex.quote(" ".join(COMMANDS)), cases="\n".join(cases))
    print(ZSH * (args.shell == "zsh") + script, end="")
    return 0


def _fish(commands: Mapping[str, str], words: Mapping[str, str]) -> list[str]:
    """A line for each command and for each word that may follow it; fish completes files beside the latter."""
    lines = [
        f"complete -c e2lm -f -n __fish_use_subcommand -a {name} -d {shlex.quote(meaning)}"
        for name, meaning in commands.items()
    ]
    for name, following in words.items():
        for word in following.split():
            what = f"-l {word.removeprefix('--')}" if word.startswith("--") else f"-a {word}"
            if not word.startswith("-") or word.startswith("--"):
                lines.append(f"complete -c e2lm -n '__fish_seen_subcommand_from {name}' {what}")
    return lines


def _words(parser: argparse.ArgumentParser) -> dict[str, str]:
    """What may follow each command: its options, and the actions and choices of its arguments."""
    return {
        name: " ".join(dict.fromkeys(word for action in command._actions for word in _of(action)))
        for name, command in _commands(parser).items()
    }


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    return next(dict(one.choices) for one in parser._actions if isinstance(one, argparse._SubParsersAction))


def _of(action: argparse.Action) -> list[str]:
    if isinstance(action, argparse._SubParsersAction):
        below = [word for parser in action.choices.values() for own in parser._actions for word in own.option_strings]
        return [*action.choices, *below]
    if action.option_strings:
        return [word for word in action.option_strings if word.startswith("--")]
    return [str(choice) for choice in action.choices or ()]
