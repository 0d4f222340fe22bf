"""The one way from the text of a query to what is bound to an index: read, rewritten, noted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lexret.engine.query.binding import notes_on
from lexret.engine.query.parser import parse_query
from lexret.engine.query.rewriting import Reader, ReadWords, rewrite
from lexret.engine.query.syntax import ParsedQuery
from lexret.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """A query that the vocabulary can say, and what is to be told about it.

    Attributes:
        query: for :func:`lexret.engine.query.binding.bind_query`.
        notes: what was done to it, and the words that are unknown or muted.
    """

    query: ParsedQuery
    notes: tuple[str, ...]


def read_query(
    text: str,
    vocabulary: Vocabulary,
    *,
    muted: frozenset[str] = frozenset(),
    has_pictures: bool = False,
    reads_pieces: Callable[[], bool] = lambda: False,
) -> ReadQuery:
    """Read the text of a query: its operators, and what stands for words that are unknown.

    Args:
        muted: words that count nowhere in the index.
        has_pictures: pictures are part of the query.
        reads_pieces: whether the text encoder reads words that the vocabulary lacks, as a
            contextual one does; asked only where nothing else stands for a word.

    Raises:
        QueryError: if it breaks the query language; the message points at the place.
        InputError: if there is nothing to look for but words, and none of them is known.
    """

    rewritten = rewrite(
        parse_query(text), vocabulary, _reader_of_unknown_words(vocabulary, reads_pieces)
    )
    notes = notes_on(
        rewritten.query,
        vocabulary,
        muted=muted,
        has_examples=has_pictures,
        told=rewritten.told,
        refusal=rewritten.refusal,
    )
    return ReadQuery(rewritten.query, (*rewritten.notes, *notes))


def _reader_of_unknown_words(vocabulary: Vocabulary, reads_pieces: Callable[[], bool]) -> Reader:
    """Return what reads unknown words; nothing of it is loaded before there is one."""

    def read(words: Sequence[str]) -> ReadWords:
        from lexret.language.dictionaries.folder import installed_dictionaries
        from lexret.language.reader import TextReader

        reader = TextReader(
            vocabulary, dictionaries=installed_dictionaries, reads_pieces=reads_pieces
        )
        return reader(words)

    return read
