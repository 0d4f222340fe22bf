"""Words that exclude: "no cat", "without a cat", "NOT cat" mean what ``-cat`` does.

This holds if the word after them is an entry of the vocabulary and it is clear where it ends: at
the end, at punctuation, an operator or a small word. "No red car" is not clear (no red, or no
car?): it stays as it is, and a note names the operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lexret.engine.query.plain import NEGATIONS
from lexret.engine.query.syntax import Group, Item, Sign, Span, Term
from lexret.vocabulary import STOP_WORDS, Vocabulary, tokenize

_SKIPPED: Final = frozenset(
    {"a", "an", "the", "any", "for", "at", "in", "on", "with", "near", "by"}
)
# "Without dogs and cats" is without both; "not a dog and a cat" is with a cat.
_LISTS: Final = frozenset({"without", "except", "excluding"})
_LONGEST_PHRASE: Final = 4


@dataclass(frozen=True, slots=True)
class _Target:
    """What a negation is about: the parts up to ``end``; the entries, none where it is unclear."""

    end: int
    node: Term | Group | None
    follows: tuple[str, ...] = ()


def exclude_negated(
    source: str, items: Sequence[Item], vocabulary: Vocabulary
) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """Return the parts of a query with what is negated excluded, and notes on that."""
    return _Negations(source, items, vocabulary).apply()


class _Negations:
    """Reads the parts of one query from left to right; see :func:`exclude_negated`."""

    def __init__(self, source: str, items: Sequence[Item], vocabulary: Vocabulary) -> None:
        self._source, self._items, self._vocabulary = source, items, vocabulary
        self._kept: list[Item] = []
        self._notes: list[str] = []

    def apply(self) -> tuple[tuple[Item, ...], tuple[str, ...]]:
        place = 0
        while place < len(self._items):
            place = self._step(place)
        excludes = any(item.sign is Sign.EXCLUDED for item in self._kept)
        if self._notes and excludes and not any(map(self._says_something, self._kept)):
            # Of "there is no dog" is left what says nothing.
            self._kept = [item for item in self._kept if item.sign is Sign.EXCLUDED]
        return tuple(self._kept), tuple(self._notes)

    def _says_something(self, item: Item) -> bool:
        return item.sign is not Sign.EXCLUDED and not (
            item.is_plain and STOP_WORDS.issuperset(_words(item))
        )

    def _step(self, place: int) -> int:
        """Read the part at a place; return the place that comes next."""
        negation = self._negation_at(place)
        target = self._target(place + 1) if negation else None
        if target is None:
            self._kept.append(self._items[place])
            return place + 1
        first = _span(self._items[place])
        if target.node is None:
            written = self._source[first.start : _span(self._items[target.end - 1]).end]
            self._notes.append(_unclear(written, target.follows))
            self._kept.append(self._items[place])
            return place + 1
        nodes, end = [target.node], target.end
        while (further := self._further(negation, end)) is not None and further.node is not None:
            nodes.append(further.node)
            end = further.end
        written = self._source[first.start : _span(self._items[end - 1]).end]
        operators = " ".join(self._exclude(node) for node in nodes)
        self._notes.append(f'"{_bare(written)}" excludes: {operators}')
        return end

    def _negation_at(self, place: int) -> str:
        """Return the negation that stands at a place, "" if there is none."""
        item = self._items[place]
        if not item.is_plain or not isinstance(item.node, Term) or _ends(item):
            return ""
        words = _words(item)
        return words[0] if len(words) == 1 and words[0] in NEGATIONS else ""

    def _further(self, negation: str, place: int) -> _Target | None:
        """What else is negated: "or cats", "nor cats"; "and cats" after "without"."""
        if place >= len(self._items) or _ends(self._items[place - 1]):
            return None
        joins = {"or", "nor"} | ({"and"} if negation in _LISTS else set())
        words = _words(self._items[place]) if self._items[place].is_plain else []
        if len(words) != 1 or words[0] not in joins:
            return None
        again = place + 1 < len(self._items) and bool(self._negation_at(place + 1))
        return self._target(place + 1 + again)

    def _target(self, place: int) -> _Target | None:
        """What a negation before a place is about; ``None`` where that is no known word."""
        while place < len(self._items) and self._is_skipped(self._items[place]):
            place += 1
        if place >= len(self._items) or self._items[place].sign is not Sign.NONE:
            return None
        node = self._items[place].node
        if isinstance(node, Group) or (isinstance(node, Term) and node.quoted):
            return _Target(place + 1, node)
        for end in range(min(place + _LONGEST_PHRASE, len(self._items)), place, -1):
            word = self._entry(place, end)
            if word is not None:
                follows, last = self._content_words(place, end)
                return _Target(end, word) if last == end else _Target(last, None, follows)
        return None

    def _is_skipped(self, item: Item) -> bool:
        return item.is_plain and not _ends(item) and _SKIPPED.issuperset(_words(item) or ["?"])

    def _entry(self, place: int, end: int) -> Term | None:
        """Return the entry that some parts are together, or the entries that one stands for."""
        items = self._items[place:end]
        if not all(item.is_plain for item in items) or any(map(_ends, items[:-1])):
            return None
        text = " ".join(word for item in items for word in _words(item))
        known, unknown = self._vocabulary.match(text)
        is_one = len(known) == 1 or (end - place == 1 and bool(known))
        if not is_one or unknown or not STOP_WORDS.isdisjoint(tokenize(text)):
            return None
        return Term(text, Span(_span(items[0]).start, _span(items[-1]).end))

    def _content_words(self, place: int, end: int) -> tuple[tuple[str, ...], int]:
        """Return an entry and the words after it that may belong to it, and where they end."""
        found = [" ".join(word for item in self._items[place:end] for word in _words(item))]
        while end < len(self._items) and not _ends(self._items[end - 1]):
            item = self._items[end]
            words = _words(item) if item.is_plain else []
            if not words or not STOP_WORDS.isdisjoint(words):
                break
            found += words
            end += 1
        return tuple(found), end

    def _exclude(self, node: Term | Group) -> str:
        """Exclude a part, a word in both numbers; return how that is written."""
        if isinstance(node, Group) or node.quoted:
            self._kept.append(Item(Sign.EXCLUDED, node))
            return f"-{self._source[node.span.start : node.span.end]}"
        known = [
            self._vocabulary.words[term_id] for term_id in self._vocabulary.match(node.text)[0]
        ]
        forms = self._vocabulary.numbers_of(known[0]) if len(known) == 1 else (" ".join(known),)
        alternatives = tuple((Term(form, node.span, quoted=" " in form),) for form in forms)
        group = Group(alternatives, node.span)
        self._kept.append(Item(Sign.EXCLUDED, group if len(forms) > 1 else alternatives[0][0]))
        shown = [f'"{form}"' if " " in form else form for form in forms]
        return f"-{shown[0]}" if len(shown) == 1 else f"-({' OR '.join(shown)})"


def _unclear(written: str, words: Sequence[str]) -> str:
    return (
        f'"{_bare(written)}" is searched for as it stands; to exclude it, write -{words[0]}, or '
        f"-({' '.join(words)}) for these words together"
    )


def _bare(written: str) -> str:
    return " ".join(written.split()).rstrip(",.;:!?")


def _words(item: Item) -> list[str]:
    return tokenize(item.node.text) if isinstance(item.node, Term) else []


def _ends(item: Item) -> bool:
    """Whether punctuation after it ends the phrase."""
    return isinstance(item.node, Term) and item.node.text[-1:] in tuple(",.;:!?")


def _span(item: Item) -> Span:
    if isinstance(item.node, Term | Group):
        return item.node.span
    return Span(item.node.name_span.start, item.node.value_span.end)
