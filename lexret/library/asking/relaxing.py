"""What a query would find without one of its conditions, where it finds nothing with them all."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from lexret.engine.query.parser import parse_query
from lexret.engine.query.syntax import FieldFilter, Item, Sign
from lexret.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

    from lexret.library.asking.query_pictures import QueryPicture
    from lexret.library.asking.question import Hooks, MakeVector, Question
    from lexret.library.asking.results import Results
    from lexret.pictures.boxes import Box
    from lexret.sparse import LexicalVector

_MOST: Final = 8
_COUNTED: Final = 100
_THRESHOLD: Final = re.compile(r">[\d.]+")  # of words with a sign only


@dataclass(frozen=True, slots=True)
class Relaxed:
    """A query without some of its conditions.

    Attributes:
        text: the query.
        left_out: the conditions, as they were written.
        num_hits: how many pictures it finds, copies counting as one; at most 100.
        more: whether it finds more.
    """

    text: str
    left_out: tuple[str, ...]
    num_hits: int
    more: bool


@dataclass(frozen=True, slots=True)
class _Condition:
    """A condition of a query: where it stands, and what stays where it is left out."""

    start: int
    end: int
    stays: str


def relax(question: Question, find: Callable[[Question, int], Results]) -> list[Relaxed]:
    """Return what a question would find without one condition, or else without any.

    A word that was required stays, as a wish.

    Args:
        find: answers a question with at most so many hits.

    Returns:
        Those that find something, the one of fewest hits first: it is nearest to what was asked.

    Raises:
        QueryError: if the text breaks the query language.
    """
    text = question.text
    parts = [_condition(item, text) for item in parse_query(text).items if _is_condition(item)]
    tries = [(part,) for part in parts[:_MOST]]
    found = list(_found(question, tries, find))
    if not found and len(parts) > 1:
        found = list(_found(question, [tuple(parts)], find))
    return sorted(found, key=lambda one: (one.more, one.num_hits))


def encoded_once(question: Question, hooks: Hooks) -> tuple[Question, Hooks]:
    """Return a question and hooks with which each text and picture of it is encoded once."""
    vectors: dict[Hashable, LexicalVector] = {}

    def remember(key: Hashable, make: MakeVector) -> LexicalVector:
        if key not in vectors:
            vectors[key] = hooks.remember(key, make)
        return vectors[key]

    pictures = tuple(
        picture if picture.key is not None else _KeyedPicture(picture, object())
        for picture in question.pictures
    )
    return replace(question, pictures=pictures), replace(hooks, remember=remember)


@dataclass(frozen=True, slots=True)
class _KeyedPicture:
    """A picture to search by, with a key of its own under which its vector is remembered."""

    picture: QueryPicture
    key: Hashable

    def read(self, box: Box | None) -> Image.Image:
        return self.picture.read(box)


def _found(
    question: Question,
    tries: Sequence[tuple[_Condition, ...]],
    find: Callable[[Question, int], Results],
) -> Iterator[Relaxed]:
    for parts in tries:
        text = _without(question.text, parts)
        if not text and not question.has_pictures:
            continue
        try:
            results = find(replace(question, text=text), _COUNTED)
        except InputError:  # nothing is left to look for
            continue
        if len(results):
            left_out = tuple(question.text[part.start : part.end] for part in parts)
            yield Relaxed(text, left_out, len(results), results.more)


def _is_condition(item: Item) -> bool:
    return item.sign is not Sign.NONE or isinstance(item.node, FieldFilter)


def _condition(item: Item, text: str) -> _Condition:
    node = item.node
    if isinstance(node, FieldFilter):
        start, end = node.name_span.start, node.value_span.end
    else:
        start, end = node.span.start, node.span.end
    while start and not text[start - 1].isspace():  # the sign, and quotation marks
        start -= 1
    while end < len(text) and not text[end].isspace() and text[end] not in "()+-":
        end += 1
    is_wish = item.sign is Sign.REQUIRED and not isinstance(node, FieldFilter)
    wish = _THRESHOLD.sub("", text[start:end].removeprefix("+"))
    return _Condition(start, end, wish if is_wish else "")


def _without(text: str, parts: tuple[_Condition, ...]) -> str:
    for part in sorted(parts, key=lambda one: one.start, reverse=True):
        text = f"{text[: part.start]} {part.stays} {text[part.end :]}"
    return " ".join(text.split())
