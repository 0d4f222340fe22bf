"""Ids and fields of merged segments, a few thousand documents at a time.

What is held of all documents together are numbers: ten bytes a document, whatever the fields.

Shapes: N documents of all segments together, D of one piece.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.engine.postings.blocks import counted_up
from lexret.engine.segments.segment import Segment
from lexret.engine.segments.stored_documents import Mask
from lexret.engine.store.checked import AnyArray
from lexret.engine.store.columns import NUMBER_TYPES, TEXT, StoredArray

DOCUMENTS_A_PIECE: Final = 1 << 13  # a multiple of 8: bits are packed piece by piece

Documents = npt.NDArray[np.int32]


@dataclass(frozen=True)
class MergeSource:
    """Segment to be merged, and which of its documents are deleted by now."""

    segment: Segment
    deleted: Mask | None


@dataclass(frozen=True)
class _Share:
    """What one segment gives a piece: its documents, (D,), and their places in the piece."""

    segment: Segment
    documents: Documents
    places: npt.NDArray[np.int64] | slice


class MergedDocuments:
    """Live documents of some segments in rising order of their ids, distinct in all of them.

    Raises:
        DamageError: if an id or a field of a segment is damaged.
    """

    def __init__(self, sources: Sequence[MergeSource]) -> None:
        for source in sources:
            source.segment.check_fields()
        self._segments = [source.segment for source in sources]
        num_live = sum(map(_num_live, sources))
        self._source_N = np.empty(num_live, np.uint16)
        self._document_N: Documents = np.empty(num_live, np.int32)
        place = 0
        for number, documents in _in_order(sources):
            stop = place + len(documents)
            self._source_N[place:stop] = number
            self._document_N[place:stop] = documents
            place = stop

    def __len__(self) -> int:
        return len(self._source_N)

    def new_numbers(self) -> list[Documents]:
        """Return for each segment the numbers that its documents get, -1 for deleted ones."""
        found = []
        for number, segment in enumerate(self._segments):
            new = np.full(len(segment), -1, np.int32)
            places = np.flatnonzero(self._source_N == number)
            new[self._document_N[places]] = places
            found.append(new)
        return found

    @property
    def columns(self) -> dict[str, str]:
        """The fields of all segments: name -> type."""
        kinds: dict[str, str] = {}
        for segment in self._segments:
            kinds |= segment.entry.columns
        return kinds

    def arrays(self) -> dict[str, StoredArray]:
        """Return the arrays that store ids and fields, as a new segment of them has them."""
        arrays = self._texts("id")
        for name, kind in self.columns.items():
            stem = f"field.{name}"
            if kind == TEXT:
                arrays |= self._texts(stem)
            else:
                dtype = NUMBER_TYPES[kind]
                numbers = self._numbers(f"{stem}.values", dtype)
                arrays[f"{stem}.values"] = StoredArray(dtype, len(self), numbers)
            if not all(present_D.all() for present_D in self._present(name)):
                bits = (np.packbits(present_D, bitorder="little")
                        for present_D in self._present(name))  # fmt: skip
                arrays[f"{stem}.present"] = StoredArray("|u1", -(-len(self) // 8), bits)
        return arrays

    def _pieces(self) -> Iterator[tuple[int, list[_Share]]]:
        """Yield for every piece how many documents it has, and what each segment gives it."""
        for start in range(0, len(self), DOCUMENTS_A_PIECE):
            source_D = self._source_N[start : start + DOCUMENTS_A_PIECE]
            document_D = self._document_N[start : start + DOCUMENTS_A_PIECE]
            first = int(source_D[0])
            if (source_D == first).all():  # documents are mostly added in the order of their ids
                yield len(source_D), [_Share(self._segments[first], document_D, slice(None))]
                continue
            shares = []
            for number in sorted(set(source_D.tolist())):
                places = np.flatnonzero(source_D == number)
                shares.append(_Share(self._segments[number], document_D[places], places))
            yield len(source_D), shares

    def _numbers(self, name: str, dtype: str) -> Iterator[AnyArray]:
        for size, shares in self._pieces():
            values = np.zeros(size, dtype)
            for share in shares:
                stored = share.segment.array(name)
                if stored is not None:
                    values[share.places] = stored[share.documents]
            yield values

    def _present(self, name: str) -> Iterator[Mask]:
        """Yield for every piece which of its documents have a field, (D,)."""
        for size, shares in self._pieces():
            present = np.zeros(size, bool)
            for share in shares:
                if name in share.segment.entry.columns:
                    bits, documents = share.segment.array(f"field.{name}.present"), share.documents
                    is_there = (
                        True if bits is None else (bits[documents >> 3] >> (documents & 7)) & 1
                    )
                    present[share.places] = is_there
            yield present

    def _texts(self, stem: str) -> dict[str, StoredArray]:
        num_bytes = sum(int(lengths.sum()) for lengths in self._lengths(stem))
        return {
            f"{stem}.offsets": StoredArray("<i8", len(self) + 1, self._offsets(stem)),
            f"{stem}.bytes": StoredArray("|u1", num_bytes, self._joined(stem)),
        }

    def _lengths(self, stem: str) -> Iterator[npt.NDArray[np.int64]]:
        for size, shares in self._pieces():
            lengths = np.zeros(size, np.int64)
            for share in shares:
                offsets = share.segment.array(f"{stem}.offsets")
                if offsets is not None:
                    lengths[share.places] = offsets[share.documents + 1] - offsets[share.documents]
            yield lengths

    def _offsets(self, stem: str) -> Iterator[AnyArray]:
        end = 0
        yield np.zeros(1, np.int64)
        for lengths in self._lengths(stem):
            ends = end + np.cumsum(lengths)
            yield ends
            end = int(ends[-1])

    def _joined(self, stem: str) -> Iterator[AnyArray]:
        """Yield the bytes of the texts of every piece."""
        for (_, shares), lengths in zip(self._pieces(), self._lengths(stem), strict=True):
            starts = np.cumsum(lengths) - lengths
            joined = np.empty(int(lengths.sum()), np.uint8)
            for share in shares:
                offsets = share.segment.array(f"{stem}.offsets")
                stored = share.segment.array(f"{stem}.bytes")
                if offsets is None or stored is None:
                    continue
                own, first = lengths[share.places], offsets[share.documents]
                if isinstance(share.places, slice) and _is_run(share.documents):
                    joined[:] = stored[int(first[0]) : int(first[0]) + len(joined)]
                    continue
                within = counted_up(own)
                into = np.repeat(starts[share.places], own) + within
                joined[into] = stored[np.repeat(first, own) + within]
            yield joined


def _num_live(source: MergeSource) -> int:
    deleted = 0 if source.deleted is None else int(np.count_nonzero(source.deleted))
    return len(source.segment) - deleted


def _is_run(documents: Documents) -> bool:
    return int(documents[-1]) - int(documents[0]) + 1 == len(documents)


class _Cursor:
    """Place in the live documents of a segment, of whose ids one piece is held at a time."""

    def __init__(self, source: MergeSource) -> None:
        self._source, self._next = source, 0
        self._documents: Documents = np.empty(0, np.int32)
        self._ids: list[bytes] = []
        self._at = 0

    def head(self) -> bytes | None:
        """Return the next id; ``None`` where there is none left."""
        while self._at == len(self._ids):
            stop = min(self._next + DOCUMENTS_A_PIECE, len(self._source.segment))
            if self._next == stop:
                return None
            self._documents = np.arange(self._next, stop, dtype=np.int32)
            if self._source.deleted is not None:
                self._documents = self._documents[~self._source.deleted[self._next : stop]]
            self._ids = self._source.segment.ids_at(self._documents)
            self._next, self._at = stop, 0
        return self._ids[self._at]

    def take(self, limit: bytes | None) -> Documents:
        """Return the next documents whose ids are below a limit, at most those that are held."""
        stop = len(self._ids)
        if limit is not None and self._ids[-1] >= limit:
            stop = max(self._at + 1, bisect_left(self._ids, limit, lo=self._at))
        taken = self._documents[self._at : stop]
        self._at = stop
        return taken


def _in_order(sources: Sequence[MergeSource]) -> Iterator[tuple[int, Documents]]:
    """Yield runs of documents in rising order of their ids: the number of a source, and numbers."""
    cursors = [_Cursor(source) for source in sources]
    heads = [(head, number) for number, cursor in enumerate(cursors)
             if (head := cursor.head()) is not None]  # fmt: skip
    heapify(heads)
    while heads:
        number = heads[0][1]
        cursor = cursors[number]
        following = min(heads[1:3])[0] if len(heads) > 1 else None
        yield number, cursor.take(following)
        head = cursor.head()
        if head is None:
            heappop(heads)
        else:
            heapreplace(heads, (head, number))
