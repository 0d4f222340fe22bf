"""What a query says, as a typed tree; :mod:`lexret.engine.query.parser` reads it from text."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import Enum
from typing import Final

from lexret.errors import QueryError

_COLUMNS_SHOWN: Final = 72
_COLUMNS_BEFORE: Final = 30


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a query's text: the characters from ``start``, up to but without ``end``."""

    start: int
    end: int


class Sign(Enum):
    """What stands before a part of a query."""

    NONE = ""
    REQUIRED = "+"
    EXCLUDED = "-"


@dataclass(frozen=True, slots=True)
class Term:
    """A word, or a phrase in quotation marks.

    Attributes:
        text: as it was written, without quotation marks, sign and marks.
        span: where it stands, its marks too.
        quoted: whether it stood in quotation marks.
        expanded: whether the text encoder gets it (no ``?`` after it).
        weight: the number behind ``^``.
        threshold: the number after ``>``.
        placed: the text encoder reads it, though it is no word of the vocabulary.
    """

    text: str
    span: Span
    quoted: bool = False
    expanded: bool = True
    weight: float | None = None
    threshold: float | None = None
    placed: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether nothing but the word itself was written."""
        marked = self.quoted or not self.expanded
        return not marked and self.weight is None and self.threshold is None


@dataclass(frozen=True, slots=True)
class Group:
    """Alternatives in brackets; each is a sequence of terms.

    Attributes:
        weight: the number behind ``^``.
    """

    alternatives: tuple[tuple[Term, ...], ...]
    span: Span
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class FieldFilter:
    """A condition on a field, ``name:value``, not yet understood."""

    name: str
    value: str
    name_span: Span
    value_span: Span


@dataclass(frozen=True, slots=True)
class Item:
    """One part of a query and its sign."""

    sign: Sign
    node: Term | Group | FieldFilter

    @property
    def is_plain(self) -> bool:
        """Whether it is a word without any operator."""
        return self.sign is Sign.NONE and isinstance(self.node, Term) and self.node.is_plain


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A query: its text and its parts in their order.

    Attributes:
        is_rewritten: what the parts say is no longer what the text says.
    """

    source: str
    items: tuple[Item, ...]
    is_rewritten: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether there is no operator in it: then the whole text is for the text encoder."""
        return all(item.is_plain for item in self.items)

    def terms(self) -> list[Term]:
        """Return all words and phrases, those in brackets too, in their order."""
        nodes = (item.node for item in self.items)
        return [term for node in nodes for term in terms_of(node)]

    def counting_terms(self) -> list[Term]:
        """Return the words and phrases outside of brackets that are not excluded."""
        wanted = (item.node for item in self.items if item.sign is not Sign.EXCLUDED)
        return [node for node in wanted if isinstance(node, Term)]


def terms_of(node: Term | Group | FieldFilter) -> tuple[Term, ...]:
    """Return the words and phrases of a part of a query."""
    if isinstance(node, Term):
        return (node,)
    if isinstance(node, Group):
        return tuple(term for terms in node.alternatives for term in terms)
    return ()


def query_error(source: str, span: Span, message: str) -> QueryError:
    """Return an error that shows the query and points at a part of it."""
    start, end = span.start, max(span.end, span.start + 1)
    first = 0 if start < _COLUMNS_SHOWN else start - _COLUMNS_BEFORE
    lead = "... " if first else ""
    line = "".join(
        " " if sign.isspace() else sign if sign.isprintable() else "\ufffd"
        for sign in source[first : first + _COLUMNS_SHOWN]
    )
    pad = len(lead) + sum(map(_width, source[first:start]))
    marked = max(1, sum(map(_width, source[start : min(end, first + _COLUMNS_SHOWN)])))
    pointer = " " * pad + "^" + "~" * (marked - 1)
    shown = f"{message}\n  {lead}{line}".rstrip()
    return QueryError(f"{shown}\n  {pointer}", start=span.start, end=span.end)


def _width(character: str) -> int:
    """Return how many columns of a terminal a character takes."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
