"""``lexret fields``: the group of commands about the fields of pictures."""

from __future__ import annotations

from typing import Final

from lexret.cli.main import LazyCommand, LazyGroup

COMMANDS: Final = {
    "list": LazyCommand("lexret.cli.fields.list", "List the fields, and how many have them."),
    "set": LazyCommand("lexret.cli.fields.set", "Give pictures fields of your own."),
    "load": LazyCommand("lexret.cli.fields.load", "Read fields from a CSV or JSON Lines file."),
}

_HELP = """List the fields of pictures, and give pictures fields of your own.

\b
Example:
  lexret fields set beach/1.jpg stars=5 place=Nice
  lexret fields load fields.csv
  lexret fields list
  lexret search "sea stars:4.. place:nice"
"""

command = LazyGroup(name="fields", lazy_commands=COMMANDS, help=_HELP)
