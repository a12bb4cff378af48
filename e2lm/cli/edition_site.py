"""`e2lm edition site`: the competition's home page, before there is a board."""

from __future__ import annotations

import argparse
from pathlib import Path

from e2lm.edition.current import found_edition
from e2lm.leaderboard.build import earlier_contents, publish_home
from e2lm.leaderboard.edition_page import read_home
from e2lm.leaderboard.site.pages import HOME
from e2lm_ingestion.errors import OrganizerError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm edition site`."""
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="SITE", help="the site's folder")
    parser.epilog = "example: e2lm edition site -o build/home\nnext:    open build/home/index.html"


def main(args: argparse.Namespace) -> int:
    """Write the page and print its path."""
    edition = found_edition()
    if edition is None:
        raise OrganizerError("no edition.yaml in the working directory or above; give one with --edition")
    publish_home(read_home(edition.path), args.out, earlier_contents(args.out))
    print(f"edition: {edition}\nsite: {args.out / HOME}")
    return 0
