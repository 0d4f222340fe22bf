"""Reading of plain texts: what stands for words that the vocabulary lacks, without the parser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lexret.engine.query.notes import has_unknown_words, notes_on_text
from lexret.vocabulary import Vocabulary, tokenize

if TYPE_CHECKING:
    from lexret.engine.query.rewriting import Reader, ReadWords


@dataclass(frozen=True, slots=True)
class ReadPlainText:
    """A text that the vocabulary can say, and what is to be told about it."""

    text: str
    notes: tuple[str, ...]


def read_plain_text(
    text: str,
    vocabulary: Vocabulary,
    *,
    muted: frozenset[str] = frozenset(),
    reads_pieces: Callable[[], bool] = lambda: False,
) -> ReadPlainText:
    """Read a text in which nothing is an operator.

    Args:
        muted: words that count nowhere in the index.
        reads_pieces: see :func:`read_query`.

    Raises:
        InputError: if none of its words is known.
    """
    if not has_unknown_words(text, vocabulary):
        return ReadPlainText(text, notes_on_text(text, vocabulary, muted=muted))
    words = tokenize(text)
    read = reader_of_unknown_words(vocabulary, reads_pieces)(words)
    said = [
        word if reading is None or reading.stays else " ".join(reading.entries)
        for word, reading in zip(words, read.words, strict=True)
    ]
    fresh = " ".join(word for word in said if word)
    placed = any(reading is not None and reading.stays for reading in read.words)
    notes = notes_on_text(
        fresh,
        vocabulary,
        muted=muted,
        alone=not placed,
        told=read.told,
        refusal=read.refusal,
    )
    return ReadPlainText(fresh, (*read.notes, *notes))


def reader_of_unknown_words(vocabulary: Vocabulary, reads_pieces: Callable[[], bool]) -> Reader:
    """Return what reads unknown words; nothing of it is loaded before there is one."""

    def read(words: Sequence[str]) -> ReadWords:
        from lexret.language.dictionaries.folder import installed_dictionaries
        from lexret.language.reader import TextReader

        reader = TextReader(
            vocabulary, dictionaries=installed_dictionaries, reads_pieces=reads_pieces
        )
        return reader(words)

    return read
