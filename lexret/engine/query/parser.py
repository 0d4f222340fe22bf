"""The query language: reads a query's text into a tree. See docs/query-language.md.

The grammar, where a blank stands for white space that may be left out beside brackets and
quotation marks, and a sign belongs to what follows it without white space::

    query       = { [ sign ] ( term | group | filter ) }
    sign        = "+" | "-"
    term        = ( word | phrase ) { mark }
    phrase      = quote { any character but a quote } quote
    mark        = "?" | "^" number | ">" number
    group       = "(" alternative { "OR" alternative } ")" [ "^" number ]
    alternative = term { term }
    filter      = name ":" value

A word is a run of characters other than white space, brackets and quotation marks. A run without
a letter or digit is punctuation and has no marks; a sign that no letter, digit, bracket or
quotation mark follows is punctuation too. So a text without operators is a query that means the
text. Typographic quotation marks and minus signs are what their plain ones are; a ``?`` that ends
a sentence is punctuation. What a query means is the business of
:mod:`lexret.engine.query.binding`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from lexret.engine.query.plain import MINUS_SIGNS, QUOTES
from lexret.engine.query.syntax import (
    FieldFilter,
    Group,
    Item,
    ParsedQuery,
    Sign,
    Span,
    Term,
    query_error,
)
from lexret.errors import QueryError
from lexret.vocabulary import STOP_WORDS, tokenize

MAX_WEIGHT: Final = 1000.0

_SPACE: Final = re.compile(r"\s*")
_Q: Final = re.escape(QUOTES)
_RUN: Final = re.compile(rf"[^\s(){_Q}]+")
_SIGNED: Final = re.compile(rf"[+{re.escape(MINUS_SIGNS)}](?=[^\W_]|[({_Q}])")
_FILTER: Final = re.compile(rf'([^\W\d]\w*):([{_Q}][^{_Q}]*[{_Q}]?|[^\s"]+)')
_QUOTE: Final = re.compile(f"[{_Q}]")
_ONE_MARK: Final = rf"(?:\?|(?:\^|>(?=[\d.]))[^\s()?^>{_Q}]*)"
_MARKS: Final = re.compile(f"{_ONE_MARK}+")
_MARKS_AT_END: Final = re.compile(rf"{_ONE_MARK}+\Z")
_MARK: Final = re.compile(r"\?|[\^>][^?^>]*")
_NUMBER: Final = re.compile(r"\d+(?:\.\d*)?|\.\d+", re.ASCII)
_HAS_WORD: Final = re.compile(r"[^\W_]")


def parse_query(source: str) -> ParsedQuery:
    """Read a query.

    Raises:
        QueryError: if it breaks the grammar; the message points at the place.
    """
    return _Parser(source).parse()


def _is_asked(item: Item) -> bool:
    """Whether it is a word with a ``?`` after it and nothing else."""
    term = item.node
    return item.sign is Sign.NONE and isinstance(term, Term) and term == Term(
        term.text, term.span, expanded=False
    )  # fmt: skip


class _Parser:
    """Reads one query from left to right; ``_at`` is the next character."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0

    def parse(self) -> ParsedQuery:
        items = []
        while not self._at_end():
            items.append(self._item())
        return ParsedQuery(self._source, self._punctuated(items))

    def _punctuated(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """Read the ``?`` of sentences as punctuation.

        It is punctuation after a small word ("what is this?"), and after any word of a text with
        small words that has no other operator ("is there a dog?").
        """
        is_sentence = all(item.is_plain or _is_asked(item) for item in items) and any(
            not STOP_WORDS.isdisjoint(tokenize(item.node.text))
            for item in items
            if isinstance(item.node, Term)
        )
        return tuple(
            self._as_written(item, item.node)
            if isinstance(item.node, Term)
            and _is_asked(item)
            and (is_sentence or STOP_WORDS.issuperset(tokenize(item.node.text)))
            else item
            for item in items
        )

    def _as_written(self, item: Item, term: Term) -> Item:
        span = term.span
        return Item(item.sign, Term(self._source[span.start : span.end], span))

    def _item(self) -> Item:
        start = self._at
        sign = self._sign()
        if self._next_is("("):
            group = self._group(sign)
            return Item(sign, group)
        if self._next_is(")"):
            raise self._error("This bracket closes none that was opened.", start, start + 1)
        found = self._filter()
        if found is not None:
            return Item(sign, found)
        term = self._term()
        if sign is Sign.NONE and term.text == "OR" and not term.quoted:
            raise self._error(
                'OR joins alternatives in brackets, as in (beach OR lake); the word is "or".',
                term.span.start,
                term.span.end,
            )
        self._check_marks(sign, term)
        return Item(sign, term)

    def _sign(self) -> Sign:
        found = _SIGNED.match(self._source, self._at)
        if found is None:
            return Sign.NONE
        self._at = found.end()
        return Sign.REQUIRED if found[0] == "+" else Sign.EXCLUDED

    def _filter(self) -> FieldFilter | None:
        found = _FILTER.match(self._source, self._at)
        if found is None:
            return None
        value = found[2]
        if value[0] in QUOTES:
            self._check_quotes(value, found.start(2))
            value = value[1:-1]
        if not value:
            raise self._error("A value is expected between the quotation marks.", *found.span(2))
        self._at = found.end()
        return FieldFilter(found[1], value, Span(*found.span(1)), Span(*found.span(2)))

    def _term(self) -> Term:
        if _QUOTE.match(self._source, self._at):
            return self._phrase()
        run = _RUN.match(self._source, self._at)
        if run is None:
            raise AssertionError(f"no term at {self._at} of {self._source!r}")
        self._at = run.end()
        marks = _MARKS_AT_END.search(run[0])
        body = run[0] if marks is None else run[0][: marks.start()]
        if marks is None or not _HAS_WORD.search(body):
            return Term(run[0], Span(*run.span()))
        return self._marked(body, marks[0], run.start(), run.end(), quoted=False)

    def _phrase(self) -> Term:
        start = self._at
        closes = _QUOTE.search(self._source, start + 1)
        end = closes.end() if closes else len(self._source)
        self._check_quotes(self._source[start:end], start)
        body = " ".join(self._source[start + 1 : end - 1].split())
        if not _HAS_WORD.search(body):
            raise self._error("A word is expected between the quotation marks.", start, end)
        marks = _MARKS.match(self._source, end)
        self._at = end if marks is None else marks.end()
        return self._marked(body, marks[0] if marks else "", start, self._at, quoted=True)

    def _check_quotes(self, quoted: str, start: int) -> None:
        if len(quoted) < 2 or quoted[-1] not in QUOTES:
            raise self._error("This quotation mark is never closed.", start, start + 1)

    def _marked(self, body: str, marks: str, start: int, end: int, *, quoted: bool) -> Term:
        expanded, weight, threshold = True, None, None
        place = end - len(marks)
        for mark in _MARK.findall(marks):
            given = {"?": not expanded, "^": weight is not None, ">": threshold is not None}
            if given[mark[0]]:
                raise self._error(f"The mark {mark[0]} stands here twice.", place, place + 1)
            if mark == "?":
                expanded = False
            elif mark[0] == "^":
                weight = self._number(mark, place)
            else:
                threshold = self._number(mark, place)
            place += len(mark)
        return Term(body, Span(start, end), quoted, expanded, weight, threshold)

    def _number(self, mark: str, place: int) -> float:
        text = mark[1:]
        if not _NUMBER.fullmatch(text) or float(text) > MAX_WEIGHT:
            example = "as in dog^2" if mark[0] == "^" else "as in -dog>0.1"
            raise self._error(
                f"A number from 0 to {MAX_WEIGHT:.0f} is expected after {mark[0]}, {example}; "
                f"found {text!r}.",
                place,
                place + len(mark),
            )
        return float(text)

    def _group(self, sign: Sign) -> Group:
        start = self._at
        self._at += 1
        alternatives: list[tuple[Term, ...]] = []
        terms: list[Term] = []
        while not self._closes(start):
            term = self._term_in_group(sign)
            if term.text == "OR" and not term.quoted:
                self._check_alternative(terms, term.span)
                alternatives.append(tuple(terms))
                terms = []
            else:
                terms.append(term)
        self._check_alternative(terms, Span(self._at, self._at + 1))
        self._at += 1
        weight = self._group_weight(sign)
        return Group((*alternatives, tuple(terms)), Span(start, self._at), weight)

    def _closes(self, opened: int) -> bool:
        """Skip white space; tell whether the bracket's end comes next."""
        if self._at_end():
            raise self._error("This bracket is never closed.", opened, opened + 1)
        return self._next_is(")")

    def _term_in_group(self, sign: Sign) -> Term:
        start = self._at
        if _SIGNED.match(self._source, start):
            raise self._error(
                "A sign stands before the whole bracket, as in -(beach OR lake), not inside.",
                start,
                start + 1,
            )
        if self._next_is("("):
            raise self._error("Brackets cannot stand inside brackets.", start, start + 1)
        found = self._filter()
        if found is not None:
            raise self._error(
                "A filter stands outside of brackets.", found.name_span.start, found.value_span.end
            )
        term = self._term()
        self._check_marks(sign, term)
        return term

    def _check_alternative(self, terms: list[Term], place: Span) -> None:
        if not any(_HAS_WORD.search(term.text) for term in terms):
            raise self._error("A word is expected before this.", place.start, place.end)

    def _group_weight(self, sign: Sign) -> float | None:
        marks = _MARKS.match(self._source, self._at)
        if marks is None:
            return None
        place, self._at = self._at, marks.end()
        if marks[0][0] != "^" or len(_MARK.findall(marks[0])) > 1:
            raise self._error(
                "Only a weight can stand behind a bracket, as in (beach OR lake)^2.",
                place,
                marks.end(),
            )
        if sign is Sign.EXCLUDED:
            raise self._error("What is excluded has no weight.", place, marks.end())
        return self._number(marks[0], place)

    def _check_marks(self, sign: Sign, term: Term) -> None:
        if sign is Sign.EXCLUDED and term.weight is not None:
            raise self._error("What is excluded has no weight.", term.span.start, term.span.end)
        if sign is Sign.NONE and term.threshold is not None:
            word = term.text
            raise self._error(
                f"A threshold belongs to a required or an excluded word: +{word}>{term.threshold:g}"
                f" or -{word}>{term.threshold:g}.",
                term.span.start,
                term.span.end,
            )

    def _at_end(self) -> bool:
        """Skip white space; tell whether nothing follows it."""
        found = _SPACE.match(self._source, self._at)
        self._at = found.end() if found else self._at
        return self._at >= len(self._source)

    def _next_is(self, character: str) -> bool:
        return self._source.startswith(character, self._at)

    def _error(self, message: str, start: int, end: int) -> QueryError:
        return query_error(self._source, Span(start, end), message)
