"""List, download and rerun the submissions of a phase on Codabench."""

from __future__ import annotations

import argparse
import csv
import json
import re
import tempfile
import time
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from e2lm.codabench_api import (
    PASSWORD_VARIABLE,
    RESULTS,
    SUBMISSION,
    TOKEN_VARIABLE,
    USER_VARIABLE,
    Codabench,
    Submitted,
)
from e2lm.progress import progress_bar
from e2lm.terminal_table import Column, fitted_table
from e2lm_ingestion.errors import OrganizerError, naming

DONE = frozenset({"Finished", "Failed", "Cancelled"})  # what Codabench runs again
PAUSE = 0.2  # seconds between two submissions: the server is everyone's
RESULT_FILE = re.compile(r"results\.json|items\.npz|checkpoints/[A-Za-z0-9][\w.-]*/iter_\d+\.npz")
# The columns of entries.json and the questions of competition.yaml's fact sheet that fill them.
FACTS = {
    "team": "team",
    "student": "student_team",
    "method": "method",
    "code_url": "code_url",
    "licence": "license",
    "compute": "compute",
    "data_sources": "data_sources",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm codabench`."""
    parser.add_argument("action", choices=["list", "fetch", "rerun"], help="list, download, or run again")
    parser.add_argument("phase", type=int, help="the phase's number (phase= in the requests of the site)")
    parser.add_argument("ids", type=int, nargs="*", metavar="ID", help="only these submissions")
    parser.add_argument(
        "--url", default="https://www.codabench.org", help="the site (default: https://www.codabench.org)"
    )
    parser.add_argument("--all", action="store_true", help="every submission, not only those on the leaderboard")
    parser.add_argument("--out", type=Path, help="list: a CSV file of the scores; fetch: the folder to fill")
    parser.add_argument(
        "--results", type=Path, metavar="FOLDER", help="fetch: also what ingestion wrote, for e2lm rerun --development"
    )
    parser.add_argument("--yes", action="store_true", help="rerun: do it; without, it is only said what would be done")
    parser.epilog = (
        "example: e2lm codabench fetch PHASE --out submissions\n"
        f"Signs in with the token in {TOKEN_VARIABLE},\n"
        f"or with {USER_VARIABLE} and {PASSWORD_VARIABLE}, from the environment.\n"
        "list and fetch change nothing on the site."
    )


def main(args: argparse.Namespace) -> int:
    """Do one of the three with the chosen submissions."""
    if args.action == "fetch" and args.out is None:
        raise OrganizerError("fetch needs --out, the folder to fill")
    client = Codabench(args.url)
    try:
        chosen = choose(client.submissions(args.phase), args.ids, everything=args.all)
        if args.action == "list":
            show(chosen, args.out)
        elif args.action == "fetch":
            fetch(client, chosen, args.phase, args.out, args.results)
        else:
            rerun(client, chosen, args.out, really=args.yes)
    finally:
        client.close()
    return 0


def choose(found: Sequence[Submitted], ids: Sequence[int], *, everything: bool) -> list[Submitted]:
    """The named ones, all, or those on the leaderboard. Raises OrganizerError for a number that is not there."""
    absent = set(ids) - {one.id for one in found}
    if absent:
        raise OrganizerError(f"the phase has no submission {', '.join(map(str, sorted(absent)))}, or not for you")
    chosen = [one for one in found if (one.id in ids if ids else everything or one.on_leaderboard)]
    if not chosen:
        hint = "" if everything or not found else f"; it has {len(found)} that are not on it: --all"
        raise OrganizerError(f"the phase has no submission on the leaderboard that this account may see{hint}")
    return chosen


def show(chosen: Sequence[Submitted], out: Path | None) -> None:
    """Print a table; write all scores to a CSV file where one is named."""
    columns = sorted({key for one in chosen for key in one.scores})
    main_columns = [key for key in ("score", "sq", "rc", "cs") if key in columns] or columns[:4]
    names = [Column("owner", is_name=True), Column("team", is_name=True)]
    columns_shown = [Column("id"), *names, Column("status", left=True), *map(Column, main_columns), Column("board")]
    rows = []
    for one in chosen:
        scores = [f"{one.scores[key]:.4f}" if key in one.scores else "-" for key in main_columns]
        team = one.answers.get(FACTS["team"], "")
        board = "yes" if one.on_leaderboard else "no"
        rows.append([str(one.id), one.owner, team[:40], one.status, *scores, board])
    console = Console()
    console.print(fitted_table("", columns_shown, rows, console.width))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        with naming(out), out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "owner", "team", "status", "created", *columns])
            for one in chosen:
                facts = [one.owner, one.answers.get(FACTS["team"], ""), one.status, one.created]
                writer.writerow([one.id, *map(_cell, facts), *(str(one.scores.get(key, "")) for key in columns)])
        print(f"scores: {out}")


def _cell(text: str) -> str:
    """Text that a spreadsheet does not run as a formula."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t")) else text


def fetch(
    client: Codabench, chosen: Sequence[Submitted], phase: int, folder: Path, results: Path | None = None
) -> None:
    """Download zips that are not there yet; entries.json says whose each is. One that fails does not stop the rest.

    What ingestion wrote of each goes to `results`, in a folder of the zip's name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries: dict[str, dict[str, Any]] = {}
    problems = []
    with progress_bar("downloading") as update:
        for number, one in enumerate(chosen, 1):
            name = safe_name(one)
            path = folder / f"{name}.zip"
            try:
                if not path.exists():
                    client.download(one.id, path, SUBMISSION)
                    time.sleep(PAUSE)
                entries[name] = entry_of(one, phase)
                if results is not None and one.status == "Finished" and not (results / name / "results").exists():
                    _fetch_results(client, one.id, results / name / "results")
                    time.sleep(PAUSE)
            except OrganizerError as error:
                problems.append(str(error))
            update(number, len(chosen), name)
    index = folder / "entries.json"
    earlier = _read_index(index)
    with naming(index):
        index.write_text(json.dumps(earlier | entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(entries)} submissions in {folder}; whose they are: {index}")
    if problems:
        raise OrganizerError("; ".join(problems[:3]) + (f"; and {len(problems) - 3} more" if len(problems) > 3 else ""))


def _fetch_results(client: Codabench, submission: int, folder: Path) -> None:
    """Unpack what ingestion wrote into `folder`, at once. Raises OrganizerError when it is not whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        path, unpacked = Path(name) / "results.zip", Path(name) / "results"
        client.download(submission, path, RESULTS)
        try:
            with zipfile.ZipFile(path) as archive:
                found = [info for info in archive.infolist() if RESULT_FILE.fullmatch(info.filename)]
                if sum(info.file_size for info in found) > RESULTS[1]:
                    raise OrganizerError(f"submission {submission}: its results unpack to more than results can be")
                for info in found:
                    archive.extract(info, unpacked)
        except (zipfile.BadZipFile, OSError, RuntimeError, zlib.error) as error:
            raise OrganizerError(f"submission {submission}: its results cannot be unpacked: {error}") from None
        if not (unpacked / "results.json").is_file():
            raise OrganizerError(f"submission {submission}: its results lack results.json; it did not finish")
        unpacked.rename(folder)


def safe_name(one: Submitted) -> str:
    """The number and as much of the owner's name as any file system takes."""
    return f"{one.id}-{re.sub(r'[^A-Za-z0-9_-]+', '-', one.owner).strip('-')[:40]}".rstrip("-")


def entry_of(one: Submitted, phase: int) -> dict[str, Any]:
    """What the final ranking needs to know of a submission."""
    facts: dict[str, Any] = {name: one.answers.get(question, "") for name, question in FACTS.items()}
    facts["student"] = facts["student"].casefold() in ("yes", "true")
    facts["team"] = facts["team"] or one.owner
    listed = {key: value for key, value in asdict(one).items() if key in ("owner", "status", "created", "scores")}
    return {**facts, **listed, "codabench_id": one.id, "phase": phase, "score": one.scores.get("score")}


def _read_index(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        value = None
    if not isinstance(value, dict):
        raise OrganizerError(f"{path}: not an index that fetch wrote; move it away or give another --out")
    return value


def rerun(client: Codabench, chosen: Sequence[Submitted], out: Path | None, *, really: bool) -> None:
    """Run submissions again in their phase; which number became which is printed as soon as it is known."""
    running = [one.id for one in chosen if one.status not in DONE]
    if running:
        raise OrganizerError(f"submission {', '.join(map(str, running))}: not finished yet; wait, or name the others")
    if not really:
        for one in chosen:
            print(f"would rerun {one.id} of {one.owner}")
        print(f"{len(chosen)} submissions; nothing was changed. To do it, add --yes")
        return
    for one in chosen:
        new = client.rerun(one.id)
        print(f"rerun of {one.id} ({one.owner}): {new}", flush=True)
        if out is not None:
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"submission": one.id, "rerun": new, "owner": one.owner}) + "\n")
        time.sleep(PAUSE)
