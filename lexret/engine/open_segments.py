"""Segments that a writer has open: those of the last commit, and those that the next one adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lexret.engine.merge_policy import OpenSegment, choose_merge
from lexret.engine.segments.checksums import with_checksums
from lexret.engine.segments.cleanup import remove
from lexret.engine.segments.manifest import SegmentEntry
from lexret.engine.segments.merged_documents import MergeSource
from lexret.engine.segments.segment import Segment
from lexret.engine.segments.segment_writer import (
    SegmentContents,
    from_segments,
    write_deletions,
    write_segment,
)
from lexret.engine.store.sections import storage_errors


class OpenSegments:
    """Segments of an index, with changes that no manifest names yet.

    Args:
        path: the folder of the index.
        committed: the segments of the last commit.
        weights: how the index stores them.
    """

    def __init__(self, path: Path, committed: Sequence[SegmentEntry], *, weights: str) -> None:
        self._path, self._weights = path, weights
        self._committed = [entry.name for entry in committed]
        self._segments = [
            OpenSegment(segment, segment.deleted)
            for segment in (Segment(path, entry) for entry in committed)
        ]

    def __len__(self) -> int:
        """Number of segments."""
        return len(self._segments)

    @property
    def changed(self) -> bool:
        """Whether they differ from those of the last commit."""
        names = [opened.segment.entry.name for opened in self._segments]
        return names != self._committed or any(opened.changed for opened in self._segments)

    def find(self, ids: Sequence[bytes]) -> tuple[list[tuple[OpenSegment, list[int]]], set[bytes]]:
        """Find live documents.

        Returns:
            the numbers of the documents by segment, and the ids that no segment holds.
        """
        missing = set(ids)
        found: list[tuple[OpenSegment, list[int]]] = []
        for opened in self._segments:
            places = opened.find(ids)
            missing -= {doc_id for doc_id, place in zip(ids, places, strict=True) if place >= 0}
            found.append((opened, [place for place in places if place >= 0]))
        return found, missing

    def write(self, contents: SegmentContents, *, generation: int) -> None:
        """Write a segment; its documents take the places of those with the same ids.

        Raises:
            StorageError: if writing fails; nothing has changed then.
        """
        with storage_errors(self._path):
            entry = write_segment(
                self._path, contents, generation=generation, weights=self._weights
            )
            segment = Segment(self._path, entry)
        for opened, documents in self.find(segment.ids())[0]:
            opened.delete(documents)
        self._segments.append(OpenSegment(segment, None))

    def merge(self, *, generation: int) -> None:
        """Drop empty segments; merge where a level holds too many or a segment is half deleted.

        :func:`lexret.engine.merge_policy.choose_merge` decides.

        Raises:
            OSError: if writing fails.
            DamageError: if what is merged is damaged.
        """
        self._segments = [opened for opened in self._segments if opened.num_live]
        while group := choose_merge(self._segments):
            contents = from_segments(
                [MergeSource(opened.segment, opened.deleted) for opened in group]
            )
            entry = write_segment(
                self._path, contents, generation=generation, weights=self._weights
            )
            self._segments = [
                opened for opened in self._segments if not any(opened is old for old in group)
            ]
            self._segments.append(OpenSegment(Segment(self._path, entry), None))

    def entries(self, *, generation: int) -> tuple[SegmentEntry, ...]:
        """Write the deletions, and return what a manifest says of the segments."""
        entries: list[SegmentEntry] = []
        for opened in self._segments:
            entry = with_checksums(self._path, opened.segment.entry)
            if opened.changed and opened.deleted is not None:
                deletions = write_deletions(
                    self._path, entry, opened.deleted, generation=generation
                )
                entry = replace(entry, deletions=deletions)
            entries.append(entry)
        return tuple(entries)

    def remove_others(self, committed: Sequence[SegmentEntry]) -> None:
        """Remove the folders of the segments that are not among those of a commit."""
        names = {entry.name for entry in committed}
        for opened in self._segments:
            if opened.segment.entry.name not in names:
                remove(opened.segment.folder)
