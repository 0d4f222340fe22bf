"""Finding documents by their ids, which are in rising order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

_TOGETHER: Final = 1 << 13


def find_ids(
    ids: Sequence[bytes],
    num_documents: int,
    id_at: Callable[[int], bytes],
    ids_at: Callable[[npt.NDArray[np.int64]], Sequence[bytes]],
) -> list[int]:
    """Return the places of the documents with some ids, -1 for ids without one.

    Args:
        id_at: returns the id of a document; ``ids_at`` those of several.
    """

    def place_of(wanted: bytes, low: int, high: int) -> int:
        return bisect_left(range(num_documents), wanted, low, high, key=id_at)

    if not ids:
        return []
    # Documents that are added together mostly lie together, or between two others.
    low = place_of(min(ids), 0, num_documents)
    last = place_of(max(ids), low, num_documents)
    high = min(last + 1, num_documents)
    if len(ids) * num_documents.bit_length() > high - low:  # looking through all there is faster
        wanted, places = set(ids), {}
        for start in range(low, high, _TOGETHER):
            block = np.arange(start, min(start + _TOGETHER, high))
            for place, doc_id in enumerate(ids_at(block), start):
                if doc_id in wanted:
                    places[doc_id] = place
        return [places.get(doc_id, -1) for doc_id in ids]
    found = [place_of(doc_id, low, last) for doc_id in ids]
    return [place if place < num_documents and id_at(place) == doc_id else -1
            for doc_id, place in zip(ids, found, strict=True)]  # fmt: skip
