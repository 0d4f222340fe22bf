"""Reads all live vectors of an embedded index, word by word or picture by picture.

Documents are numbered from 0 in rising order of their ids over the whole index, whatever its
segments: the order of numbers is the order that breaks ties.

Shapes: N documents, D documents of a block.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.engine.corrections.corrections import Corrections
from lexret.engine.index import EmbeddedIndex
from lexret.engine.segments.segment import Segment
from lexret.engine.store.columns import decode_text
from lexret.sparse import FloatArray, IdArray, SparseBatch
from lexret.vocabulary import Vocabulary

DOCUMENTS_A_BLOCK: Final = 20_000


@dataclass(frozen=True, eq=False)
class StoredBlock:
    """Some consecutive documents: their ids, and one row each."""

    doc_ids: list[str]
    vectors: SparseBatch


class StoredVectors:
    """The live vectors of an index as it was when it was opened, with its corrections.

    Attributes:
        doc_ids: (N) in rising order; the place of an id is its document's number.
    """

    def __init__(self, index: EmbeddedIndex) -> None:
        self._vocabulary, self._segments = index.vocabulary, index.segments
        encoded, self._numbers = _number(self._segments)
        self.doc_ids = [decode_text(one) for one in encoded]
        self._changes = _changes(index.corrections, self.doc_ids, self._vocabulary)
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

    def blocks(self, size: int = DOCUMENTS_A_BLOCK) -> Iterator[StoredBlock]:
        """Yield all documents in order, so many at a time; every block reads all postings once."""
        for start in range(0, len(self), size):
            stop = min(start + size, len(self))
            lists = (self._postings_between(t, start, stop) for t in range(len(self._vocabulary)))
            rows = ((docs - start, weights) for docs, weights in lists)
            vectors = SparseBatch.from_postings(rows, stop - start, self._vocabulary)
            yield StoredBlock(self.doc_ids[start:stop], vectors)

    def _postings_between(self, term_id: int, start: int, stop: int) -> tuple[IdArray, FloatArray]:
        """Return the postings of the documents numbered from ``start`` to before ``stop``."""
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


def _changes(
    corrections: Corrections, doc_ids: Sequence[str], vocabulary: Vocabulary
) -> dict[int, dict[int, float]]:
    """Return what was corrected: word -> document's number -> its weight there, 0 where removed."""
    numbers = {one: number for number, one in enumerate(doc_ids)} if corrections.pictures else {}
    changes: dict[int, dict[int, float]] = {}
    for doc_id, one in corrections.pictures.items():
        for word, weight in {**dict.fromkeys(one.removed, 0.0), **one.added}.items():
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
