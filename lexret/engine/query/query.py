"""A query as an index answers it: weights, alternatives, and conditions on postings and fields.

:mod:`lexret.engine.query.binding` makes one of a query's text; it may be made by hand as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lexret.engine.protocol import Index, SearchHit
from lexret.engine.query.filters import Filter
from lexret.errors import InputError
from lexret.sparse import LexicalVector


@dataclass(frozen=True, slots=True)
class Holds:
    """A document holds a word with more than a weight.

    Attributes:
        term_id: the word.
        above: the weight, rounded to single precision as the stored ones are; not negative.
    """

    term_id: int
    above: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "above", float(np.float32(self.above)))


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Condition: one of the alternatives holds, and it holds if all of its words do."""

    alternatives: tuple[tuple[Holds, ...], ...]


@dataclass(frozen=True, eq=False)
class Choice:
    """Alternatives of which the best counts: the greatest of their dot products is added.

    Attributes:
        alternatives: at least one vector.
    """

    alternatives: tuple[LexicalVector, ...]

    def __post_init__(self) -> None:
        if not self.alternatives:
            raise InputError("A choice needs at least one alternative; none was given.")


@dataclass(frozen=True, eq=False)
class Query:
    """What to look for.

    The score of a document is its dot product with ``vector``, plus, for each of ``choices`` in
    their order, the greatest of the dot products with the alternatives. Only documents with a
    score above zero are hits, except where nothing scores (no vector and no choice): then every
    document that meets the conditions is a hit with the score 0.

    Attributes:
        vector: words and weights; ``None`` where there is none, which is not the same as an
            empty one: that one matches nothing.
        choices: alternatives of which the best counts.
        required: conditions that every hit meets.
        excluded: conditions that no hit meets.
        filters: conditions on fields.
        without: ids of documents that are no hits.
    """

    vector: LexicalVector | None = None
    choices: tuple[Choice, ...] = ()
    required: tuple[AnyOf, ...] = ()
    excluded: tuple[AnyOf, ...] = ()
    filters: tuple[Filter, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def scores(self) -> bool:
        """Whether anything in it scores."""
        return self.vector is not None or bool(self.choices)

    @property
    def has_conditions(self) -> bool:
        """Whether there is more to it than a score."""
        return bool(self.required or self.excluded or self.filters or self.without)

    def vectors(self) -> list[LexicalVector]:
        """Return the vector, if there is one, and all alternatives."""
        own = [] if self.vector is None else [self.vector]
        return own + [vector for choice in self.choices for vector in choice.alternatives]

    def conditional_terms(self) -> list[int]:
        """Return the words that the conditions are about."""
        conditions = (*self.required, *self.excluded)
        return [word.term_id for any_of in conditions for all_of in any_of.alternatives
                for word in all_of]  # fmt: skip


class QueryIndex(Index, Protocol):
    """An index that answers whole queries, not only vectors."""

    @property
    def columns(self) -> dict[str, str]:
        """The fields that documents have: name -> ``int64``, ``float64`` or ``text``."""
        ...

    def find(self, query: Query, *, k: int = 10) -> list[SearchHit]:
        """Return the exact top ``k`` documents; see :class:`Query` for what is a hit.

        Raises:
            MismatchError: if a vector is of another vocabulary.
            InputError: if ``k`` is less than 1 or a term id outside of the vocabulary.
        """
        ...
