"""``lexret vocab mute`` and ``unmute``: words that count nowhere in an index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from lexret.cli.candidates import complete_words
from lexret.cli.common import index_option, open_chosen_index, printable


@click.command("mute")
@click.argument("words", nargs=-1, metavar="[WORD]...", shell_complete=complete_words)
@index_option
def command(words: tuple[str, ...], index_path: Path | None) -> None:
    """Mute words in an index: no search finds a picture by them, as if none held them.

    Nothing is encoded again; the words are kept beside the index. Without words, those that are
    muted are shown.

    \b
    Example:
      lexret vocab mute watermark "stock photo"
      lexret vocab mute
    """
    _change(words, index_path, mute=True)


@click.command("unmute")
@click.argument("words", nargs=-1, required=True, metavar="WORD...", shell_complete=complete_words)
@index_option
def unmute(words: tuple[str, ...], index_path: Path | None) -> None:
    """Let muted words count again.

    \b
    Example:
      lexret vocab unmute watermark
    """
    _change(words, index_path, mute=False)


def _change(words: Sequence[str], index_path: Path | None, *, mute: bool) -> None:
    from lexret.library.correcting import mute_words

    muted = mute_words(open_chosen_index(index_path), words, mute=mute)
    click.echo(printable(f"muted: {', '.join(sorted(muted)) or '(no word)'}"))
