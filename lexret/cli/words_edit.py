"""``lexret words edit``: correct what the index says of a picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lexret.cli.candidates import complete_file, complete_words
from lexret.cli.common import (
    index_option,
    json_option,
    open_chosen_index,
    path_text,
    print_json,
    printable,
)
from lexret.cli.search.question import QueryCommand, plain_arguments

if TYPE_CHECKING:
    from lexret.engine.corrections.corrections import DocumentCorrection
    from lexret.library.correcting import WordChange

_CHANGE: Final = re.compile(
    r"([+-]?)([^+^-][^^]*)(?:\^(\d+(?:\.\d*)?|\.\d+))?", re.ASCII | re.DOTALL
)


@click.command("edit", cls=QueryCommand)
@click.argument("image", metavar="IMAGE", shell_complete=complete_file)
@click.argument("changes", metavar="[+WORD|-WORD]...", nargs=-1, shell_complete=complete_words)
@click.option("--undo", is_flag=True,
              help="Leave these words, or all, to the model again.")  # fmt: skip
@index_option
@json_option
def command(
    image: str, changes: tuple[str, ...], undo: bool, index_path: Path | None, as_json: bool
) -> None:
    """Correct what the index says of IMAGE: add words to it, take words away.

    Nothing is encoded again: corrections are kept beside the index, and every search and filter
    of words goes by them. An added word is as strong as the picture's strongest one, unless a
    weight is given: +lighthouse^0.3. With --undo, words are again what the model says; all of
    them where none is named. Without changes, the corrections of the picture are shown. Words of
    several words stand in quotation marks: "+traffic light".

    \b
    Example:
      lexret words edit photo.jpg +lighthouse -rocket
      lexret words edit photo.jpg +dog^0.4
      lexret words edit photo.jpg --undo lighthouse
      lexret words edit photo.jpg --undo
    """
    from lexret.library.asking.keyword_words import words_of_keywords
    from lexret.library.correcting import correct_pictures
    from lexret.library.lookup import document_named

    index = open_chosen_index(index_path)
    (named,) = plain_arguments((image,))
    doc_id = document_named(index, named)
    parsed = [_parse(change, undo=undo) for change in plain_arguments(changes)]
    correction = index.corrections.of(doc_id)
    if parsed or undo:
        correction = correct_pictures(index, [doc_id], parsed, undo=undo).of(doc_id)
    keywords = sorted(words_of_keywords(open_chosen_index(index_path), doc_id))
    if as_json:
        print_json(_as_json(doc_id, correction, keywords))
    else:
        click.echo(_as_text(doc_id, correction, keywords))


def _parse(text: str, *, undo: bool) -> WordChange:
    from lexret.library.correcting import WordChange

    found = _CHANGE.fullmatch(text)
    if found is None or (not found[1] and not undo) or (found[3] and found[1] != "+"):
        raise click.BadParameter(
            f"{text!r}; expected +word, +word^weight or -word, or words after --undo."
        )
    return WordChange(found[1], found[2], float(found[3]) if found[3] else None)


def _as_json(doc_id: str, correction: DocumentCorrection, keywords: list[str]) -> dict[str, object]:
    values = {"added": dict(correction.added), "removed": sorted(correction.removed)}
    return {"id": path_text(doc_id), **values, "from_keywords": keywords}


def _as_text(doc_id: str, correction: DocumentCorrection, keywords: list[str]) -> str:
    words = [f"+{word} ({weight:.4f})" for word, weight in sorted(correction.added.items())]
    words += [f"-{word}" for word in sorted(correction.removed)]
    told = f"; from its keywords: {', '.join(keywords)}" if keywords else ""
    return printable(f"{doc_id}: {', '.join(words) or 'as the model says'}{told}")
