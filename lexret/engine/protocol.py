"""What an index and its writer are; every backend follows these protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lexret.engine.store.columns import FieldValue
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One answer.

    Hits are ordered by falling score, then by rising ``doc_id``; ``rank`` starts at 1.
    """

    doc_id: str
    score: float
    rank: int


@dataclass(frozen=True)
class Document:
    """A stored document without its vector: its id and its fields (a missing one is None)."""

    doc_id: str
    fields: Mapping[str, FieldValue]


class Index(Protocol):
    """An immutable snapshot that answers queries."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of the stored vectors."""
        ...

    @property
    def model_id(self) -> str:
        """Identity of the model that made the vectors."""
        ...

    def __len__(self) -> int:
        """Number of live documents."""
        ...

    def search(self, queries: SparseBatch, *, k: int = 10) -> list[list[SearchHit]]:
        """Return the exact top ``k`` documents by dot product, for each query.

        Only documents that share a word with the query are hits, so that fewer than ``k`` may
        come back; an empty query finds nothing.

        Raises:
            MismatchError: if the queries are of another vocabulary.
            InputError: if ``k`` is less than 1.
        """
        ...


class IndexWriter(Protocol):
    """Changes an index; nothing is seen by readers before :meth:`commit`."""

    def add(self, doc_ids: Sequence[str], batch: SparseBatch) -> None:
        """Add one document a row; an id that is there already is replaced."""
        ...

    def delete(self, doc_ids: Sequence[str]) -> None:
        """Delete documents; ids that are not there are an error (MissingError)."""
        ...

    def commit(self) -> None:
        """Make all changes since the last commit visible at once and durable."""
        ...
