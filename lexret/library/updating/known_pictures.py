"""Pictures that an index knows: most of them are only compared with their files.

A run over a folder where little has changed asks for a state of each picture and for hardly any
record. States are read from the index's columns where they lie, and records when they are asked
for: what is held of millions of pictures are some bytes each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

import numpy as np

from lexret.engine.index import EmbeddedIndex
from lexret.engine.protocol import Document
from lexret.engine.segments.segment import Segment
from lexret.engine.segments.stored_documents import Mask, Places
from lexret.engine.store.columns import TEXT, decode_text
from lexret.library.updating.file_states import KnownState
from lexret.library.updating.keywords_as_words import without_words
from lexret.library.updating.records import EXIF, SIDECAR, KnownPicture
from lexret.library.updating.text_rows import Rows, TextRows
from lexret.sparse import LexicalVector

# What every picture has: field -> type.
_REQUIRED: Final = {"path": TEXT, "size": "int64", "mtime_ns": "int64", "sha256": TEXT,
                    "width": "int64", "height": "int64"}  # fmt: skip
_STATE: Final = ("size", "mtime_ns", SIDECAR)


class KnownPictures(Mapping[str, KnownPicture]):
    """The pictures of an index, by their ids, in the order of the index.

    Args:
        index: the index as it was before the run; ``None`` where there was none.

    Raises:
        CorruptError: if a document is not a picture's.
        DamageError: if a field is damaged.
    """

    def __init__(self, index: EmbeddedIndex | None) -> None:
        self._index = index
        self._segments: tuple[Segment, ...] = () if index is None else index.segments
        live = [len(segment) if segment.deleted is None else int((~segment.deleted).sum())
                for segment in self._segments]  # fmt: skip
        # Rows are numbered over the live documents of all segments, in order.
        self._ends = np.cumsum([0, *live])
        self._places = [None if segment.deleted is None else np.flatnonzero(~segment.deleted)
                        for segment in self._segments]  # fmt: skip
        if index is not None:
            index.check_fields()  # whatever is damaged is told now, not in the middle of the run
            self._require_pictures(index)
        self._rows = TextRows(iter(self), self._ids_at)
        self._contents: TextRows | None = None
        self._finding_contents = threading.Lock()

    def __getitem__(self, path: str) -> KnownPicture:
        if self._index is None or path not in self:
            raise KeyError(path)
        return KnownPicture.of(self._index.document(path))

    def __contains__(self, path: object) -> bool:
        return path in self._rows

    def __iter__(self) -> Iterator[str]:
        for segment in self._segments:
            for places in segment.live():
                yield from map(decode_text, segment.ids_at(places))

    def __len__(self) -> int:
        return int(self._ends[-1])

    def states_of(self, paths: Sequence[str]) -> list[KnownState | None]:
        """Return what the files of some pictures were known by when they were read.

        Returns:
            ``None`` where the index does not hold a path, or a lexret that read no tags wrote it.
        """
        states: list[KnownState | None] = [None] * len(paths)
        rows_Q = self._rows.find(paths)
        for segment, places, asked in self._by_segment(rows_Q):
            columns = [segment.values(name, places) for name in (*_STATE, EXIF)]
            for number, *values in zip(asked.tolist(), *columns, strict=True):
                size, mtime_ns, sidecar, exif = values
                if None not in (sidecar, exif):
                    states[number] = (int(size), int(mtime_ns), int(sidecar))
        return states

    def numbers_of(self, name: str, paths: Sequence[str]) -> list[int | None]:
        """Return a field of whole numbers of some pictures; ``None`` where one has none."""
        numbers: list[int | None] = [None] * len(paths)
        for segment, places, asked in self._by_segment(self._rows.find(paths)):
            found = segment.values(name, places)
            for number, value in zip(asked.tolist(), found, strict=True):
                numbers[number] = None if value is None else int(value)
        return numbers

    def with_any(self, *names: str) -> Iterator[KnownPicture]:
        """Yield the pictures that have one of some text fields, in order."""
        columns = [] if self._index is None else list(self._index.columns)
        for segment in self._segments:
            for places in segment.live():
                places = places[_has_any(segment, names, places)]
                if len(places):
                    ids = map(decode_text, segment.ids_at(places))
                    documents = map(Document, ids, segment.fields_of(columns, places))
                    yield from map(KnownPicture.of, documents)

    def sha256_of(self, path: str) -> str:
        """Return the hash of the content of a picture that is known."""
        return self._hashes_at(self._rows.find([path]))[0]

    def path_of_content(self, sha256: str) -> str | None:
        """Return the last picture of a content, ``None`` if there is none; threads may ask."""
        with self._finding_contents:
            if self._contents is None:
                texts = (segment.values("sha256", places)
                         for segment in self._segments for places in segment.live())  # fmt: skip
                hashes = map(str, chain.from_iterable(texts))
                self._contents = TextRows(hashes, self._hashes_at)
        rows = self._contents.find([sha256])
        return self._ids_at(rows)[0] if rows[0] >= 0 else None

    def _by_segment(self, rows_Q: Rows) -> Iterator[tuple[Segment, Places, Places]]:
        """Yield segments, places of rows in them, and the numbers of these rows among all."""
        for number, segment in enumerate(self._segments):
            first, end = self._ends[number : number + 2].tolist()
            asked = np.flatnonzero((rows_Q >= first) & (rows_Q < end))
            if len(asked):
                rows, live = rows_Q[asked] - first, self._places[number]
                yield segment, rows if live is None else live[rows], asked

    def _ids_at(self, rows_Q: Rows) -> list[str]:
        ids = [""] * len(rows_Q)
        for segment, places, asked in self._by_segment(rows_Q):
            for number, doc_id in zip(asked.tolist(), segment.ids_at(places), strict=True):
                ids[number] = decode_text(doc_id)
        return ids

    def _hashes_at(self, rows_Q: Rows) -> list[str]:
        hashes = [""] * len(rows_Q)
        for segment, places, asked in self._by_segment(rows_Q):
            found = segment.texts("sha256", places)
            for number, sha256 in zip(asked.tolist(), found, strict=True):
                hashes[number] = str(sha256)
        return hashes

    def _require_pictures(self, index: EmbeddedIndex) -> None:
        if not all(_has_all(segment, places)
                   for segment in self._segments for places in segment.live()):  # fmt: skip
            for document in index.documents():
                KnownPicture.of(document)  # raises for the first that is none


def _has_all(segment: Segment, places: Places) -> bool:
    """Whether documents have all that every picture has."""
    if not len(places):
        return True
    if any(segment.entry.columns.get(name) != kind for name, kind in _REQUIRED.items()):
        return False
    present = [segment.present_at(name, places) for name in _REQUIRED]
    return all(there is None or bool(there.all()) for there in present)


def _has_any(segment: Segment, names: Sequence[str], places: Places) -> Mask:
    """Return which documents have a text in one of some fields that is not empty."""
    held = np.zeros(len(places), bool)
    for name in names:
        offsets = segment.array(f"field.{name}.offsets")
        if offsets is not None:  # a missing text is stored as an empty one
            held |= offsets[places + 1] > offsets[places]
    return held


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
        self._known = known
        self._stored: dict[str, str] = {}
        self._fresh: dict[str, tuple[KnownPicture, LexicalVector]] = {}

    def __contains__(self, sha256: str) -> bool:
        return (
            sha256 in self._fresh
            or sha256 in self._stored
            or self._known.path_of_content(sha256) is not None
        )

    def put(self, picture: KnownPicture, vector: LexicalVector) -> None:
        """Remember the vector of a picture that is about to be added to the index."""
        self._fresh[picture.sha256] = (picture, vector)

    def get(self, sha256: str) -> tuple[KnownPicture, LexicalVector] | None:
        """Return a picture of that content and the model's vector, or ``None``."""
        if sha256 in self._fresh:
            return self._fresh[sha256]
        if sha256 in self._stored:
            if self._latest is None:
                self._latest = self._open_latest()
            return _picture_of(self._latest, self._stored[sha256])
        path = self._known.path_of_content(sha256)
        if path is not None and self._before is not None:
            return _picture_of(self._before, path)
        return None

    def committed(self) -> None:
        """Let go of the vectors that can be read from the index now."""
        if self._fresh:
            self._stored |= {sha256: picture.path for sha256, (picture, _) in self._fresh.items()}
            self._fresh = {}
            self._latest = None  # opened when it is needed, which is seldom


def _picture_of(index: EmbeddedIndex, path: str) -> tuple[KnownPicture, LexicalVector]:
    """Return a picture and its vector without the words that its keywords put in."""
    picture = KnownPicture.of(index.document(path))
    return picture, without_words(index.vector(path), picture.vouched)
