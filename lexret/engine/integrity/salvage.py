"""Salvage of a damaged segment: the documents, fields and vectors of it that are whole.

Blocks that agree with their checksums are whole; nothing else is used. A damaged block of weights
costs the vectors of the documents whose weights it holds; damage to what says which documents hold
which words costs all vectors of the segment.

Shapes: N documents of the segment.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from lexret.engine.postings.blocks import BlockPostings
from lexret.engine.postings.plain import RAW, Postings, RawPostings
from lexret.engine.segments.checksums import CHECKSUMS_FILE
from lexret.engine.segments.manifest import SEGMENTS_FOLDER, SegmentEntry
from lexret.engine.segments.stored_documents import Mask, Places
from lexret.engine.store.checked import AnyArray, CheckedArray, Sums
from lexret.engine.store.columns import TEXT, FieldValue, decode_text
from lexret.engine.store.sections import Section
from lexret.errors import CorruptError
from lexret.sparse import FloatArray, IdArray, SparseBatch
from lexret.vocabulary import Vocabulary

_DOCUMENTS_AT_ONCE: Final = 1 << 14
_NO_DENSE: Final[Mapping[str, AnyArray]] = {
    "dense.terms": np.empty(0, np.int32),
    "dense.scales": np.empty(0, np.float32),
    "dense.rows": np.empty(0, np.uint8),
}


@dataclass(frozen=True, slots=True)
class SavedDocument:
    """Document that was saved from a damaged segment.

    Attributes:
        place: its number in the segment.
        fields: those that are whole; ``None`` where it has none, or where it was lost.
        lost_fields: names of the fields that are damaged.
        has_vector: whether its vector is whole.
    """

    doc_id: str
    place: int
    fields: Mapping[str, FieldValue]
    lost_fields: tuple[str, ...]
    has_vector: bool

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it was lost."""
        return self.has_vector and not self.lost_fields


class SalvagedSegment:
    """Segment of which some is damaged.

    Args:
        folder: the index folder.
        entry: what the manifest says about the segment.

    Attributes:
        deleted: which documents are deleted; ``None`` where that is lost.
        num_lost: live documents whose ids are lost, and all else with them.
    """

    def __init__(self, folder: Path, entry: SegmentEntry) -> None:
        self.entry = entry
        place = folder / SEGMENTS_FOLDER / entry.name
        sums = _read_sums(place, entry)
        self._arrays: dict[str, CheckedArray] = {}
        for file, sections in entry.files.items():
            if file != CHECKSUMS_FILE:
                self._arrays |= _read(place / file, sections, sums)
        self.deleted = self._read_deletions(place)
        known_N = self._known_texts("id")
        live_N = np.ones(len(known_N), bool) if self.deleted is None else ~self.deleted
        self.num_lost = int(np.count_nonzero(live_N & ~known_N))
        self._wanted: Places = np.flatnonzero(live_N & known_N)
        self._postings, self._has_vector_N = self._read_postings(place)

    def documents(self) -> Iterator[SavedDocument]:
        """Yield the documents whose ids are whole, deleted ones left out."""
        columns = {
            name: self._known_values(name, kind) for name, kind in self.entry.columns.items()
        }
        for place in self._wanted.tolist():
            lost = tuple(name for name, known_N in columns.items() if not known_N[place])
            fields = {
                name: None if name in lost else self._value(name, kind, place)
                for name, kind in self.entry.columns.items()
            }
            doc_id = decode_text(self._text("id", place))
            yield SavedDocument(doc_id, place, fields, lost, bool(self._has_vector_N[place]))

    def vectors(self, places: Places, vocabulary: Vocabulary) -> Iterator[SparseBatch]:
        """Yield the vectors of some documents, which have one, many at a time.

        Args:
            places: their numbers, rising.
        """
        for start in range(0, len(places), _DOCUMENTS_AT_ONCE):
            row_of = np.full(len(self._has_vector_N), -1, np.int32)
            wanted = places[start : start + _DOCUMENTS_AT_ONCE]
            row_of[wanted] = np.arange(len(wanted), dtype=np.int32)
            rows = (self._rows(term, row_of) for term in range(len(vocabulary)))
            yield SparseBatch.from_postings(rows, len(wanted), vocabulary)

    def _rows(self, term: int, row_of: IdArray) -> tuple[IdArray, FloatArray]:
        assert self._postings is not None
        docs, weights = self._postings.of(term)
        rows = row_of[docs]
        return rows[rows >= 0], weights[rows >= 0]

    def _read_deletions(self, place: Path) -> Mask | None:
        num_documents, deletions = self.entry.num_documents, self.entry.deletions
        if deletions is None:
            return np.zeros(num_documents, bool)
        bits = _read(place / deletions.file, {"bits": deletions.bits}, {}).get("bits")
        if bits is None or bits.damaged_blocks() or len(bits) != -(-num_documents // 8):
            return None
        return np.unpackbits(bits.values, count=num_documents, bitorder="little").astype(bool)

    def _read_postings(self, place: Path) -> tuple[Postings | None, Mask]:
        """Return the postings, and (N,) whether a document's are whole."""
        num_documents = self.entry.num_documents
        names = ("indptr", "docs") if self.entry.codec == RAW else (
            "counts", "split", "lows", "sides")  # fmt: skip
        weights = self._arrays.get("weights")
        lists = [self._arrays.get(name) for name in names]
        if weights is None or any(array is None or array.damaged_blocks() for array in lists):
            return None, np.zeros(num_documents, bool)
        trusted = {
            name: _trusted(values, place, name)
            for name, values in (
                *((name, array.values) for name, array in self._arrays.items()),
                *_NO_DENSE.items(),
            )
        }
        try:
            postings: Postings = (
                RawPostings(trusted, num_documents, self.entry.num_postings, place)
                if self.entry.codec == RAW
                else BlockPostings(trusted, num_documents, self.entry.num_postings, place)
            )
        except (CorruptError, KeyError):  # the manifest itself contradicts them
            return None, np.zeros(num_documents, bool)
        whole_N = np.ones(num_documents, bool)
        for block in weights.damaged_blocks():
            whole_N[_documents_between(postings, *weights.elements_of(block))] = False
        return postings, whole_N

    def _known_texts(self, prefix: str) -> Mask:
        """Return (N,) where a text is whole: its offsets and its bytes."""
        num_documents = self.entry.num_documents
        offsets, joined = (self._arrays.get(f"{prefix}.{part}") for part in ("offsets", "bytes"))
        if offsets is None or joined is None or len(offsets) != num_documents + 1:
            return np.zeros(num_documents, bool)
        sound = _sound_elements(offsets)
        known = sound[:-1] & sound[1:]
        is_sound = np.concatenate([[0], np.cumsum(~_sound_elements(joined))])
        places = np.flatnonzero(known)
        starts, ends = offsets.values[places], offsets.values[places + 1]
        known[places] = is_sound[ends] == is_sound[starts]
        return known

    def _known_values(self, name: str, kind: str) -> Mask:
        """Return (N,) where a field is whole, or known to be missing."""
        bits = self._arrays.get(f"field.{name}.present")
        if kind == TEXT:
            known = self._known_texts(f"field.{name}")
        else:
            values = self._arrays.get(f"field.{name}.values")
            known = np.zeros(self.entry.num_documents, bool)
            if values is not None and len(values) == len(known):
                known = _sound_elements(values)
        if bits is not None:
            known = known & np.repeat(_sound_elements(bits), 8)[: len(known)]
        return known

    def _value(self, name: str, kind: str, place: int) -> FieldValue:
        bits = self._arrays.get(f"field.{name}.present")
        if bits is not None and not (int(bits.values[place // 8]) >> (place % 8)) & 1:
            return None
        if kind == TEXT:
            return decode_text(self._text(f"field.{name}", place))
        value: FieldValue = self._arrays[f"field.{name}.values"].values[place].item()
        return value

    def _text(self, prefix: str, place: int) -> bytes:
        start, end = self._arrays[f"{prefix}.offsets"].values[place : place + 2].tolist()
        return self._arrays[f"{prefix}.bytes"].values[start:end].tobytes()


def _read(
    path: Path, sections: Mapping[str, Section], sums: Mapping[str, Sums]
) -> dict[str, CheckedArray]:
    """Read the arrays of a file, whatever its size; what it lacks is no array, or damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return {}
    data = data.ljust(max((section.end for section in sections.values()), default=0), b"\0")
    arrays = {}
    for name, section in sections.items():
        offset = section.offset if section.count else 0
        values = np.frombuffer(data, section.dtype, section.count, offset)
        arrays[name] = CheckedArray(values, sums.get(name, [section.crc32]), path, name)
        if name in sums and not arrays[name].damaged_blocks():
            arrays[name] = CheckedArray(values, [section.crc32], path, name)
    return arrays


def _read_sums(place: Path, entry: SegmentEntry) -> dict[str, Sums]:
    sections = entry.files.get(CHECKSUMS_FILE, {})
    tables = _read(place / CHECKSUMS_FILE, sections, {})
    return {name: table.values for name, table in tables.items() if not table.damaged_blocks()}


def _trusted(values: AnyArray, place: Path, name: str) -> CheckedArray:
    """Return an array as it is, for one whose damage is known."""
    return CheckedArray(values, [zlib.crc32(values.data)], place, name)


def _sound_elements(array: CheckedArray) -> Mask:
    """Return which elements lie in no damaged block."""
    sound = np.ones(len(array), bool)
    for block in array.damaged_blocks():
        sound[slice(*array.elements_of(block))] = False
    return sound


def _documents_between(postings: Postings, start: int, stop: int) -> IdArray:
    """Return the documents of the postings numbered from ``start`` up to ``stop``."""
    first = int(np.searchsorted(postings.indptr, start, side="right")) - 1
    last = int(np.searchsorted(postings.indptr, stop, side="left"))
    docs = postings.block(first, last).docs
    offset = int(postings.indptr[first])
    return docs[start - offset : stop - offset]
