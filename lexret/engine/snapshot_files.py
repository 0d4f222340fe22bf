"""Files of a snapshot: the manifest, the words and the segments of one commit, opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from lexret.engine.segments.manifest import MANIFEST_FILE, Manifest, missing_file
from lexret.engine.segments.segment import Segment
from lexret.errors import CorruptError
from lexret.files.sealed import copy_of
from lexret.vocabulary import Vocabulary

_ATTEMPTS: Final = 10


@dataclass(frozen=True)
class SnapshotFiles:
    """Files of a snapshot, which stay readable when later commits replace them.

    Attributes:
        path: the folder of the index.
        manifest: of the commit.
        words: the file of the vocabulary.
        segments: opened, in the order of the manifest.
    """

    path: Path
    manifest: Manifest
    words: bytes
    segments: tuple[Segment, ...]

    @classmethod
    def open(cls, path: Path, manifest: Manifest | None) -> Self:
        """Open what a manifest names; start again if a writer has merged it away meanwhile.

        Args:
            manifest: by default the newest.

        Raises:
            MissingError: if there is no index.
            DamageError: if a file is missing, or what is read at once is damaged.
            CorruptError: if the index is of an unknown version, or changes all the time.
        """
        manifest = Manifest.load(path) if manifest is None else manifest
        for _ in range(_ATTEMPTS):
            try:
                words = manifest.read_vocabulary(path)
                segments = tuple(Segment(path, entry) for entry in manifest.segments)
                return cls(path, manifest, words, segments)
            except FileNotFoundError as error:
                newer = Manifest.load(path)
                if newer == manifest:
                    raise missing_file(path, error) from error
                manifest = newer
        raise CorruptError(f"The index at {path} changed {_ATTEMPTS} times while it was opened.")

    @classmethod
    def join(cls, parts: Sequence[Self], manifest: Manifest) -> Self:
        """Return the files of several snapshots as if they were one.

        Args:
            manifest: what they hold together.
        """
        segments = tuple(segment for part in parts for segment in part.segments)
        return cls(parts[0].path, manifest, parts[0].words, segments)

    def vocabulary(self) -> Vocabulary:
        """Return the words of the stored vectors; raises DamageError if they are damaged."""
        return self.manifest.parse_vocabulary(self.words, self.path / self.manifest.vocabulary_file)

    def verify(self) -> None:
        """Read every file again and compare it with its checksum; raises DamageError."""
        path = self.path / self.manifest.vocabulary_file
        self.manifest.parse_vocabulary(self.manifest.read_vocabulary(self.path), path)
        for segment in self.segments:
            segment.verify()

    def num_bytes(self) -> int:
        """Return the bytes that the files take."""
        sections = [
            max((section.end for section in file.values()), default=0)
            for segment in self.segments
            for file in segment.entry.files.values()
        ]
        deletions = [s.entry.deletions.bits.end for s in self.segments if s.entry.deletions]
        path = self.path / MANIFEST_FILE
        manifest = sum(file.stat().st_size for file in (path, copy_of(path)) if file.is_file())
        return sum(sections) + sum(deletions) + len(self.words) + manifest
