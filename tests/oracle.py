"""The oracle: exact search by one matrix product, in memory; other engines are held to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from lexret.engine.protocol import SearchHit
from lexret.engine.query.checks import check_query, check_terms, check_vectors
from lexret.engine.query.query import AnyOf, Query
from lexret.engine.store.columns import FieldValue, encode_text, extend_schema
from lexret.errors import InputError
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary


class ExactIndex:
    """Follows the ``Index`` protocol with scipy and a full sort: plain, slow, right.

    Args:
        doc_ids: distinct ids, one a row.
        batch: the documents.
        model_id: identity of the model that made them.
        fields: name -> one value a document, as a writer takes them.

    Raises:
        InputError: if the ids repeat or are not one a row, or a field does not go with them.
    """

    def __init__(
        self,
        doc_ids: Sequence[str],
        batch: SparseBatch,
        *,
        model_id: str,
        fields: Mapping[str, Sequence[FieldValue]] | None = None,
    ) -> None:
        if len(doc_ids) != len(batch) or len(set(doc_ids)) != len(doc_ids):
            raise InputError(
                f"{len(set(doc_ids))} distinct ids among {len(doc_ids)} stand beside {len(batch)} "
                "documents; expected one distinct id a document."
            )
        self._doc_ids = list(doc_ids)
        self._batch = batch
        self._matrix = batch.to_scipy().astype(np.float64)
        self._model_id = model_id
        self._fields = dict(fields or {})
        self._columns = extend_schema({}, self._fields, num_documents=len(doc_ids))

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of the stored vectors."""
        return self._batch.vocabulary

    @property
    def model_id(self) -> str:
        """Identity of the model that made the vectors."""
        return self._model_id

    def __len__(self) -> int:
        """Number of documents."""
        return len(self._doc_ids)

    def search(self, queries: SparseBatch, *, k: int = 10) -> list[list[SearchHit]]:
        """Return the exact top ``k`` for each query; see ``Index.search``."""
        check_query(self.vocabulary.fingerprint, lambda: self.vocabulary, queries, k=k)
        return [self._ranked(self._score(query), 0.0, k) for query in queries]

    @property
    def columns(self) -> dict[str, str]:
        """The fields that documents have: name -> type."""
        return dict(self._columns)

    def find(self, query: Query, *, k: int = 10) -> list[SearchHit]:
        """Return the exact top ``k`` for a whole query; see ``QueryIndex.find``."""
        words = self.vocabulary
        check_vectors(words.fingerprint, lambda: words, query.vectors(), k=k)
        check_terms(query.conditional_terms(), num_words=len(words))
        scores = np.zeros(len(self)) if query.vector is None else self._score(query.vector)
        for choice in query.choices:
            scores = scores + np.max([self._score(one) for one in choice.alternatives], axis=0)
        wanted = [self._meets_all(row, query) for row in range(len(self))]
        scores[~np.array(wanted, dtype=bool)] = -1.0
        return self._ranked(scores, 0.0 if query.scores else -1.0, k)

    def _score(self, query: LexicalVector) -> npt.NDArray[np.float64]:
        dense = np.zeros(len(self.vocabulary), dtype=np.float64)
        dense[query.term_ids] = query.weights
        scores: npt.NDArray[np.float64] = self._matrix @ dense
        return scores

    def _meets_all(self, row: int, query: Query) -> bool:
        doc_id = self._doc_ids[row]

        def value_of(name: str) -> FieldValue:
            return self._fields[name][row] if name in self._fields else None

        return (
            doc_id not in query.without
            and all(self._holds(row, condition) for condition in query.required)
            and not any(self._holds(row, condition) for condition in query.excluded)
            and all(one.meets(doc_id, value_of) != one.negated for one in query.filters)
        )

    def _holds(self, row: int, condition: AnyOf) -> bool:
        return any(
            all(self._matrix[row, one.term_id] > one.above for one in words)
            for words in condition.alternatives
        )

    def _ranked(self, scores: npt.NDArray[np.float64], above: float, k: int) -> list[SearchHit]:
        """Return the documents whose score is above a number, sorted as hits are."""
        found = [
            (-float(scores[row]), encode_text(self._doc_ids[row], what="Document id"), row)
            for row in np.flatnonzero(scores > above)
        ]
        return [
            SearchHit(self._doc_ids[row], 0.0 - negative, rank)
            for rank, (negative, _, row) in enumerate(sorted(found)[:k], start=1)
        ]
