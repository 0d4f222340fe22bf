"""From a text to its meaning: a vector where it is plain, else what the query language says.

What takes time to import, such as the parser, is imported only for texts that need it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from lexret.engine.query.notes import has_unknown_words, notes_on_text
from lexret.engine.query.plain import is_surely_plain
from lexret.sparse import LexicalVector

if TYPE_CHECKING:
    from lexret.engine.query.binding import Examples
    from lexret.engine.query.query import Query
    from lexret.engine.query.syntax import ParsedQuery
    from lexret.sparse import FloatArray
    from lexret.vocabulary import Vocabulary

EncodeText = Callable[[str], LexicalVector]
NoteOnQuery = Callable[["ParsedQuery"], tuple[str, ...]]

NO_FIELDS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Meaning:
    """What a text means.

    Attributes:
        query: what to look for; a plain text is its vector.
        text: what the text encoder was given, with what stands for unknown words; it may be empty.
        notes: what is to be told, such as words that the vocabulary lacks.
        is_plain: it is a text without operators and pictures.
    """

    query: LexicalVector | Query
    text: str
    notes: tuple[str, ...]
    is_plain: bool

    @property
    def scores(self) -> bool:
        """Whether anything in it scores; filters and excluded words alone do not."""
        return isinstance(self.query, LexicalVector) or self.query.scores


def _nothing_to_note(_parsed: ParsedQuery) -> tuple[str, ...]:
    return ()


def understand_text(
    text: str,
    vocabulary: Vocabulary,
    encode: EncodeText,
    *,
    columns: Mapping[str, str] = NO_FIELDS,
    muted: frozenset[str] = frozenset(),
    pictures: Callable[[], Examples] | None = None,
    note: NoteOnQuery = _nothing_to_note,
    reads_pieces: Callable[[], bool] = lambda: False,
    levels_V: Callable[[], FloatArray | None] = lambda: None,
) -> Meaning:
    """Return the query that a text means.

    Args:
        encode: encodes a text as a query; called only where there is text to encode.
        columns: the fields to filter by: name -> type.
        muted: words that count nowhere.
        pictures: returns what to look for beside the text.
        note: returns what else is to be told about a query with operators.
        reads_pieces: whether the text encoder reads words that the vocabulary lacks.
        levels_V: returns the weight from which a picture holds each word.

    Raises:
        QueryError: if it breaks the query language, or a word or filter of it is none of the
            index; the message points at it.
        InputError: if there is nothing to look for, or none of its words is in the vocabulary.
    """
    if pictures is None and is_surely_plain(text) and not has_unknown_words(text, vocabulary):
        notes = notes_on_text(text, vocabulary, muted=muted)
        return Meaning(encode(text), text, notes, is_plain=True)
    return _parsed(
        text,
        vocabulary,
        encode,
        columns=columns,
        muted=muted,
        pictures=pictures,
        note=note,
        reads_pieces=reads_pieces,
        levels_V=levels_V,
    )


def _parsed(
    text: str,
    vocabulary: Vocabulary,
    encode: EncodeText,
    *,
    columns: Mapping[str, str],
    muted: frozenset[str],
    pictures: Callable[[], Examples] | None,
    note: NoteOnQuery,
    reads_pieces: Callable[[], bool],
    levels_V: Callable[[], FloatArray | None],
) -> Meaning:
    from lexret.engine.query.binding import NO_EXAMPLES, bind_query, free_text
    from lexret.engine.query.filter_values import notes_on_empty_filters
    from lexret.engine.query.syntax import Sign
    from lexret.library.asking.query_fields import PICTURE_FIELDS
    from lexret.library.asking.reading import read_query

    # What is wrong with the words is said before a picture is looked at, which takes longer.
    read = read_query(
        text,
        vocabulary,
        muted=muted,
        has_pictures=pictures is not None,
        reads_pieces=reads_pieces,
    )
    has_signs = any(item.sign is not Sign.NONE for item in read.query.items)
    query = bind_query(
        read.query,
        vocabulary,
        columns,
        encode,
        examples=NO_EXAMPLES if pictures is None else pictures(),
        aliases=PICTURE_FIELDS,
        levels_V=levels_V() if has_signs else None,
    )
    typed = free_text(read.query, has_examples=pictures is not None)
    hints = notes_on_empty_filters(read.query, columns, PICTURE_FIELDS)
    notes = (*read.notes, *hints, *note(read.query))
    if read.query.is_plain and pictures is None and query.vector is not None:
        return Meaning(query.vector, typed, notes, is_plain=True)
    return Meaning(query, typed, notes, is_plain=False)
