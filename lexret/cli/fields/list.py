"""``lexret fields list``: what fields the pictures of an index have."""

from __future__ import annotations

import json
from pathlib import Path

import click

from lexret.cli.common import index_option, json_option, open_chosen_index, render_table


@click.command("list")
@index_option
@json_option
def command(index_path: Path | None, as_json: bool) -> None:
    """List the fields of an index: name, type, how many pictures have it, and whose it is.

    \b
    Example:
      lexret fields list
      lexret fields list --index ./images --json
    """
    from lexret.library.asking.query_fields import PICTURE_FIELDS, VOUCHED
    from lexret.library.updating.records import INDEXED_FIELDS

    index = open_chosen_index(index_path)
    counts = dict.fromkeys(sorted(index.columns), 0)
    for document in index.documents():
        for name, value in document.fields.items():
            counts[name] += value is not None
    names = {column: name for name, column in PICTURE_FIELDS.columns.items()}
    # Others that begin with an underscore tell people nothing.
    counts = {
        name: count for name, count in counts.items()
        if name in names or name == VOUCHED or not name.startswith("_")
    }  # fmt: skip
    if as_json:
        values = [
            {
                "name": names.get(n, n),
                "type": index.columns[n],
                "pictures": c,
                "own": n not in INDEXED_FIELDS,
            }
            for n, c in counts.items()
        ]
        click.echo(json.dumps(values, indent=2))
        return
    rows = [
        [
            names.get(n, n),
            index.columns[n],
            f"{c:,}",
            "lexret index" if n in INDEXED_FIELDS else "own",
        ]
        for n, c in counts.items()
    ]
    click.echo(render_table(["field", "type", "pictures", "given by"], rows, right=[2]))
