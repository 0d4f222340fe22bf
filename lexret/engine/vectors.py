"""Readers of all live vectors of an index: corrected, or as they are stored.

:class:`CorrectedVectors` gives the vectors with the index's corrections, by word or in blocks of
documents. It numbers documents from 0 in rising order of their ids over the whole index, whichever
segment they are in, so the order of numbers is the order that breaks ties.

:func:`read_documents` gives the vectors as stored, without corrections, together with ids and
fields, segment by segment and in bounded memory. Postings are stored by word; it transposes them,
some documents at a time.

Shapes: N documents, D documents of a block or chunk.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.engine.corrections.corrections import Corrections
from lexret.engine.index import EmbeddedIndex
from lexret.engine.protocol import Document
from lexret.engine.segments.segment import Segment
from lexret.engine.segments.segment_vectors import FEW_DOCUMENTS
from lexret.engine.segments.stored_documents import Places
from lexret.engine.store.columns import FieldValue, decode_text, encode_text
from lexret.sparse import FloatArray, IdArray, SparseBatch
from lexret.vocabulary import Vocabulary

FieldValues = Mapping[str, FieldValue]

POSTINGS_AT_ONCE: Final = 1 << 22
DOCUMENTS_AT_ONCE: Final = 1 << 14
DOCUMENTS_A_BLOCK: Final = 20_000


@dataclass(frozen=True, eq=False)
class VectorBlock:
    """Block of consecutive documents: their ids, and one corrected vector each."""

    doc_ids: list[str]
    vectors: SparseBatch


class CorrectedVectors:
    """Live vectors of a snapshot of an index that holds its own, with its corrections applied.

    Attributes:
        doc_ids: (N) in rising order; the position of an id is its document's number.
    """

    def __init__(self, index: EmbeddedIndex) -> None:
        index.require_own_vectors()
        self._vocabulary, self._segments = index.vocabulary, index.segments
        encoded, self._numbers = _number(self._segments)
        self.doc_ids = [decode_text(doc_id) for doc_id in encoded]
        self._changes = _weights_changed(index.corrections, self.doc_ids, self._vocabulary)
        muted = (self._vocabulary.term_id(word) for word in index.corrections.muted)
        self._muted = {term_id for term_id in muted if term_id is not None}

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of the vectors."""
        return self._vocabulary

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.doc_ids)

    def postings(self, term_id: int) -> tuple[IdArray, FloatArray]:
        """Return the documents that hold a word, rising, and its weights in them."""
        return self._postings_between(term_id, 0, len(self))

    def field(self, name: str) -> list[FieldValue]:
        """Return a field of all documents, in their order; ``None`` for those without it."""
        values: list[FieldValue] = [None] * len(self)
        for segment, numbers in zip(self._segments, self._numbers, strict=True):
            column = segment.column(name)
            if column is not None:
                for number, value in zip(numbers.tolist(), column.values, strict=True):
                    if number >= 0:
                        values[number] = value
        return values

    def blocks(self, size: int = DOCUMENTS_A_BLOCK) -> Iterator[VectorBlock]:
        """Yield all documents in order, ``size`` at a time; each block reads all postings once."""
        for start in range(0, len(self), size):
            stop = min(start + size, len(self))
            lists = (self._postings_between(t, start, stop) for t in range(len(self._vocabulary)))
            rows = ((docs - start, weights) for docs, weights in lists)
            vectors = SparseBatch.from_postings(rows, stop - start, self._vocabulary)
            yield VectorBlock(self.doc_ids[start:stop], vectors)

    def _postings_between(self, term_id: int, start: int, stop: int) -> tuple[IdArray, FloatArray]:
        """Return a word's postings in the documents numbered from ``start`` up to ``stop``."""
        if term_id in self._muted:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        changed = self._changes.get(term_id, {})
        docs, weights = [], []
        for segment, numbers in zip(self._segments, self._numbers, strict=True):
            local, values = segment.postings(term_id)
            numbered = numbers[local]
            wanted = (numbered >= start) & (numbered < stop)
            if changed:
                wanted &= ~np.isin(numbered, list(changed))
            docs.append(numbered[wanted])
            weights.append(values[wanted])
        if len(docs) == 1 and not changed:
            return docs[0], weights[0]
        added = {doc: held for doc, held in changed.items() if held and start <= doc < stop}
        docs.append(np.array(list(added), np.int32))
        weights.append(np.array(list(added.values()), np.float32))
        joined = np.concatenate([np.empty(0, np.int32), *docs])
        order = np.argsort(joined, kind="stable")
        return joined[order], np.concatenate([np.empty(0, np.float32), *weights])[order]


def _weights_changed(
    corrections: Corrections, doc_ids: Sequence[str], vocabulary: Vocabulary
) -> dict[int, dict[int, float]]:
    """Return corrected weights: term id -> document number -> weight, 0 if removed."""
    numbers = (
        {doc_id: number for number, doc_id in enumerate(doc_ids)} if corrections.documents else {}
    )
    changes: dict[int, dict[int, float]] = {}
    for doc_id, correction in corrections.documents.items():
        for word, weight in {**dict.fromkeys(correction.removed, 0.0), **correction.added}.items():
            term_id = vocabulary.term_id(word)
            if term_id is not None and doc_id in numbers:
                changes.setdefault(term_id, {})[numbers[doc_id]] = weight
    return changes


def _number(segments: Sequence[Segment]) -> tuple[list[bytes], list[npt.NDArray[np.int32]]]:
    """Return all live ids in order, and for each segment its documents' numbers (-1: deleted)."""
    numbers = [np.full(len(segment), -1, dtype=np.int32) for segment in segments]
    ids: list[bytes] = []
    for encoded, which, place in heapq.merge(*map(_live, range(len(segments)), segments)):
        numbers[which][place] = len(ids)
        ids.append(encoded)
    return ids, numbers


def _live(which: int, segment: Segment) -> Iterator[tuple[bytes, int, int]]:
    for place, encoded in enumerate(segment.ids()):
        if segment.deleted is None or not segment.deleted[place]:
            yield encoded, which, place


@dataclass(frozen=True, eq=False)
class DocumentChunk:
    """Chunk of an index's documents; row i of ``vectors`` belongs to document i, as stored."""

    documents: Sequence[Document]
    vectors: SparseBatch


def read_documents(
    index: EmbeddedIndex, *, wanted: Collection[str] | None = None
) -> Iterator[DocumentChunk]:
    """Yield the live documents of an index in chunks, with their vectors as stored.

    A chunk has about ``POSTINGS_AT_ONCE`` postings, which bounds memory to about 100 MB.

    Args:
        wanted: ids of the documents to read; all of them by default.
    """
    names = list(index.columns)
    for segment in index.segments:
        places_N = _wanted(segment, wanted)
        few = len(places_N) <= FEW_DOCUMENTS
        for places_D in _chunks(segment, places_N):
            fields = (
                _few_fields(segment, places_D, names) if few else segment.fields_of(names, places_D)
            )
            ids = map(segment.doc_id, places_D.tolist())
            documents = list(map(Document, ids, fields))
            yield DocumentChunk(documents, index.stored_vectors(segment, places_D))


def _wanted(segment: Segment, wanted: Collection[str] | None) -> Places:
    """Return the numbers of the live documents to read, rising."""
    if wanted is None:
        places: Places = np.arange(len(segment))
    else:
        found = segment.find([encode_text(doc_id, what="Document id") for doc_id in wanted])
        places = np.unique(np.array([place for place in found if place >= 0], dtype=np.int64))
    return places if segment.deleted is None else places[~segment.deleted[places]]


def _few_fields(segment: Segment, places_N: Places, names: Sequence[str]) -> Iterator[FieldValues]:
    """Yield the fields of a few documents, each looked up alone."""
    for place in places_N.tolist():
        yield {name: segment.value(name, place) for name in names}


def _chunks(segment: Segment, places_N: Places) -> Iterator[Places]:
    per_document = max(1, segment.entry.num_postings // max(1, len(segment)))
    size = max(1, min(DOCUMENTS_AT_ONCE, POSTINGS_AT_ONCE // per_document))
    for start in range(0, len(places_N), size):
        yield places_N[start : start + size]
