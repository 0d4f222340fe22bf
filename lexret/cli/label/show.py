"""``lexret label show``: what a label was learnt from."""

from __future__ import annotations

from pathlib import Path

import click

from lexret.cli.common import index_option, json_option, open_chosen_library
from lexret.cli.label.reports import print_report


@click.command("show")
@click.argument("name")
@index_option
@json_option
def command(name: str, index_path: Path | None, as_json: bool) -> None:
    """Show the classes of the label NAME: examples, how well they are known, by which words.

    \b
    Example:
      lexret label show scans
      lexret label show scans --json
    """
    print_report(open_chosen_library(index_path).labels.show(name), as_json=as_json)
