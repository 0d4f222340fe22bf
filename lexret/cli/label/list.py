"""``lexret label list``: the labels of an index."""

from __future__ import annotations

from pathlib import Path

import click

from lexret.cli.common import (
    index_option,
    json_option,
    open_chosen_library,
    print_json,
    render_table,
)


@click.command("list")
@index_option
@json_option
def command(index_path: Path | None, as_json: bool) -> None:
    """List the labels of an index: name, field, classes, and what waits to be labelled.

    A picture waits where it came into the index, or changed, or the label was trained, since
    `lexret label apply`; a label that was never applied waits for nothing.

    \b
    Example:
      lexret label list
      lexret label list --json
    """
    labels = open_chosen_library(index_path).labels
    waiting = labels.waiting()
    every = sorted(labels.all().items())
    if as_json:
        print_json(
            [
                {
                    "name": name,
                    "field": label.field,
                    "classes": [each for each in label.classes if each],
                    "examples": len(label.examples),
                    "waiting": waiting.get(name, 0),
                }
                for name, label in every
            ]
        )
        return
    if not every:
        click.echo("No label yet; `lexret label train` makes one.", err=True)
        return
    rows = [
        [
            name,
            label.field,
            f"{len(label.examples):,}",
            f"{waiting.get(name, 0):,}",
            ", ".join(each for each in label.classes if each),
        ]
        for name, label in every
    ]
    headings = ["label", "field", "examples", "waiting", "classes"]
    click.echo(render_table(headings, rows, right=(2, 3)))
