"""The oracle: exact search by one matrix product, in memory; other engines are held to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lexret.errors import InputError
from lexret.index.checks import check_query
from lexret.index.columns import encode_text
from lexret.index.protocol import SearchHit
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


class ExactIndex:
    """Follows the ``Index`` protocol with scipy and a full sort: plain, slow, right.

    Args:
        doc_ids: distinct ids, one a row.
        batch: the documents.
        model_id: identity of the model that made them.

    Raises:
        InputError: if the ids repeat or are not one a row.
    """

    def __init__(self, doc_ids: Sequence[str], batch: SparseBatch, *, model_id: str) -> None:
        if len(doc_ids) != len(batch) or len(set(doc_ids)) != len(doc_ids):
            raise InputError(
                f"{len(set(doc_ids))} distinct ids among {len(doc_ids)} stand beside {len(batch)} "
                "documents; expected one distinct id a document."
            )
        self._doc_ids = list(doc_ids)
        self._batch = batch
        self._matrix = batch.to_scipy().astype(np.float64)
        self._model_id = model_id

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
        answers = []
        for query in queries:
            dense = np.zeros(len(self.vocabulary), dtype=np.float64)
            dense[query.term_ids] = query.weights
            scores = self._matrix @ dense
            found = [
                (-float(scores[row]), encode_text(self._doc_ids[row], what="Document id"), row)
                for row in np.flatnonzero(scores > 0)
            ]
            answers.append(
                [
                    SearchHit(self._doc_ids[row], -negative, rank)
                    for rank, (negative, _, row) in enumerate(sorted(found)[:k], start=1)
                ]
            )
        return answers
