"""``lexret vocab``: the group of commands about vocabularies."""

from __future__ import annotations

from typing import Final

from lexret.cli.main import LazyCommand, LazyGroup

COMMANDS: Final = {
    "build": LazyCommand(
        "lexret.cli.vocab.build", "Make a shipped vocabulary again, or one from your captions."
    ),
    "expand": LazyCommand(
        "lexret.cli.vocab.expand", "Append phrases such as 'hot dog' to a vocabulary."
    ),
    "show": LazyCommand("lexret.cli.vocab.show", "Show a vocabulary, or look words up in it."),
    "mute": LazyCommand("lexret.cli.vocab.mute", "Make words count nowhere in an index."),
    "unmute": LazyCommand("lexret.cli.vocab.mute", "Let muted words count again.", "unmute"),
}

_HELP = """Make vocabularies, and look into them.

\b
Example:
  lexret vocab show english-21k "traffic lights" dog
  lexret vocab build --captions captions.jsonl --size 5000 -o mine.txt
  lexret vocab mute watermark
  lexret vocab expand mine.txt --captions captions.jsonl -o mine-phrases.txt
"""

command = LazyGroup(name="vocab", lazy_commands=COMMANDS, help=_HELP)
