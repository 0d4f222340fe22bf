"""``lexret label``: the group of commands about classes that are learnt from a few examples."""

from __future__ import annotations

from typing import Final

from lexret.cli.main import LazyCommand, LazyGroup

COMMANDS: Final = {
    "train": LazyCommand("lexret.cli.label.train", "Learn classes from a few examples."),
    "apply": LazyCommand("lexret.cli.label.apply", "Write the classes into the index."),
    "list": LazyCommand("lexret.cli.label.list", "List the labels of an index."),
    "show": LazyCommand("lexret.cli.label.show", "Show what a label was learnt from."),
    "remove": LazyCommand("lexret.cli.label.remove", "Take a label out of the index."),
}

_HELP = """Learn classes of pictures from a few examples, and search for them.

\b
Example:
  lexret label train scans --class invoice=examples/invoices/ --class receipt=1.jpg
  lexret label apply scans --dry-run
  lexret label apply scans
  lexret search "label:invoice date:2024.."
"""

command = LazyGroup(name="label", lazy_commands=COMMANDS, help=_HELP)
