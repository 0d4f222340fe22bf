"""``lexret label remove``: take a label out of an index."""

from __future__ import annotations

from pathlib import Path

import click

from lexret.cli.common import index_option, open_chosen_library, plural


@click.command("remove")
@click.argument("name")
@click.option("--keep-field", is_flag=True,
              help="Leave the classes in the index, as fields of your own.")  # fmt: skip
@index_option
def command(name: str, keep_field: bool, index_path: Path | None) -> None:
    """Forget the label NAME and its examples, and take its classes out of the index.

    What people put into the field stays; no picture file is touched.

    \b
    Example:
      lexret label remove scans
      lexret label remove scans --keep-field
    """
    num_changed = open_chosen_library(index_path).labels.remove(name, keep_field=keep_field)
    click.echo(f"{name} is forgotten; {plural(num_changed, 'picture')} changed")
