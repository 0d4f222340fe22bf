"""``lexret language add``: read a dictionary and keep it for searches."""

from __future__ import annotations

from pathlib import Path

import click

from lexret.cli.candidates import complete_file
from lexret.cli.common import printable
from lexret.cli.language.options import folder_option


@click.command("add")
@click.argument("language")
@click.argument("source", required=False, metavar="[PATH_OR_NAME]", shell_complete=complete_file)
@folder_option("--to", "Where to keep it")
def command(language: str, source: str | None, folder: Path | None) -> None:
    """Add a dictionary from LANGUAGE to English; searches use it from then on.

    LANGUAGE is a code (deu, fra, spa) or an English name. The dictionary is FreeDict's (NAME.index
    and NAME.dict.dz) or StarDict's (NAME.ifo): the path of one of its files, its folder, or its
    name among those that the system has. Without it, FreeDict's is looked for, which on Debian
    `apt install dict-freedict-deu-eng` installs.

    \b
    Example:
      lexret language add deu
      lexret language add fra /usr/share/dictd/freedict-fra-eng.index
      lexret search "hund am strand"
    """
    from lexret.cli.common import progress_line
    from lexret.language.dictionaries.folder import add_dictionary
    from lexret.language.languages import language_code, language_name

    code = language_code(language)
    with progress_line() as say:
        say(f"Reading the dictionary of {language_name(code)}")
        info, file = add_dictionary(code, source, folder=folder)
    click.echo(
        printable(f"{language_name(code)}: {info.num_words:,} words of {info.name}, in {file}")
    )
