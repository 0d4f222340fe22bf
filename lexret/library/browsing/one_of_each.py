"""One of each set of copies, of all pictures of an index at once.

Shapes: N live pictures.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lexret.engine.index import EmbeddedIndex
from lexret.engine.store.columns import decode_text
from lexret.library.asking.copies import CONTENT, preference, sameness_of_correction
from lexret.library.asking.query_fields import MTIME, VOUCHED

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def one_of_each(
    index: EmbeddedIndex, numbers_N: Numbers, places_N: Numbers, num_copies_N: Numbers
) -> Flags:
    """Return which pictures stand for their copies, as a search shows them.

    Args:
        numbers_N: the segment of each picture, by its number in the index.
        places_N: its number there.
        num_copies_N: is given how many others each of them stands for.
    """
    groups: dict[object, list[int]] = {}
    for number, segment in enumerate(index.segments):
        of_it_D = np.flatnonzero(numbers_N == number)
        documents_D = places_N[of_it_D]
        contents = segment.texts(CONTENT, documents_D)
        vouched = segment.texts(VOUCHED, documents_D)
        for place, content, words in zip(of_it_D.tolist(), contents, vouched, strict=True):
            if content is not None:
                groups.setdefault((content, words), []).append(place)
    shown_N = np.ones(len(numbers_N), bool)
    for places in groups.values():
        if len(places) > 1:
            for same in _same(index, places, numbers_N, places_N):
                shown_N[same] = False
                shown_N[same[0]] = True
                num_copies_N[same[0]] = len(same) - 1
    return shown_N


def _same(
    index: EmbeddedIndex, places: list[int], numbers_N: Numbers, places_N: Numbers
) -> list[list[int]]:
    """Group pictures of one file by their corrections; return of each group the one shown first."""
    parts: dict[object, list[tuple[tuple[int, int, str], int]]] = {}
    for place in places:
        segment, document = index.segments[int(numbers_N[place])], int(places_N[place])
        doc_id = decode_text(segment.id_at(document))
        rank = preference(doc_id, segment.value(MTIME, document=document))
        changed = sameness_of_correction(index.corrections.documents.get(doc_id))
        parts.setdefault(changed, []).append((rank, place))
    return [[place for _, place in sorted(part)] for part in parts.values()]
