"""Write the home page of an edition of the competition."""

from __future__ import annotations

import argparse

from e2lm.cli import edition_site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm edition`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    edition_site.add_arguments(
        actions.add_parser(
            "site",
            help="the competition's home page, before there is a board",
            description="Write the competition's home page from edition.yaml as a static site. e2lm leaderboard writes "
            "it too, beside the board.",
        )
    )
    parser.epilog = "example: e2lm edition site -o build/home\nnext:    open build/home/index.html"


def main(args: argparse.Namespace) -> int:
    """Run the action."""
    return edition_site.main(args)
