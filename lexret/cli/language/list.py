"""``lexret language list``: the dictionaries that searches use."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from lexret.cli.common import json_option, printable, render_table
from lexret.cli.language.options import folder_option


@click.command("list")
@folder_option("--in", "Where they lie")
@json_option
@click.pass_context
def command(ctx: click.Context, folder: Path | None, as_json: bool) -> None:
    """List the dictionaries that searches use. The exit status is 1 if there is none.

    \b
    Example:
      lexret language list
    """
    from lexret.language.dictionaries.folder import dictionary_folder, installed_dictionaries
    from lexret.language.languages import language_name

    infos = [dictionary.info for dictionary in installed_dictionaries(folder)]
    if as_json:
        click.echo(json.dumps([asdict(info) for info in infos], indent=2))
    elif infos:
        rows = [
            [info.language, language_name(info.language), f"{info.num_words:,}", info.name]
            for info in infos
        ]
        table = render_table(["code", "language", "words", "dictionary"], rows, right=(2,))
        click.echo(table)
    else:
        place = printable(str(folder or dictionary_folder()))
        click.echo(
            f"No dictionary lies in {place}; lexret language add LANGUAGE adds one.", err=True
        )
    if not infos:
        ctx.exit(1)
