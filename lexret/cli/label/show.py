"""``lexret label show``: what a label was learnt from."""

from __future__ import annotations

from pathlib import Path

import click

from lexret.cli.common import index_option, json_option, open_chosen_library
from lexret.cli.label.reports import print_report


@click.command("show")
@click.argument("name")
@click.option("--examples", is_flag=True, help="List the examples, by what gave them.")
@index_option
@json_option
def command(name: str, examples: bool, index_path: Path | None, as_json: bool) -> None:
    """Show the classes of the label NAME: examples, how well they are known, by which words.

    \b
    Example:
      lexret label show scans --examples
      lexret label show scans --json
    """
    report = open_chosen_library(index_path).labels.show(name)
    print_report(report, as_json=as_json, with_examples=examples)
