"""Which of several indexes a document is taken from that more than one of them holds.

Shapes: N documents, over all indexes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from lexret.engine.index import EmbeddedIndex
from lexret.engine.protocol import Document
from lexret.engine.segments.segment import Segment
from lexret.errors import InputError
from lexret.library.asking.query_fields import MTIME
from lexret.library.updating.moved_corrections import NewId

_AT_ONCE: Final = 1 << 14


class Owners:
    """Owners of the documents of an index that is made of several.

    A document is taken from the index that saw its file last changed, the first of equals. Of each
    id a hash of 8 bytes is held, and the id itself only where two of them are equal.

    Args:
        indexes: what it is made of.
        names: what tells the ids that their documents have in it.

    Attributes:
        num_shared: how many ids several of them have.

    Raises:
        InputError: if indexes without folders have ids in common.
    """

    def __init__(self, indexes: Sequence[EmbeddedIndex], names: Sequence[NewId]) -> None:
        self._names = names
        hashes = [
            np.fromiter((_hash(doc_id) for doc_id, _ in _named(index, new_id)), np.uint64)
            for index, new_id in zip(indexes, names, strict=True)
        ]
        self._hashes_N = np.unique(np.concatenate(hashes))
        self._several = _repeated(hashes, self._hashes_N)
        self._owner: dict[str, int] = {}
        self.num_shared = self._decide(indexes) if self._several else 0

    def __contains__(self, doc_id: object) -> bool:
        """Whether any of the indexes has a document of an id."""
        if not isinstance(doc_id, str):
            return False
        wanted = np.uint64(_hash(doc_id))
        place = int(np.searchsorted(self._hashes_N, wanted))
        return place < len(self._hashes_N) and bool(self._hashes_N[place] == wanted)

    def chosen(self, number: int) -> Callable[[Document], str | None]:
        """Return what tells the new ids of the documents that are taken from an index."""
        new_id = self._names[number]

        def chosen(document: Document) -> str | None:
            doc_id = new_id(document.doc_id)
            return doc_id if self._owner.get(doc_id or "", number) == number else None

        return chosen

    def _decide(self, indexes: Sequence[EmbeddedIndex]) -> int:
        best: dict[str, tuple[int, int]] = {}
        shared: set[str] = set()
        for number, (index, new_id) in enumerate(zip(indexes, self._names, strict=True)):
            for doc_id, changed in _named(index, new_id):
                if _hash(doc_id) not in self._several:
                    continue
                if doc_id in best:
                    shared.add(doc_id)
                if doc_id not in best or changed > best[doc_id][0]:
                    best[doc_id] = changed, number
        if shared and not indexes[0].manifest.roots:
            raise InputError(
                f"{len(shared)} ids are in several of the indexes, such as {min(shared)!r}, and no "
                "folder tells which is meant. Delete them from all but one."
            )
        self._owner = {doc_id: number for doc_id, (_, number) in best.items()}
        return len(shared)


def _repeated(hashes: Sequence[np.ndarray], distinct_N: np.ndarray) -> frozenset[int]:
    """Return the hashes that more than one document has."""
    if sum(map(len, hashes)) == len(distinct_N):
        return frozenset()
    counts_N = np.zeros(len(distinct_N), np.int64)
    for each in hashes:
        np.add.at(counts_N, np.searchsorted(distinct_N, each), 1)
    return frozenset(distinct_N[counts_N > 1].tolist())


def _hash(doc_id: str) -> int:
    data = doc_id.encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest())


def _named(index: EmbeddedIndex, new_id: NewId) -> Iterator[tuple[str, int]]:
    """Yield the new ids of an index's documents, and when their files were changed, 0: unknown."""
    for segment in index.segments:
        for doc_id, changed in _dated(segment):
            named = new_id(doc_id)
            if named is not None:
                yield named, changed


def _dated(segment: Segment) -> Iterator[tuple[str, int]]:
    found = segment.numbers(MTIME)
    for start in range(0, len(segment), _AT_ONCE):
        places_D = np.arange(start, min(start + _AT_ONCE, len(segment)))
        if segment.deleted is not None:
            places_D = places_D[~segment.deleted[places_D]]
        changed = [0] * len(places_D)
        if found is not None:
            changed = np.where(found[1][places_D], found[0][places_D], 0).tolist()
        for doc_id, when in zip(segment.texts(None, places_D), changed, strict=True):
            yield doc_id or "", when if isinstance(when, int) else 0
