"""Report of what bringing an index up to date did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lexret.engine.segments.manifest import BackendEntry
from lexret.library.shards import Shard
from lexret.library.updating.reader import SkippedPicture
from lexret.pictures.finding import NotLookedAt


@dataclass(frozen=True)
class IndexReport:
    """Report of an update: what it did to an index, and what the index holds since.

    Attributes:
        num_added: pictures under new paths, duplicates of known ones too.
        num_updated: known paths whose content changed.
        num_unchanged: known paths whose content is the same.
        num_renamed: known content that moved to another path.
        num_removed: pictures that are gone, or can no longer be read.
        num_encoded: pictures that went through the model; others were known by their content.
        num_pictures: what the index holds now.
        skipped: files that are not readable pictures, and folders that cannot be listed.
        absent: folders of the index that are not there now; what it holds of them stays.
        not_looked_at: files that do not end like a picture, and what patterns left out.
        num_with_words: pictures that hold words because they are keywords of theirs; ``None``
            where keywords are not taken as words.
        seconds: how long it took.
        model_id: the model that encodes the index's pictures.
        runtimes: the programs that computed the index's vectors, as far as it is recorded.
        backend: what holds its vectors; ``None``: the index itself.
        left_behind: what is to be told of the vectors of the index that this one replaced, where
            they could not be removed; else nothing.
    """

    num_added: int
    num_updated: int
    num_unchanged: int
    num_renamed: int
    num_removed: int
    num_encoded: int
    num_pictures: int
    skipped: tuple[SkippedPicture, ...]
    absent: tuple[Path, ...]
    not_looked_at: NotLookedAt
    num_with_words: int | None
    seconds: float
    model_id: str
    runtimes: tuple[str, ...] = ()
    backend: BackendEntry | None = None
    left_behind: str = ""
    shard: Shard | None = None

    def reasons(self) -> list[tuple[str, int]]:
        """Return why files were skipped and how often, the most frequent first."""
        counts = Counter(skipped.reason for skipped in self.skipped)
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
