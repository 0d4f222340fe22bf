"""``lexret language``: the group of commands about dictionaries."""

from __future__ import annotations

from typing import Final

from lexret.cli.main import LazyCommand, LazyGroup

COMMANDS: Final = {
    "add": LazyCommand("lexret.cli.language.add", "Add a dictionary of a language."),
    "list": LazyCommand("lexret.cli.language.list", "List the dictionaries."),
    "remove": LazyCommand("lexret.cli.language.remove", "Remove a dictionary."),
}

_HELP = """Search in other languages, through dictionaries from them to English.

\b
Example:
  lexret language add deu
  lexret language list
  lexret language remove deu
"""

command = LazyGroup(name="language", lazy_commands=COMMANDS, help=_HELP)
