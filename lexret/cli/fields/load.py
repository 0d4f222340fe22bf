"""``lexret fields load``: give pictures the fields of a table."""

from __future__ import annotations

from pathlib import Path

import click

from lexret.cli.common import (
    chosen_index_path,
    index_option,
    json_option,
    path_text,
    plural,
    print_json,
)


@click.command("load")
@click.argument("file", type=click.Path(path_type=Path))
@index_option
@click.option("--skip-unknown", is_flag=True, help="Leave rows out whose picture is not indexed.")
@json_option
def command(file: Path, index_path: Path | None, skip_unknown: bool, as_json: bool) -> None:
    """Give pictures the fields of FILE: a CSV file, or JSON Lines (.jsonl).

    One row a picture; the column path names it, as `lexret search` prints it or as the index holds
    it. Every other column is a field. An empty cell, or null, takes the field away.

    \b
    Example:
      lexret fields load fields.csv
      lexret fields load fields.jsonl --skip-unknown --json
    """
    from lexret.engine.store.columns import FieldValue
    from lexret.errors import MissingError
    from lexret.interop.backends import open_index
    from lexret.library.field_tables import read_field_table
    from lexret.library.fields import set_fields
    from lexret.library.lookup import find_document

    place = chosen_index_path(index_path)
    index = open_index(place)
    wanted: dict[str, dict[str, FieldValue]] = {}
    unknown = []
    for row in read_field_table(file, index.columns):
        doc_id = find_document(index, row.path)
        if doc_id is None:
            unknown.append(row)
        else:
            wanted.setdefault(doc_id, {}).update(row.values)
    if unknown and not skip_unknown:
        raise MissingError(
            f"{file} names {plural(len(unknown), 'picture')} that the index at {place} does not "
            f"hold, the first in line {unknown[0].line}: {unknown[0].path!r}. Nothing was changed; "
            "leave such rows out with --skip-unknown."
        )
    num_changed = set_fields(place, wanted)
    if as_json:
        paths = [path_text(row.path) for row in unknown]
        print_json({"changed": num_changed, "unknown": paths})
    else:
        left_out = f", {plural(len(unknown), 'unknown one')} left out" if unknown else ""
        click.echo(f"{plural(num_changed, 'picture')} changed{left_out}")
