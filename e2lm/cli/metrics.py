"""List every metric, a line each."""

from __future__ import annotations

import argparse

from rich.console import Console

from e2lm.terminal.table import Column, fitted_table
from e2lm_ingestion.metrics.meanings import meaning
from e2lm_ingestion.task.output_type_rules import RULES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `e2lm metrics`."""
    parser.add_argument("output_type", nargs="?", choices=list(RULES), help="only those of this output type")
    parser.epilog = (
        "A task names them in metric_list; the first makes the curve, turned round where lower is better.\n"
        'A metric of your own is an expression: {metric: mine, expression: "ll[gold] - mean(ll[~gold])"}\n'
        "example: e2lm metrics multiple_choice\n"
        "next:    e2lm rescore build/my-task --metric acc_norm"
    )


def main(args: argparse.Namespace) -> int:
    """Print a table for each output type: name, direction, meaning."""
    console = Console()
    for output_type in (args.output_type,) if args.output_type else RULES:
        columns = [Column("metric", is_name=True), Column("better", left=True), Column("of an item", is_name=True)]
        rows = [
            [name, "higher" if spec.higher_is_better else "lower", meaning(RULES[output_type].meanings, name)]
            for name, spec in RULES[output_type].metrics.items()
        ]
        console.print(fitted_table(output_type, columns, rows, console.width))
    return 0
