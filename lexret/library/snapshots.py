"""Snapshots of an index: each is one commit, by default the newest."""

from __future__ import annotations

import math
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lexret.engine.corrections.layout import CORRECTIONS_FILE
from lexret.engine.index import EmbeddedIndex
from lexret.engine.segments.manifest import MANIFEST_FILE
from lexret.errors import LexretError
from lexret.interop.backends import open_index
from lexret.library.folders import PictureFolder, picture_folders, picture_path, picture_root

if TYPE_CHECKING:
    from lexret.library.packed.pictures import PackedFolder
    from lexret.pictures.packed import PackedPicture, PictureFile

SECONDS_BETWEEN_LOOKS: Final = 0.25
State = tuple[tuple[int, int, int] | None, ...]
States = tuple[State, ...]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Snapshot: one commit of an index, which stays as it is whatever is committed meanwhile."""

    index: EmbeddedIndex

    def file_of(self, doc_id: str) -> Path:
        """Return where the file of a picture lies, or would lie; of a packed one, its id.

        To open a picture: :meth:`picture_of`.
        """
        return picture_path(self._base, doc_id)

    def picture_of(self, doc_id: str) -> PictureFile:
        """Return what holds the bytes of a picture of the index, to open it by.

        Raises:
            MissingError: if it lies in a file of many that is not there.
        """
        path = self.file_of(doc_id)
        if self.index.manifest.roots or (not self.packed_folders and path.exists()):
            return path
        return self.packed_picture(doc_id, allow_links=True)

    def packed_picture(self, doc_id: str, *, allow_links: bool) -> PackedPicture:
        """Return a picture that lies in a tar shard or a Parquet file.

        Raises:
            MissingError: see :func:`lexret.library.packed.pictures.find_packed`.
        """
        from lexret.library.packed.pictures import find_packed  # searches do without it

        return find_packed(self.index, self.packed_folders, doc_id, allow_links=allow_links)

    @cached_property
    def packed_folders(self) -> tuple[PackedFolder, ...]:
        """The folders of tar shards and Parquet files that hold the pictures, of all shards."""
        from lexret.library.packed.pictures import packed_folders

        found = (
            folder
            for part in self.index.parts
            for folder in packed_folders(part.manifest.options, part.path)
        )
        return tuple(dict.fromkeys(found))

    def path_of(self, doc_id: str, *, allow_links: bool) -> Path | None:
        """Return where a picture of the index lies, and nothing outside of its folders.

        Returns:
            ``None`` where the index holds no such picture, or where its file lies outside of the
            folders of the index: the index may be someone else's, a link may have been changed.
        """
        if "\0" in doc_id or doc_id not in self.index:
            return None
        path = self.file_of(doc_id)
        if not any(path.is_relative_to(folder.path) for folder in self.folders):
            return None
        real = Path(os.path.realpath(path))
        inside = any(real.is_relative_to(folder.path.resolve()) for folder in self.folders)
        return path if inside or allow_links else None

    @cached_property
    def folders(self) -> tuple[PictureFolder, ...]:
        """The folders of pictures."""
        return picture_folders(self.index.manifest.roots, self.index.path)

    def complete(
        self, prefix: str, *, k: int, rank: Callable[[str], int] | None = None
    ) -> list[str]:
        """Return words that begin with some letters, then words that hold them.

        Args:
            rank: what tells which come first, the greatest before others; else the shortest do.
        """
        prefix = " ".join(prefix.lower().split())
        if not prefix:
            return []

        def order(word: str) -> tuple[int, int, str]:
            return (0 if rank is None else -rank(word)), len(word), word

        words = self._sorted_words
        start, end = bisect_left(words, prefix), bisect_left(words, prefix + "\U0010ffff")
        found = sorted(words[start:end], key=order)[:k]
        if len(found) < k and len(prefix) > 2:
            inside = [word for word in words if prefix in word and not word.startswith(prefix)]
            found += sorted(inside, key=order)[: k - len(found)]
        return found

    @cached_property
    def _base(self) -> Path | None:
        return picture_root(self.index.manifest, self.index.path)

    @cached_property
    def _sorted_words(self) -> list[str]:
        return sorted(self.index.vocabulary.words)


class LatestSnapshot:
    """The newest commit of an index, with its corrections; looked for at most every 0.25 seconds.

    The index is opened when it is first asked for. Safe to share by threads.

    Args:
        paths: the index folder, or those of all shards, which are searched as one index.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self._open: dict[Path, tuple[State, EmbeddedIndex]] = {}
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._state: States = ()
        self._looked = 0.0

    def get(self) -> Snapshot:
        """Return the index as last committed and corrected.

        If a newer commit cannot be read, the last one that could is used on.

        Raises:
            MissingError: if there is no index, or a shard is missing.
            CorruptError: if it is damaged, and was never open.
            InputError, MismatchError: if several are not all the shards of one index.
        """
        with self._lock:
            if self._snapshot is None:
                self._state, self._looked = self._look(), time.monotonic()
                self._snapshot = self._newest(self._state)
            elif time.monotonic() - self._looked >= SECONDS_BETWEEN_LOOKS:
                self._looked = time.monotonic()
                state = self._look()
                if state != self._state:
                    self._snapshot = self._opened(state, self._snapshot)
            return self._snapshot

    def expire(self) -> None:
        """Look for a newer commit at the next call, because the index was just changed."""
        with self._lock:
            self._looked = -math.inf

    def _opened(self, state: States, before: Snapshot) -> Snapshot:
        try:
            snapshot = self._newest(state)
        except (LexretError, OSError) as error:
            import logging  # a search from the shell does without it

            log = logging.getLogger(__name__)
            log.warning("Going on with the commit before, as the newest cannot be read: %s", error)
            return before
        self._state = state
        return snapshot

    def _newest(self, state: States) -> Snapshot:
        """Open what has changed; shards that have not stay open, with what was read of them."""
        for path, now in zip(self.paths, state, strict=True):
            if path not in self._open or self._open[path][0] != now:
                self._open[path] = now, open_index(path)
        indexes = [self._open[path][1] for path in self.paths]
        if len(indexes) == 1:
            return Snapshot(indexes[0])
        from lexret.library.joined_shards import join_shards  # most searches have one index

        return Snapshot(join_shards(indexes))

    def _look(self) -> States:
        """Return values that change with every commit and correction."""
        return tuple(
            tuple(_identity(path / name) for name in (MANIFEST_FILE, CORRECTIONS_FILE))
            for path in self.paths
        )


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
