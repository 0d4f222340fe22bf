"""Index whose vectors are in Milvus; ids, fields, corrections and commits are in its folder.

Milvus proposes, this decides: it asks for the greatest inner products, reads the vectors of what
was found, scores them again in double precision and holds conditions against them. Answers are
those of an embedded index, to the last bit. Where the most that Milvus gives does not prove which
pictures are the best, the query is refused and the message names what made it so.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from lexret.engine.corrections.corrections import NO_CORRECTIONS, Corrections
from lexret.engine.index import EmbeddedIndex
from lexret.engine.protocol import SearchHit
from lexret.engine.query.checks import check_query
from lexret.engine.query.query import Query
from lexret.engine.segments.manifest import Manifest
from lexret.engine.segments.segment import Segment
from lexret.engine.segments.stored_documents import Places
from lexret.errors import BackendError, InputError
from lexret.interop.milvus.candidates import Candidate, find_best
from lexret.interop.milvus.collection import MilvusCollection
from lexret.interop.milvus.holders import find_by_conditions
from lexret.interop.milvus.place import ROW, MilvusPlace
from lexret.interop.milvus.weights import NO_WORDS, Weights, weights_for
from lexret.sparse import FloatArray, IdArray, LexicalVector, SparseBatch

_VECTORS_KEPT: Final = 4096


class Place(NamedTuple):
    """Place of a document: its segment's number, and its own there."""

    segment: int
    document: int


class MilvusIndex(EmbeddedIndex):
    """Snapshot of an index whose vectors are in Milvus; see :class:`EmbeddedIndex`.

    Raises:
        BackendError: here and from all that needs vectors, if Milvus does not answer, or wrongly.
        MismatchError: if the collection is another index's.
        MissingPackageError: if pymilvus is not installed.
    """

    def __init__(
        self,
        path: Path,
        *,
        corrections: Corrections = NO_CORRECTIONS,
        manifest: Manifest | None = None,
        collection: MilvusCollection | None = None,
    ) -> None:
        super().__init__(path, corrections=corrections, manifest=manifest)
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Weights] = OrderedDict()
        self._given = collection

    @cached_property
    def collection(self) -> MilvusCollection:
        """The collection, opened and checked when it is first asked for."""
        if self._given is not None:
            return self._given
        backend = self.manifest.backend
        if backend is None:
            raise InputError(f"The index at {self.path} holds its vectors itself.")
        collection = MilvusCollection(MilvusPlace.of(backend), self.manifest.num_words)
        collection.check(model_id=self.model_id, fingerprint=self.manifest.vocabulary_fingerprint)
        return collection

    def uncorrected(self) -> MilvusIndex:
        """Return this snapshot without corrections: what the model saw."""
        return MilvusIndex(self.path, manifest=self.manifest, collection=self.collection)

    def search(self, queries: SparseBatch, *, k: int = 10) -> list[list[SearchHit]]:
        """Return the exact top ``k`` documents for each query; see :meth:`Index.search`.

        Raises:
            InputError: if Milvus cannot tell them; see :meth:`find`.
        """
        check_query(self.manifest.vocabulary_fingerprint, lambda: self.vocabulary, queries, k=k)
        return [self.find(Query(vector=query), k=k) for query in queries]

    def _find_uncorrected(self, query: Query, k: int) -> list[SearchHit]:
        if query.scores:
            return find_best(self, query, k)
        if not query.required and not query.excluded:
            return self._searcher.find(query, k)
        return find_by_conditions(self, query, k, self._searcher.find)

    def score_moments(self, query: LexicalVector) -> tuple[float, float]:
        """Refuse: the scores of all documents are not to be had from Milvus."""
        raise InputError(
            "The backend milvus does not tell the scores of all pictures, by which sure hits are "
            "judged; leave --max-false-matches out."
        )

    def _stored_weights(self, doc_ids: Sequence[str], terms: IdArray) -> FloatArray:
        rows = [self._row_at(Place(*self._locate(doc_id))) for doc_id in doc_ids]
        if not len(terms):
            return np.zeros((len(doc_ids), 0), dtype=np.float32)
        found = self.vectors_of(row for row in rows if row is not None)
        weights = np.zeros((len(doc_ids), len(terms)), dtype=np.float32)
        for number, row in enumerate(rows):
            if row is not None:
                weights[number] = weights_for(found[row], terms)
        return weights

    def stored_vectors(self, segment: Segment, places: Places) -> SparseBatch:
        """Return the vectors of documents of a segment, without corrections."""
        numbers = segment.numbers(ROW)
        if numbers is None:
            rows: list[int | None] = [None] * len(places)
        else:
            rows = [int(numbers[0][p]) if numbers[1][p] else None for p in places.tolist()]
        found = self.vectors_of(row for row in rows if row is not None)
        vectors = [
            LexicalVector(*(NO_WORDS if row is None else found[row]), self.vocabulary)
            for row in rows
        ]
        return SparseBatch.from_vectors(vectors, self.vocabulary)

    def vectors_of(self, rows: Iterable[int]) -> dict[int, Weights]:
        """Return the vectors of rows of this snapshot; rows never change, so some are kept.

        Raises:
            BackendError: if one is not there.
        """
        wanted = list(dict.fromkeys(rows))
        with self._lock:
            found = {row: self._kept[row] for row in wanted if row in self._kept}
        missing = [row for row in wanted if row not in found]
        if missing:
            found |= self.collection.vectors(missing)
        for row in missing:
            if row not in found:
                raise BackendError(
                    f"{self.collection.place} lacks the vector of a picture of this index. If it "
                    "was indexed anew just now, search again; else make the index anew: lexret "
                    "index --rebuild."
                )
        with self._lock:
            for row in wanted:
                self._kept[row] = found[row]
                self._kept.move_to_end(row)
            while len(self._kept) > _VECTORS_KEPT:
                self._kept.popitem(last=False)
        return found

    def candidates(self, rows: Sequence[int]) -> list[Candidate | None]:
        """Return the documents that rows are of, ``None`` for rows of none in this snapshot."""
        known, places = self._places_of_rows
        asked = np.asarray(rows, np.int64)
        at = np.searchsorted(known, asked)
        is_there = at < len(known)
        is_there[is_there] = known[at[is_there]] == asked[is_there]
        result: list[Candidate | None] = []
        for row, place, there in zip(rows, at.tolist(), is_there.tolist(), strict=True):
            if not there:
                result.append(None)
                continue
            segment = self.segments[int(places[place, 0])]
            document = int(places[place, 1])
            doc_id = segment.id_at(document)
            result.append(Candidate(row, doc_id, partial(segment.value, document=document)))
        return result

    def rows(self) -> npt.NDArray[np.int64]:
        """Return the rows of this snapshot, rising."""
        return self._places_of_rows[0]

    def row_of(self, doc_id: str) -> int | None:
        """Return the row of a document; ``None`` where it has none or is not there."""
        found = self._find(doc_id)
        return None if found is None else self._row_at(Place(*found))

    def _row_at(self, place: Place) -> int | None:
        value = self.segments[place.segment].value(ROW, place.document)
        return value if isinstance(value, int) else None

    @cached_property
    def _places_of_rows(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The rows, rising, and (N, 2) segment and document of each."""
        rows, places = [np.empty(0, np.int64)], [np.empty((0, 2), np.int64)]
        for number, segment in enumerate(self.segments):
            found = segment.numbers(ROW)
            if found is None:
                continue
            live = found[1] if segment.deleted is None else found[1] & ~segment.deleted
            documents = np.flatnonzero(live)
            rows.append(found[0][documents].astype(np.int64))
            places.append(np.stack([np.full_like(documents, number), documents], axis=1))
        joined = np.concatenate(rows)
        order = np.argsort(joined)
        return joined[order], np.concatenate(places)[order]
