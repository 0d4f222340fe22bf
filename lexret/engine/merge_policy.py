"""Merge policy: which segments become one, and when.

Segments are grouped by levels: a segment of n live documents is at level
``max(0, floor(log8(n / 1000)))``, and a level with more than 8 segments becomes one segment. A
segment of which at least half the documents are deleted is rewritten.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lexret.engine.segments.segment import Segment
from lexret.engine.segments.stored_documents import Mask

MAX_SEGMENTS_A_LEVEL: Final = 8
DOCUMENTS_AT_LEVEL_0: Final = 1000
GROWTH: Final = 8


@dataclass
class OpenSegment:
    """Segment that a writer has open; its deletions may be ahead of the committed ones."""

    segment: Segment
    deleted: Mask | None
    changed: bool = False

    @property
    def num_live(self) -> int:
        """Number of documents that are not deleted."""
        return len(self.segment) - (0 if self.deleted is None else int(self.deleted.sum()))

    def find(self, ids: Sequence[bytes]) -> list[int]:
        """Return the numbers of the live documents with these ids, -1 for ids without one."""
        places = self.segment.find(ids)
        deleted = self.deleted
        if deleted is None:
            return places
        return [-1 if place < 0 or deleted[place] else place for place in places]

    def delete(self, documents: Sequence[int]) -> None:
        """Mark documents as deleted."""
        if documents:
            before = self.deleted
            self.deleted = np.zeros(len(self.segment), bool) if before is None else before.copy()
            self.deleted[list(documents)] = True
            self.changed = True


def choose_merge(segments: Sequence[OpenSegment]) -> list[OpenSegment]:
    """Return the segments that should become one now; empty if there is nothing to merge."""
    levels: dict[int, list[OpenSegment]] = {}
    for opened in segments:
        if opened.num_live * 2 <= len(opened.segment):
            return [opened]
        level = max(0, int(math.log(opened.num_live / DOCUMENTS_AT_LEVEL_0, GROWTH)))
        levels.setdefault(level, []).append(opened)
    for level in sorted(levels):
        if len(levels[level]) > MAX_SEGMENTS_A_LEVEL:
            return levels[level]
    return []
