"""What the commands of ``lexret vocab`` have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from lexret.cli.candidates import complete_file
from lexret.cli.common import near_path, plural

F = TypeVar("F", bound=Callable[..., Any])

captions_option: Callable[[F], F] = click.option(
    "--captions",
    multiple=True,
    metavar="FILE",
    shell_complete=complete_file,
    help='A captions file (lines of {"image", "captions"}), datasets:NAME, or a .txt file with '
    "the caption of one picture a line. May be given several times.",
)
wordnet_option: Callable[[F], F] = click.option(
    "--wordnet",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="The folder of the WordNet database; Debian's package wordnet-base makes "
    "/usr/share/wordnet.",
)

_NUM_SHOWN: Final = 12


def read_captions(sources: Sequence[str]) -> dict[str, list[tuple[str, ...]]]:
    """Read the captions of each source, by a name that does not tell this machine's folders."""
    from lexret.vocabularies.caption_words import read_caption_texts

    found: dict[str, list[tuple[str, ...]]] = {}
    for source in sources:
        name = source if ":" in source else Path(source).name
        found.setdefault(name, []).extend(read_caption_texts(source))
    return found


def report(out: Path, words: Sequence[str], *, as_json: bool, **more: object) -> None:
    """Say what was written.

    Args:
        words: all entries of the vocabulary in order.
        more: what JSON tells besides.
    """
    from lexret.vocabularies.records import record_path
    from lexret.vocabulary import Vocabulary

    fingerprint = Vocabulary(words).fingerprint
    num_phrases = sum(" " in word for word in words)
    if as_json:
        values = {
            "file": near_path(out.resolve()),
            "record": near_path(record_path(out).resolve()),
            "num_words": len(words),
            "num_phrases": num_phrases,
            "fingerprint": fingerprint,
            **more,
        }
        click.echo(json.dumps(values, indent=2, ensure_ascii=False))
        return
    click.echo(f"{out}: {plural(len(words), 'word')}, {num_phrases:,} of them phrases")
    click.echo(f"  first        {', '.join(words[:_NUM_SHOWN])}")
    click.echo(f"  last         {', '.join(words[-_NUM_SHOWN:])}")
    click.echo(f"  fingerprint  {fingerprint}")
    click.echo(f"  made from    {record_path(out)}")
