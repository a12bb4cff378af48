"""The output of `e2lm check` as text that is safe to print, whatever the submission holds."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.output_types.registry import OUTPUT_TYPES

SHOWN_CHARACTERS = 8_000  # shown of a context; the middle of a longer one is left out
MOST_ERRORS = 20
BOUNDARY = "·"  # between two tokens


def text_of(summary: dict[str, Any], path: Path) -> str:
    """The whole output of `e2lm check`."""
    lines = [*_facts(summary), "", *_warnings(summary), ""]
    for number, item in enumerate(summary["first_items"]):
        lines += [*_item(number, item, OUTPUT_TYPES[summary["output_type"]].wording.continuation), ""]
    lines.append(f"next: e2lm run {shlex.quote(str(path))} --suite miniature")
    return "\n".join(lines)


def _facts(summary: dict[str, Any]) -> list[str]:
    choices, shots, cost = summary["choices"], summary["num_fewshot"], summary["forecast"]
    span = str(choices["min"]) if choices["min"] == choices["max"] else f"{choices['min']} to {choices['max']}"
    examples = f"{shots} from {printable(str(summary['fewshot_split']))}" if shots else "none"
    guess = summary["guessers"]
    what = OUTPUT_TYPES[summary["output_type"]].wording.item.format(choices=span)
    asked = [f"items      {summary['items']:,}; {what}"]
    if guess is not None:
        asked = [
            f"items      {summary['items']:,}, {what}; guessing scores {summary['chance']:.3f}",
            f"guessers   longest choice {guess['longest']:.3f}, shortest {guess['shortest']:.3f}, "
            f"choices alone {guess['choices_only']:.3f}",
        ]
    return [
        f"task       {summary['task']}",
        *asked,
        f"examples   {examples}",
        f"metric     {summary['metric']}",
        f"longest    {summary['longest_prompt_characters']:,} characters (context and answer)",
        f"requests   {cost['requests']:,}; {cost['tokens']:,} tokens, {cost['unique_tokens']:,} of them unique "
        f"({cost['source']}){_written(cost)}",
        f"forecast   {_minutes(cost)} for the {cost['checkpoints']} checkpoints of {cost['suite']} on "
        f"{printable(cost['machine'])} ({cost['figures']}){_limit(cost)}",
    ]


def _written(cost: dict[str, Any]) -> str:
    return f"; at most {cost['written_tokens']:,} are written" if cost["written_tokens"] else ""


def _minutes(cost: dict[str, Any]) -> str:
    if cost["minutes"] is None:
        return "unknown time (write the `size` of each model, such as 0.5B, into suite.yaml)"
    minutes = max(1, round(cost["minutes"]))
    return f"{'at most' if cost['written_tokens'] else 'about'} {minutes:,} minute{'s' if minutes > 1 else ''}"


def _limit(cost: dict[str, Any]) -> str:
    return "" if cost["limit_minutes"] is None else f"; the limit is {cost['limit_minutes']:,.0f}"


def _warnings(summary: dict[str, Any]) -> list[str]:
    notes = [f"note       {printable(note)}" for note in summary["notes"]]
    if not summary["warnings"]:
        return [*notes, "no errors, no warnings"]
    warnings = (f"warning    {printable(warning['message'])}" for warning in summary["warnings"])
    return [*notes, "no errors", *warnings]


def errors_of(error: SubmissionError) -> list[str]:
    """A line for each problem, grouped by file, MOST_ERRORS at most, and how many are left out."""
    problems = list(map(str, error.args))
    files = list(dict.fromkeys(map(_file_of, problems)))
    ordered = sorted(problems, key=lambda problem: files.index(_file_of(problem)))
    more = [f"... and {len(ordered) - MOST_ERRORS} more"] if len(ordered) > MOST_ERRORS else []
    return [f"error: {printable(problem)}" for problem in ordered[:MOST_ERRORS]] + more


def _file_of(problem: str) -> str:
    return problem.split(":", 1)[0].split(",", 1)[0]


def _item(number: int, item: dict[str, Any], title: str) -> list[str]:
    marked = f", {BOUNDARY} between tokens" if "context_tokens" in item else ""
    lines = [f"Item {number} as the model reads it{marked}:"]
    for i, text in enumerate(item["contexts"]):
        context = BOUNDARY.join(item["context_tokens"][i]) if marked else text
        lines += ["", *(f"  | {printable(line)}" for line in shortened(context).split("\n"))]
    lines += ["", title, ""]
    for i, text in enumerate(item["continuations"]):
        mark = "right" if i in item["gold"] else "     "
        continuation = BOUNDARY.join(item["continuation_tokens"][i]) if marked else text
        lines.append(f"  {mark} | {printable(shortened(continuation))}")
    return lines


def shortened(text: str) -> str:
    """The text, cut in the middle to SHOWN_CHARACTERS."""
    if len(text) <= SHOWN_CHARACTERS:
        return text
    half = SHOWN_CHARACTERS // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half:,} characters ...]\n{text[-half:]}"


def printable(text: str) -> str:
    """Untrusted text for a terminal: line breaks are kept, control sequences are made harmless."""
    return "".join(c if c.isprintable() else "⏎" if c == "\n" else ascii(c)[1:-1] for c in text)
