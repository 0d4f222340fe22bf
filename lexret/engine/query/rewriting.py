"""Rewrites a query into what the vocabulary can say: other words for unknown ones, exclusions for
negations, conditions for quotation marks around words that are no phrase.

A reader that the caller passes decides what stands for unknown words; the engine knows no language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from lexret.engine.query.negations import exclude_negated
from lexret.engine.query.notes import has_unknown_words
from lexret.engine.query.syntax import FieldFilter, Group, Item, ParsedQuery, Sign, Term, terms_of
from lexret.vocabulary import STOP_WORDS, Vocabulary, tokenize


class WordReading(Protocol):
    """What a word of a query is read as."""

    @property
    def entries(self) -> Sequence[str]:
        """The entries of the vocabulary that stand for it; none where it is left out."""
        ...

    @property
    def together(self) -> bool:
        """Whether the entries say it together, as the parts of a compound do; else any of them."""
        ...

    @property
    def stays(self) -> bool:
        """Whether the word itself stays, for a text encoder that can read it."""
        ...


class ReadWords(Protocol):
    """What the words of a query are read as."""

    @property
    def words(self) -> Sequence[WordReading | None]:
        """One reading for each word, in their order; ``None`` where it stays as it is."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What is to be told about them."""
        ...

    @property
    def told(self) -> frozenset[str]:
        """The unknown words that the notes tell of."""
        ...

    @property
    def refusal(self) -> str:
        """What to say where nothing of the query is known; "" for what is said anyway."""
        ...


Reader = Callable[[Sequence[str]], ReadWords]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A query as the vocabulary can say it.

    Attributes:
        query: the query.
        notes: what was done to it.
        told: the unknown words that the notes tell of.
        refusal: what to say where nothing of it is known; "" for what is said anyway.
    """

    query: ParsedQuery
    notes: tuple[str, ...] = ()
    told: frozenset[str] = frozenset()
    refusal: str = ""


def rewrite(parsed: ParsedQuery, vocabulary: Vocabulary, read: Reader | None = None) -> Rewritten:
    """Rewrite a query.

    Args:
        read: reads the words of the query, where there is one that the vocabulary lacks.
    """
    items, notes = parsed.items, list[str]()
    told, refusal = frozenset[str](), ""
    texts = [term.text for term in parsed.terms()]
    if read is not None and any(has_unknown_words(text, vocabulary) for text in texts):
        readings = read([word for text in texts for word in tokenize(text)])
        items = _Replacement(readings.words).apply(items)
        notes += readings.notes
        told, refusal = readings.told, readings.refusal
    items, on_negations = exclude_negated(parsed.source, items, vocabulary)
    items, on_quotes = _require_quoted(items, vocabulary)
    notes += [*on_negations, *on_quotes]
    if items == parsed.items:
        return Rewritten(parsed, tuple(notes), told, refusal)
    return Rewritten(
        ParsedQuery(parsed.source, items, is_rewritten=True), tuple(notes), told, refusal
    )


class _Replacement:
    """Puts readings in place of the words of a query, which it takes in their order."""

    def __init__(self, readings: Sequence[WordReading | None]) -> None:
        self._left = iter(readings)

    def apply(self, items: Sequence[Item]) -> tuple[Item, ...]:
        return tuple(fresh for item in items for fresh in self._item(item))

    def _item(self, item: Item) -> Iterator[Item]:
        node = item.node
        if isinstance(node, FieldFilter):
            yield item
            return
        is_condition = item.sign is not Sign.NONE
        if isinstance(node, Group):
            alternatives = [
                choice
                for terms in node.alternatives
                for choice in self._alternatives(terms, split=is_condition)
            ]
            if alternatives:
                yield Item(item.sign, replace(node, alternatives=tuple(alternatives)))
            return
        alternatives = self._alternatives((node,), split=is_condition)
        if len(alternatives) > 1:
            yield Item(item.sign, Group(tuple(alternatives), node.span))
        elif alternatives:
            yield Item(item.sign, alternatives[0][0])

    def _alternatives(self, terms: Sequence[Term], *, split: bool) -> list[tuple[Term, ...]]:
        """Replace the terms of an alternative; what is left may be nothing.

        Args:
            split: make one alternative of each entry that can stand for the only term.
        """
        fresh = [self._term(term) for term in terms]
        if split and len(fresh) == 1 and len(choices := fresh[0][1]) > 1:
            return [(replace(fresh[0][0], text=word),) for word in choices]
        kept = tuple(term for term, _ in fresh if term.text)
        return [kept] if kept else []

    def _term(self, term: Term) -> tuple[Term, Sequence[str]]:
        """Return a term with its words replaced, and the entries any of which can stand for it."""
        words = tokenize(term.text)
        readings = [next(self._left) for _ in words]
        if all(reading is None for reading in readings):
            return term, ()
        fresh = [
            word if reading is None or reading.stays else " ".join(reading.entries)
            for word, reading in zip(words, readings, strict=True)
        ]
        end = term.text[-1] if term.text[-1] in ",.;:!?" else ""
        text = " ".join(word for word in fresh if word)
        placed = any(reading is not None and reading.stays for reading in readings)
        only = readings[0] if len(readings) == 1 else None
        choices = only.entries if only is not None and not only.together else ()
        return replace(term, text=text and text + end, placed=placed), choices


def _require_quoted(
    items: Sequence[Item], vocabulary: Vocabulary
) -> tuple[tuple[Item, ...], list[str]]:
    """Require the words between quotation marks together where they are no phrase."""
    fresh, notes = list[Item](), list[str]()
    for item in items:
        node, sign = item.node, item.sign
        if isinstance(node, Term) and (words := _words_of_no_phrase(node, vocabulary)):
            done = "excluded" if sign is Sign.EXCLUDED else "required"
            listed = ", ".join(f'"{word}"' for word in words)
            notes.append(f'"{node.text}" is no phrase of the vocabulary; {done} together: {listed}')
            sign = Sign.REQUIRED if sign is Sign.NONE else sign
        elif isinstance(node, Group) and sign is Sign.NONE:
            notes += [
                f'"{term.text}" is no phrase of the vocabulary; in brackets its words count one '
                "by one"
                for term in terms_of(node)
                if _words_of_no_phrase(term, vocabulary)
            ]
        fresh.append(Item(sign, node))
    return tuple(fresh), notes


def _words_of_no_phrase(term: Term, vocabulary: Vocabulary) -> list[str]:
    """Return the known words of a quoted term that is no entry; none where it is, or one word."""
    if not term.quoted:
        return []
    known, unknown = vocabulary.match(term.text)
    words = list(dict.fromkeys(vocabulary.words[term_id] for term_id in known))
    return words if len(words) > 1 and STOP_WORDS.issuperset(unknown) else []
