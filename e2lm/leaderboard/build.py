"""Builds the static site of scored runs; replaces the files of an earlier build and nothing else."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from e2lm.leaderboard.edition_page import Home
from e2lm.leaderboard.export import ranking_csv, ranking_json
from e2lm.leaderboard.ranking import rank
from e2lm.leaderboard.scored_runs import ScoredRun, by_suite, report_for
from e2lm.leaderboard.site.pages import BOARD, HOME, Board, board_page, compare_page, home_page, submission_page
from e2lm.terminal.progress import progress_bar
from e2lm_ingestion.errors import naming
from e2lm_scoring.errors import OrganizerError

CONTENTS = "site.json"  # lists the files of the site, which the next build replaces
SCHEMA = "e2lm-site/1"


def publish(
    runs: Sequence[ScoredRun],
    out: Path,
    earlier: Sequence[str],
    reveal: str,
    home: Home | None = None,
    competition: str = "",
) -> str:
    """Build the site beside `out`, then move it there in place of `earlier`, the files of an earlier build.

    `home` is what the home page shows, `competition` the name in the heads of reports. Returns the name of the first
    board's page.
    """
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        build_site(by_suite(runs), partial, reveal, home, competition)
        _replace(partial, out, earlier)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return HOME if home is None else BOARD


def publish_home(home: Home, out: Path, earlier: Sequence[str]) -> None:
    """Write the home page alone, or write it anew beside the board of an earlier build."""
    if HOME in earlier and len(earlier) > 1 and BOARD not in earlier:
        raise OrganizerError(
            f"{out}: {HOME} is a board that was built without an edition.yaml; build it again with e2lm leaderboard"
        )
    out.mkdir(parents=True, exist_ok=True)
    _write(out / HOME, home_page(home, with_board=BOARD in earlier))
    _write_contents(out, sorted({*earlier, HOME} - {CONTENTS}))


def build_site(
    suites: Mapping[str, Sequence[ScoredRun]],
    site: Path,
    reveal: str,
    home: Home | None = None,
    competition: str = "",
) -> None:
    """Write pages, reports and data of every suite, and the home page, into an empty folder."""
    for name in ("submissions", "reports", "data"):
        (site / name).mkdir(parents=True)
    boards = _boards(suites, home, competition)
    if home is not None:
        _write(site / HOME, home_page(home, with_board=True))
    total = sum(len(board.ranked_runs) for board in boards)
    done = 0
    with progress_bar("writing pages") as update:
        for board in boards:
            _write(site / board.page, board_page(board, boards))
            _write(site / board.compare, compare_page(board))
            _write(site / f"data/{board.slug}.csv", ranking_csv(board.ranked_runs))
            _write(site / f"data/{board.slug}.json", ranking_json(board.ranked_runs))
            for index, ranked_run in enumerate(board.ranked_runs):
                _write(site / f"submissions/{ranked_run.run.identity}.html", submission_page(board, index))
                _write(
                    site / f"reports/{ranked_run.run.identity}.html", report_for(ranked_run.run, reveal, competition)
                )
                done += 1
                update(done, total, ranked_run.run.identity)
    _write_contents(site, sorted(path.name for path in site.iterdir()))


def _write_contents(site: Path, names: Sequence[str]) -> None:
    _write(site / CONTENTS, json.dumps({"schema": SCHEMA, "contents": names}, indent=1) + "\n")


def _boards(suites: Mapping[str, Sequence[ScoredRun]], home: Home | None, competition: str) -> list[Board]:
    boards: list[Board] = []
    for number, (suite, runs) in enumerate(suites.items(), start=1):
        slug = re.sub(r"[^a-z0-9]+", "-", suite.lower()).strip("-")
        if not slug or any(board.slug == slug for board in boards):
            slug = f"{slug}-{number}".strip("-")
        page, compare = (
            (HOME if home is None else BOARD, "compare.html")
            if number == 1
            else (f"suite-{slug}.html", f"compare-{slug}.html")
        )
        boards.append(Board(suite, slug, page, compare, rank(runs), home, competition))
    return boards


def earlier_contents(site: Path) -> list[str]:
    """The files of an earlier build. Raises OrganizerError if the folder holds anything else."""
    if site.exists() and not site.is_dir():
        raise OrganizerError(f"{site}: a file; give a folder for the site")
    if not site.exists() or all(path.name.startswith(".") for path in site.iterdir()):
        return []
    try:
        found = json.loads((site / CONTENTS).read_text(encoding="utf-8"))
        names = [str(name) for name in found["contents"]]
        ours = found["schema"] == SCHEMA and all(Path(name).name == name and not name.startswith(".") for name in names)
    except (OSError, ValueError, KeyError, TypeError):
        ours = False
    if not ours:
        raise OrganizerError(f"{site}: not empty, and not a site of e2lm leaderboard; give an empty or a new folder")
    return names


def _replace(built: Path, site: Path, earlier: Sequence[str]) -> None:
    site.mkdir(parents=True, exist_ok=True)
    for name in earlier:
        path = site / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for path in sorted(built.iterdir()):
        path.replace(site / path.name)


def _write(path: Path, content: str) -> None:
    with naming(path):
        path.write_text(content, encoding="utf-8", errors="replace", newline="")
