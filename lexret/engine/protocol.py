"""Protocol of an index, which every backend follows, and the types of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from lexret.engine.store.columns import FieldValue
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class SearchHit:
    """Hit: one document that answers a query.

    Hits are ordered by falling score, then by rising ``doc_id``; ``rank`` starts at 1.
    """

    doc_id: str
    score: float
    rank: int


@dataclass(frozen=True)
class Document:
    """Document without its vector: its id and its fields, a missing one being ``None``."""

    doc_id: str
    fields: Mapping[str, FieldValue]


class Index(Protocol):
    """Index: an immutable snapshot that answers queries."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of the stored vectors."""
        ...

    @property
    def model_id(self) -> str:
        """Identity of what made the vectors; an opaque text."""
        ...

    def __len__(self) -> int:
        """Number of live documents."""
        ...

    def search(self, queries: SparseBatch, *, k: int = 10) -> list[list[SearchHit]]:
        """Return the exact top ``k`` documents by dot product, for each query.

        Only documents that share a word with the query are hits, so there may be fewer than
        ``k``; an empty query finds nothing.

        Raises:
            MismatchError: if the queries are of another vocabulary.
            InputError: if ``k`` is less than 1.
        """
        ...
