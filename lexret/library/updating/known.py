"""What an index holds of pictures, read column by column: most are only compared with their files.

A run over a folder where little has changed asks for a state of each picture and for hardly any
record, so records are made when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from lexret.engine.index import EmbeddedIndex
from lexret.engine.protocol import Document
from lexret.engine.store.columns import FieldValue
from lexret.library.updating.file_states import KnownState
from lexret.library.updating.records import EXIF, SIDECAR, KnownPicture
from lexret.library.updating.vouched import without_words
from lexret.sparse import LexicalVector

# What every picture has: field -> type.
_REQUIRED: Final = {"path": str, "size": int, "mtime_ns": int, "sha256": str,
                    "width": int, "height": int}  # fmt: skip


class KnownPictures(Mapping[str, KnownPicture]):
    """The pictures of an index, by their ids, in the order of the index.

    Args:
        index: the index as it was before the run; ``None`` where there was none.

    Attributes:
        of_content: hash of the content -> id of a picture of it, the last in order.

    Raises:
        CorruptError: if a document is not a picture's.
        DamageError: if a field is damaged.
    """

    def __init__(self, index: EmbeddedIndex | None) -> None:
        self._index = index
        self._columns: dict[str, list[FieldValue]] = {}
        self._records: dict[str, KnownPicture] = {}
        self._rows: dict[str, int] = {}
        self._states: dict[str, tuple[FieldValue, ...]] = {}
        self.of_content: dict[str, str] = {}
        if index is None:
            return
        index.check_fields()  # whatever is damaged is told now, not in the middle of the run
        ids = [str(doc_id) for doc_id in index.field_values(None)]
        self._rows = {doc_id: row for row, doc_id in enumerate(ids)}
        self._require_pictures()
        states = zip(*map(self._column, ("size", "mtime_ns", SIDECAR)), strict=True)
        self._states = dict(zip(ids, states, strict=True))
        self.of_content = dict(zip(map(str, self._column("sha256")), ids, strict=True))

    def __getitem__(self, path: str) -> KnownPicture:
        known = self._records.get(path)
        if known is None:
            known = self._records[path] = KnownPicture.of(self._document(path))
        return known

    def __contains__(self, path: object) -> bool:
        return path in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def is_as_before(self, path: str, state: KnownState) -> bool:
        """Whether a file of that state is the one that was read, by a lexret that reads tags."""
        if self._states.get(path) != state:
            return False
        return self._column(EXIF)[self._rows[path]] is not None

    def with_any(self, *names: str) -> list[str]:
        """Return the ids of the pictures that have one of some fields, in order."""
        there = [name for name in names if self._index and name in self._index.columns]
        rows = zip(self._rows, *map(self._column, there), strict=True)
        return [row[0] for row in rows if any(row[1:])] if there else []

    def _column(self, name: str) -> list[FieldValue]:
        found = self._columns.get(name)
        if found is None:
            found = [] if self._index is None else self._index.field_values(name)
            self._columns[name] = found
        return found

    def _document(self, path: str) -> Document:
        row = self._rows[path]
        names = self._index.columns if self._index else {}
        return Document(path, {name: self._column(name)[row] for name in names})

    def _require_pictures(self) -> None:
        for name, kind in _REQUIRED.items():
            if set(map(type, self._column(name))) - {kind}:
                for path in self._rows:
                    KnownPicture.of(self._document(path))  # raises for the first that is none


class KnownVectors:
    """Vectors by the hash of the file's content, so that nothing is encoded twice.

    Those of this run are held in memory until they are committed; others are read from snapshots
    of the index. Membership may be asked from several threads.

    Args:
        latest: opens the index as last committed.
        before: the index as it was before this run, if there was one.
        known: what it held, by path.
    """

    def __init__(
        self,
        latest: Callable[[], EmbeddedIndex],
        before: EmbeddedIndex | None,
        known: KnownPictures,
    ) -> None:
        self._open_latest = latest
        self._before = before
        self._latest: EmbeddedIndex | None = None
        self._known, self._old = known, known.of_content
        self._stored: dict[str, KnownPicture] = {}
        self._fresh: dict[str, tuple[KnownPicture, LexicalVector]] = {}

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._fresh or sha256 in self._stored or sha256 in self._old

    def put(self, picture: KnownPicture, vector: LexicalVector) -> None:
        """Remember the vector of a picture that is about to be added to the index."""
        self._fresh[picture.sha256] = (picture, vector)

    def get(self, sha256: str) -> tuple[KnownPicture, LexicalVector] | None:
        """Return a picture of that content and the model's vector, or ``None``."""
        if sha256 in self._fresh:
            return self._fresh[sha256]
        if sha256 in self._stored:
            picture = self._stored[sha256]
            if self._latest is None:
                self._latest = self._open_latest()
            return picture, _of_the_model(self._latest, picture.path)
        if sha256 in self._old and self._before is not None:
            picture = self._known[self._old[sha256]]
            return picture, _of_the_model(self._before, picture.path)
        return None

    def committed(self) -> None:
        """Let go of the vectors that can be read from the index now."""
        if self._fresh:
            self._stored |= {sha256: picture for sha256, (picture, _) in self._fresh.items()}
            self._fresh = {}
            self._latest = None  # opened when it is needed, which is seldom


def _of_the_model(index: EmbeddedIndex, path: str) -> LexicalVector:
    """Return a picture's vector without the words that its keywords put in."""
    return without_words(index.vector(path), KnownPicture.of(index.document(path)).vouched)
