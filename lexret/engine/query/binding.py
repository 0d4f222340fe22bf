"""What a query means to an index: words become postings and vectors, filters meet the fields.

Words without a mark, words with ``+`` and words with ``^`` make one text, which the text encoder
turns into a vector of length 1. Each example adds a vector (beside words, what ``Examples.fit``
makes of them), each word with ``?`` its own entry with the weight 1 (or the one behind ``^``).
Other weights behind ``^`` multiply the word's entry of the sum. In brackets, each alternative is
put together in this way on its own. Excluded words leave the sum. Conditions are exact and know
only the words themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lexret.engine.query.filter_values import read_filter
from lexret.engine.query.filters import NO_ALIASES, FieldAliases
from lexret.engine.query.notes import NO_WORD, muted_notes, notes_on_text, unknown_word
from lexret.engine.query.query import AnyOf, Choice, Holds, Query
from lexret.engine.query.sums import Addends, empty_vector, scaled
from lexret.engine.query.syntax import (
    FieldFilter,
    Group,
    ParsedQuery,
    Sign,
    Term,
    query_error,
    terms_of,
)
from lexret.errors import InputError
from lexret.sparse import FloatArray, LexicalVector
from lexret.vocabulary import STOP_WORDS, Vocabulary, tokenize

EncodeText = Callable[[str], LexicalVector]
# From the vectors of examples and the query without them to the one that is added for them.
FitExamples = Callable[[Sequence[LexicalVector], Query], LexicalVector]


@dataclass(frozen=True, eq=False)
class Examples:
    """What a query looks for beside its text: vectors, such as those of pictures.

    Attributes:
        vectors: one an example.
        without: ids of documents that are themselves the question, and no answers.
        fit: returns what counts of the vectors in a query that has words that score, too;
            ``None``: they are added as they are.
    """

    vectors: tuple[LexicalVector, ...] = ()
    without: tuple[str, ...] = ()
    fit: FitExamples | None = None


NO_EXAMPLES: Final = Examples()


def free_text(parsed: ParsedQuery, *, has_examples: bool = False) -> str:
    """Return the text outside of brackets that is for the text encoder; it may be empty.

    Args:
        has_examples: examples are part of the query; then a weight below 1 turns a word of theirs
            down, and the word is no part of the text.
    """
    if parsed.is_plain and not parsed.is_rewritten:
        return parsed.source
    return _text(parsed.counting_terms(), has_examples=has_examples)


def texts_in_groups(parsed: ParsedQuery) -> list[str]:
    """Return the texts of the alternatives in brackets that are for the text encoder."""
    groups = (i.node for i in parsed.items if i.sign is not Sign.EXCLUDED)
    texts = [_text(terms, has_examples=False) for node in groups if isinstance(node, Group)
             for terms in node.alternatives]  # fmt: skip
    return [text for text in texts if text]


def notes_on(
    parsed: ParsedQuery,
    vocabulary: Vocabulary,
    *,
    muted: frozenset[str] = frozenset(),
    has_examples: bool = False,
    told: frozenset[str] = frozenset(),
    refusal: str = "",
) -> tuple[str, ...]:
    """Return what is to be told about a query's words: those that are unknown, and muted ones.

    Of unknown words, only those for the text encoder are told; :func:`bind_query` refuses others.

    Args:
        muted: words that count nowhere in the index.
        told: unknown words that were told of already.
        refusal: the error's message, where there is a better one than these words.
        has_examples: examples are part of the query.

    Raises:
        InputError: if there is nothing to look for but words for the text encoder, and all of
            them are unknown or there is none.
    """
    text = free_text(parsed, has_examples=has_examples)
    told |= {word for term in parsed.terms() if term.placed for word in tokenize(term.text)}
    if _text_stands_alone(parsed) and not has_examples:
        notes = notes_on_text(text, vocabulary, told=told, refusal=refusal)
    else:
        whole = " ".join([text, *texts_in_groups(parsed)])
        notes = notes_on_text(whole, vocabulary, alone=False, told=told)
    texts = [text, *texts_in_groups(parsed), *_conditional_texts(parsed)]
    return (*notes, *muted_notes(texts, vocabulary, muted))


def _text_stands_alone(parsed: ParsedQuery) -> bool:
    """Whether there is nothing to look for but plain words, none of which the encoder places."""
    counting = [item for item in parsed.items if item.sign is not Sign.EXCLUDED]
    words = [item for item in counting if not isinstance(item.node, FieldFilter)]
    plain = all(item.is_plain for item in words)
    return plain and bool(words or not parsed.items) and not any(t.placed for t in parsed.terms())


def _conditional_texts(parsed: ParsedQuery) -> Iterator[str]:
    """Yield the words that have an operator, one by one."""
    for item in parsed.items:
        if isinstance(item.node, FieldFilter):
            continue
        for term in terms_of(item.node):
            if item.sign is not Sign.NONE or not term.is_plain:
                yield term.text


def bind_query(
    parsed: ParsedQuery,
    vocabulary: Vocabulary,
    columns: Mapping[str, str],
    encode: EncodeText,
    *,
    examples: Examples = NO_EXAMPLES,
    aliases: FieldAliases = NO_ALIASES,
    levels_V: FloatArray | None = None,
) -> Query:
    """Give a query its meaning over an index.

    Args:
        vocabulary: of the index.
        columns: the fields of its documents: name -> type.
        encode: the text encoder; called only where there is text.
        levels_V: the weight from which a document holds each word, for required and excluded words
            without a weight of their own; None: every weight holds its word.
        examples: what to look for beside the text.
        aliases: what names of filters mean that are no fields.

    Raises:
        QueryError: if a word with an operator is not in the vocabulary (the message tells the
            nearest that are), or a filter does not fit the fields; the message points at it.
        InputError: if the query is empty.
    """
    if not parsed.items and not examples.vectors:
        raise InputError(NO_WORD)
    return _Binding(parsed, vocabulary, columns, encode, examples, aliases, levels_V).bind()


class _Binding:
    """Binds one query; see :func:`bind_query`."""

    def __init__(
        self,
        parsed: ParsedQuery,
        vocabulary: Vocabulary,
        columns: Mapping[str, str],
        encode: EncodeText,
        examples: Examples,
        aliases: FieldAliases,
        levels_V: FloatArray | None,
    ) -> None:
        self._parsed, self._vocabulary, self._columns = parsed, vocabulary, columns
        self._encode, self._examples, self._aliases = encode, examples, aliases
        self._levels_V = levels_V

    def bind(self) -> Query:
        items = self._parsed.items
        conditions = {
            sign: tuple(
                self._condition(i.node)
                for i in items
                if i.sign is sign and not isinstance(i.node, FieldFilter)
            )
            for sign in (Sign.REQUIRED, Sign.EXCLUDED)
        }
        excluded = conditions[Sign.EXCLUDED]
        dropped = {all_of[0].term_id for any_of in excluded for all_of in any_of.alternatives
                   if len(all_of) == 1}  # fmt: skip
        parts = self._main_parts()
        query = Query(
            vector=parts.total((), dropped) if self._parsed.counting_terms() else None,
            choices=tuple(self._choice(i.node, dropped) for i in items
                          if i.sign is not Sign.EXCLUDED and isinstance(i.node, Group)),
            required=conditions[Sign.REQUIRED],
            excluded=excluded,
            filters=tuple(
                read_filter(self._parsed.source, i.node, self._columns, self._aliases,
                            negated=i.sign is Sign.EXCLUDED)
                for i in items if isinstance(i.node, FieldFilter)
            ),
            without=self._examples.without,
        )  # fmt: skip
        return self._with_examples(query, parts, dropped) if self._examples.vectors else query

    def _main_parts(self) -> Addends:
        """Return what is outside of brackets, but for the examples."""
        text = free_text(self._parsed, has_examples=bool(self._examples.vectors))
        return self._gather(text, self._parsed.counting_terms())

    def _with_examples(self, words: Query, parts: Addends, dropped: set[int]) -> Query:
        """Add the examples to a query; beside words that score, what is fitted to them."""
        vectors, fit = self._examples.vectors, self._examples.fit
        if fit is not None and any(len(vector) for vector in words.vectors()):
            vectors = (fit(vectors, words),)
        return replace(words, vector=parts.total(vectors, dropped))

    def _choice(self, group: Group, dropped: set[int]) -> Choice:
        vectors = [
            self._gather(_text(terms, has_examples=False), terms).total((), dropped)
            for terms in group.alternatives
        ]
        weight = 1.0 if group.weight is None else group.weight
        return Choice(tuple(scaled(vector, weight) for vector in vectors))

    def _gather(self, text: str, terms: Sequence[Term]) -> Addends:
        """Return what some terms add to a score."""
        literals: dict[int, float] = {}
        scales: dict[int, float] = {}
        for term in terms:
            if not term.expanded:
                weight = 1.0 if term.weight is None else term.weight
                for term_id in self._look_up(term):
                    literals[term_id] = literals.get(term_id, 0.0) + weight
            elif term.weight is not None:
                for term_id in self._look_up(term):
                    scales[term_id] = scales.get(term_id, 1.0) * term.weight
            elif term.quoted:
                self._look_up(term)
        placed = self._parsed.is_plain or any(term.placed for term in terms)
        says_something = text and (placed or self._vocabulary.match(text)[0])
        vector = self._encode(text) if says_something else empty_vector(self._vocabulary)
        return Addends(vector, literals, scales)

    def _condition(self, node: Term | Group) -> AnyOf:
        groups = node.alternatives if isinstance(node, Group) else ((node,),)
        return AnyOf(tuple(self._all_of(terms) for terms in groups))

    def _all_of(self, terms: Sequence[Term]) -> tuple[Holds, ...]:
        """Return the words of an alternative; articles and the like are no condition."""
        telling = [term for term in terms if not self._says_nothing(term)] or terms
        return tuple(
            Holds(term_id, self._threshold(term, term_id))
            for term in telling
            for term_id in self._look_up(term)
        )

    def _threshold(self, term: Term, term_id: int) -> float:
        """Return the weight above which a document holds a word."""
        if term.threshold is not None:
            return term.threshold
        if self._levels_V is None or self._levels_V[term_id] <= 0:
            return 0.0
        return float(np.nextafter(self._levels_V[term_id], np.float32(0.0)))

    def _says_nothing(self, term: Term) -> bool:
        known, tokens = self._vocabulary.match(term.text)
        return term.is_plain and not known and STOP_WORDS.issuperset(tokens)

    def _look_up(self, term: Term) -> list[int]:
        """Return the term ids of a word or phrase that has an operator; small words are none."""
        known, unknown = self._vocabulary.match(term.text)
        missing = [word for word in unknown if word not in STOP_WORDS]
        if known and not missing:
            return list(dict.fromkeys(known))
        word = missing[0] if known and missing else term.text
        message = unknown_word(word, self._vocabulary)
        if not term.expanded and not term.quoted:
            message += ". A ? behind a word asks for the word itself; leave it away in plain text"
        raise query_error(self._parsed.source, term.span, f"{message}.")


def _text(terms: Sequence[Term], *, has_examples: bool) -> str:
    """Join the terms that are for the text encoder, as they were written."""
    return " ".join(
        term.text
        for term in terms
        if term.expanded
        and term.weight != 0
        and not (has_examples and term.weight is not None and term.weight < 1)
    )
