"""``lexret models``: the group of commands about models."""

from __future__ import annotations

from typing import Final

from lexret.cli.main import LazyCommand, LazyGroup

COMMANDS: Final = {
    "list": LazyCommand("lexret.cli.models.list", "List the shipped models, and yours."),
    "show": LazyCommand("lexret.cli.models.show", "Show a model's parts, figures and licence."),
    "export": LazyCommand("lexret.cli.models.export", "Let a model's pictures do without torch."),
    "make": LazyCommand("lexret.cli.models.make", "Make a lexical model of CLIP, SigLIP and such."),
    "get": LazyCommand("lexret.cli.models.get", "Fetch a model from the Hugging Face Hub."),
    "push": LazyCommand("lexret.cli.models.push", "Publish a model on the Hugging Face Hub."),
    "verify": LazyCommand("lexret.cli.models.verify", "Check everything of a model's folder."),
}

_HELP = """List, show, make, export, share and verify models.

\b
Example:
  lexret models list
  lexret models show mini
  lexret models verify
"""

command = LazyGroup(name="models", lazy_commands=COMMANDS, help=_HELP)
