"""What becomes of segments: which documents still live, which merge, which files go.

The merge policy is by levels: a segment of n live documents is of level
``max(0, floor(log8(n / 1000)))``, and a level with more than 8 segments becomes one segment. A
segment of which half the documents or more are deleted is written again.
"""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from lexret.engine.segments.manifest import MANIFEST_FILE, SEGMENTS_FOLDER, Manifest
from lexret.engine.segments.segment import Mask, Segment

MAX_SEGMENTS_A_LEVEL: Final = 8
DOCUMENTS_AT_LEVEL_0: Final = 1000
GROWTH: Final = 8

_log = logging.getLogger(__name__)


@dataclass
class LiveSegment:
    """A segment of the writer's state: its deletions may be ahead of the committed ones."""

    segment: Segment
    deleted: Mask | None
    changed: bool = False

    @property
    def num_live(self) -> int:
        """Number of documents that are not deleted."""
        return len(self.segment) - (0 if self.deleted is None else int(self.deleted.sum()))

    def find(self, ids: Sequence[bytes]) -> list[int]:
        """Return the numbers of the live documents with these ids; -1 where there is none."""
        places = self.segment.find(ids)
        gone = self.deleted
        return places if gone is None else [-1 if p < 0 or gone[p] else p for p in places]

    def delete(self, documents: Sequence[int]) -> None:
        """Mark documents as deleted."""
        if documents:
            base = self.deleted
            self.deleted = np.zeros(len(self.segment), bool) if base is None else base.copy()
            self.deleted[list(documents)] = True
            self.changed = True


def choose_merge(lives: Sequence[LiveSegment]) -> list[LiveSegment]:
    """Return the segments that should become one now; none where all is well."""
    levels: dict[int, list[LiveSegment]] = {}
    for live in lives:
        if live.num_live * 2 <= len(live.segment):
            return [live]
        level = max(0, int(math.log(live.num_live / DOCUMENTS_AT_LEVEL_0, GROWTH)))
        levels.setdefault(level, []).append(live)
    for level in sorted(levels):
        if len(levels[level]) > MAX_SEGMENTS_A_LEVEL:
            return levels[level]
    return []


def remove_unused(folder: Path, manifest: Manifest) -> None:
    """Remove what a commit does not name: left by merges, and by writers that were killed."""
    entries = {entry.name: entry for entry in manifest.segments}
    unused = [folder / f"{MANIFEST_FILE}.new"]
    unused += [one for one in folder.glob("vocabulary-*") if one.name != manifest.vocabulary_file]
    for segment in (folder / SEGMENTS_FOLDER).glob("*"):
        entry = entries.get(segment.name)
        if entry is None:
            unused.append(segment)
        else:
            kept = entry.deletions.file if entry.deletions else None
            unused += [one for one in segment.glob("deleted-*") if one.name != kept]
    for one in unused:
        remove(one)


def remove(path: Path) -> None:
    """Remove a file or folder that nothing needs; where that fails, the next writer tries."""
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("Could not remove %s, which the index no longer needs: %s", path, error)
