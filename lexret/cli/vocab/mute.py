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
    from lexret.engine.corrections.corrections import change_corrections
    from lexret.engine.query.notes import unknown_word
    from lexret.errors import InputError

    index = open_chosen_index(index_path)
    muted = index.corrections.muted
    named = frozenset(" ".join(word.lower().split()) for word in words)
    if mute:
        unknown = sorted(word for word in named if word not in index.vocabulary)
        if unknown:
            raise InputError(f"{unknown_word(unknown[0], index.vocabulary)}.")
    elif not named <= muted:
        raise InputError(f"{sorted(named - muted)[0]!r} is not muted.")
    if named:
        changed = change_corrections(
            index.path,
            lambda now: now.with_muted(now.muted | named if mute else now.muted - named),
        )
        muted = changed.muted
    click.echo(printable(f"muted: {', '.join(sorted(muted)) or '(no word)'}"))
