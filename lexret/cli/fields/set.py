"""``lexret fields set``: give pictures fields."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import click

from lexret.cli.candidates import complete_file
from lexret.cli.common import chosen_index_path, index_option, json_option, plural

_ASSIGNMENT: Final = re.compile(r"([^\W\d_]\w*)=(.*)", re.DOTALL)


@click.command("set")
@click.argument(
    "arguments",
    nargs=-1,
    required=True,
    metavar="PICTURE... NAME=VALUE...",
    shell_complete=complete_file,
)
@index_option
@json_option
def command(arguments: tuple[str, ...], index_path: Path | None, as_json: bool) -> None:
    """Give PICTUREs of an index fields of your own, for filters such as stars:4..

    A field is of whole numbers, numbers or texts, as its first value is, in the whole index.
    NAME= without a value takes the field away. Fields stay when files change or move. A file whose
    name looks like NAME=VALUE is given as ./NAME=VALUE.

    \b
    Example:
      lexret fields set beach/1.jpg stars=5 "place=Nice, old town"
      lexret fields set beach/1.jpg beach/2.jpg stars=
    """
    from lexret.engine.segments.manifest import Manifest
    from lexret.library.fields import parse_value, set_fields

    found = [(argument, _ASSIGNMENT.fullmatch(argument)) for argument in arguments]
    pictures = [argument for argument, assignment in found if assignment is None]
    texts = {assignment[1]: assignment[2] for _, assignment in found if assignment is not None}
    if not (pictures and texts):
        raise click.UsageError("Expected pictures, and then fields such as stars=5.")
    place = chosen_index_path(index_path)
    kinds = Manifest.load(place).columns
    values = {name: parse_value(name, text, kinds.get(name)) for name, text in texts.items()}
    num_changed = set_fields(place, dict.fromkeys(pictures, values))
    if as_json:
        click.echo(json.dumps({"changed": num_changed}))
    else:
        click.echo(f"{plural(num_changed, 'picture')} changed")
