"""Write the public leaderboard of scored runs as a static site: open index.html, or copy the folder to any web host."""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from e2lm.entries import load_entries
from e2lm.progress import progress_bar
from e2lm.ranking_files import ranking_csv, ranking_json
from e2lm.scored_runs import ScoredRun, by_suite, load_runs, report_for
from e2lm.site.pages import Board, board_page, compare_page, submission_page
from e2lm.standing import rank
from e2lm_ingestion.errors import naming
from e2lm_scoring.errors import OrganizerError

CONTENTS = "site.json"  # what of the folder is the site's: replaced by the next build, and nothing else is
SCHEMA = "e2lm-site/1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm leaderboard`."""
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUNS", help="folders of e2lm run, or a folder of them")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="SITE", help="the site's folder")
    parser.add_argument("--entries", type=Path, metavar="FILE", help="entries.yaml or .json: teams and fact sheets")
    parser.add_argument(
        "--reveal",
        choices=("participant", "organizer"),
        default="participant",
        help="organizer: reports also show late checkpoints and the web-only model (default: participant)",
    )
    parser.epilog = "example: e2lm leaderboard build/demo -o build/site\nnext:    open build/site/index.html"


def main(args: argparse.Namespace) -> int:
    """Build the site beside its place, then put it there."""
    earlier = _earlier_contents(args.out)
    runs = load_runs(args.runs, load_entries(args.entries) if args.entries else {})
    partial = args.out.with_name(args.out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        build_site(by_suite(runs), partial, args.reveal)
        _replace(partial, args.out, earlier)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    print(f"{len(runs)} submissions\nsite: {args.out / 'index.html'}")
    return 0


def build_site(suites: Mapping[str, Sequence[ScoredRun]], site: Path, reveal: str) -> None:
    """Pages, reports and data of every suite into an empty folder."""
    for name in ("submissions", "reports", "data"):
        (site / name).mkdir(parents=True)
    boards = _boards(suites)
    total = sum(len(board.places) for board in boards)
    done = 0
    with progress_bar("writing pages") as update:
        for board in boards:
            _write(site / board.page, board_page(board, boards))
            _write(site / board.compare, compare_page(board))
            _write(site / f"data/{board.slug}.csv", ranking_csv(board.places))
            _write(site / f"data/{board.slug}.json", ranking_json(board.places))
            for index, place in enumerate(board.places):
                _write(site / f"submissions/{place.run.identity}.html", submission_page(board, index))
                _write(site / f"reports/{place.run.identity}.html", report_for(place.run, reveal))
                done += 1
                update(done, total, place.run.identity)
    contents = sorted(path.name for path in site.iterdir())
    _write(site / CONTENTS, json.dumps({"schema": SCHEMA, "contents": contents}, indent=1) + "\n")


def _boards(suites: Mapping[str, Sequence[ScoredRun]]) -> list[Board]:
    boards: list[Board] = []
    for number, (suite, runs) in enumerate(suites.items(), start=1):
        slug = re.sub(r"[^a-z0-9]+", "-", suite.lower()).strip("-")
        if not slug or any(board.slug == slug for board in boards):
            slug = f"{slug}-{number}".strip("-")
        page, compare = (
            ("index.html", "compare.html") if number == 1 else (f"suite-{slug}.html", f"compare-{slug}.html")
        )
        boards.append(Board(suite, slug, page, compare, rank(runs)))
    return boards


def _earlier_contents(site: Path) -> list[str]:
    """What an earlier build left. Raises OrganizerError where something else is in the folder's place."""
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
