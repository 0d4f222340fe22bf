"""``lexret language remove``: remove a dictionary."""

from __future__ import annotations

from pathlib import Path

import click

from lexret.cli.language.options import folder_option


@click.command("remove")
@click.argument("language")
@folder_option("--from", "Where it lies")
def command(language: str, folder: Path | None) -> None:
    """Remove the dictionary of LANGUAGE; searches no longer use it.

    \b
    Example:
      lexret language remove deu
    """
    from lexret.language.dictionaries.folder import remove_dictionary
    from lexret.language.languages import language_code, language_name

    code = language_code(language)
    remove_dictionary(code, folder=folder)
    click.echo(f"Removed the dictionary of {language_name(code)}.")
