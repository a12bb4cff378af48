"""The submissions of a phase on Codabench: choosing, downloading and running them again."""

from __future__ import annotations

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

from e2lm.codabench.client import RESULTS, SUBMISSION, Codabench, Submitted
from e2lm.terminal.progress import progress_bar
from e2lm_ingestion.errors import OrganizerError, naming

DONE = frozenset({"Finished", "Failed", "Cancelled"})  # states in which Codabench reruns a submission
PAUSE = 0.2  # seconds between two reruns, to spare the shared server
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


def choose(found: Sequence[Submitted], ids: Sequence[int], *, everything: bool) -> list[Submitted]:
    """The submissions in `ids`, all, or those on the leaderboard. Raises OrganizerError for an unknown number."""
    absent = set(ids) - {one.id for one in found}
    if absent:
        raise OrganizerError(
            f"the phase has no submission {', '.join(map(str, sorted(absent)))}, or this account may not see it"
        )
    chosen = [one for one in found if (one.id in ids if ids else everything or one.on_leaderboard)]
    if not chosen:
        hint = "" if everything or not found else f"; it has {len(found)} that are not on it: --all"
        raise OrganizerError(f"the phase has no submission on the leaderboard that this account may see{hint}")
    return chosen


def fetch(
    client: Codabench, chosen: Sequence[Submitted], phase: int, folder: Path, results: Path | None = None
) -> None:
    """Download missing zips, and write entries.json with their teams. A failed download does not stop the others.

    The output of ingestion goes to `results`, in a folder with the zip's name.
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
    print(f"{len(entries)} submissions in {folder}; their teams and fact sheets: {index}")
    if problems:
        raise OrganizerError("; ".join(problems[:3]) + (f"; and {len(problems) - 3} more" if len(problems) > 3 else ""))


def _fetch_results(client: Codabench, submission: int, folder: Path) -> None:
    """Unpack the output of ingestion into `folder`, atomically. Raises OrganizerError when it is incomplete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        path, unpacked = Path(name) / "results.zip", Path(name) / "results"
        client.download(submission, path, RESULTS)
        try:
            with zipfile.ZipFile(path) as archive:
                found = [info for info in archive.infolist() if RESULT_FILE.fullmatch(info.filename)]
                if sum(info.file_size for info in found) > RESULTS[1]:
                    raise OrganizerError(
                        f"submission {submission}: its results unpack to more than the largest possible size of results"
                    )
                for info in found:
                    archive.extract(info, unpacked)
        except (zipfile.BadZipFile, OSError, RuntimeError, zlib.error) as error:
            raise OrganizerError(f"submission {submission}: its results cannot be unpacked: {error}") from None
        if not (unpacked / "results.json").is_file():
            raise OrganizerError(f"submission {submission}: its results lack results.json; it did not finish")
        unpacked.rename(folder)


def safe_name(one: Submitted) -> str:
    """A file name from the number and the owner's name, shortened and safe for any file system."""
    return f"{one.id}-{re.sub(r'[^A-Za-z0-9_-]+', '-', one.owner).strip('-')[:40]}".rstrip("-")


def entry_of(one: Submitted, phase: int) -> dict[str, Any]:
    """The entry of a submission in entries.json, for the final ranking."""
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
        raise OrganizerError(f"{path}: not written by e2lm codabench fetch; move it away or give another --out")
    return value


def rerun(client: Codabench, chosen: Sequence[Submitted], out: Path | None, *, really: bool) -> None:
    """Run submissions again in their phase; each new number is printed as soon as it is known."""
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
