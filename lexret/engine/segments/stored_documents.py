"""Stored documents of a segment: their ids and fields, and which of them are deleted.

Shapes: N documents, D documents asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import compress
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from lexret.engine.segments.finding import find_ids
from lexret.engine.segments.text_keys import text_keys, wanted_keys
from lexret.engine.store.checked import AnyArray, CheckedArray
from lexret.engine.store.columns import (
    NUMBER_TYPES,
    TEXT,
    Column,
    FieldValue,
    decode_text,
    encode_text,
    read_value,
    text_at,
    unpack,
    unpack_texts,
)
from lexret.sparse import IdArray

_DOCUMENTS_TOGETHER: Final = 1 << 13

T = TypeVar("T")
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


class StoredDocuments:
    """Stored documents of a segment, numbered from 0 in rising order of their ids.

    Args:
        num_documents: how many there are, deleted ones included.
        kinds: the fields: name -> type.
        arrays: the stored arrays of ids and fields, by name.
        deleted: (N,) which documents are deleted; ``None``: none is.
    """

    def __init__(
        self,
        num_documents: int,
        kinds: Mapping[str, str],
        arrays: Mapping[str, CheckedArray],
        deleted: Mask | None,
    ) -> None:
        self._num_documents, self._kinds, self._arrays = num_documents, kinds, arrays
        self.deleted = deleted
        self._keys_of: dict[str, npt.NDArray[np.uint16]] = {}

    def __len__(self) -> int:
        """Number of documents, including deleted ones."""
        return self._num_documents

    def id_at(self, document: int) -> bytes:
        """Return the id of a document, as stored."""
        return text_at("id", self._arrays, document)

    def ids_at(self, documents: Sequence[int] | IdArray | Places) -> list[bytes]:
        """Return the ids of some documents, as stored."""
        places = np.asarray(documents, dtype=np.int64)
        return _texts_at("id", self._arrays, places)

    def doc_id(self, document: int) -> str:
        """Return the id of a document."""
        return decode_text(self.id_at(document))

    def ids(self) -> list[bytes]:
        """Return the ids of all documents, including deleted ones, as stored and in order."""
        return unpack_texts("id", self._arrays)

    def find(self, ids: Sequence[bytes]) -> list[int]:
        """Return the numbers of the documents with these ids, -1 for ids without one."""
        return find_ids(ids, len(self), self.id_at, self.ids_at)

    def column(self, name: str) -> Column | None:
        """Return a field of all documents, ``None`` if this segment does not have it."""
        kind = self._kinds.get(name)
        return None if kind is None else unpack(name, kind, self._arrays, len(self))

    def live(self) -> Iterator[Places]:
        """Yield the numbers of the live documents, rising, some thousands at a time."""
        for start in range(0, len(self), _DOCUMENTS_TOGETHER):
            stop = min(start + _DOCUMENTS_TOGETHER, len(self))
            places = np.arange(start, stop, dtype=np.int64)
            yield places if self.deleted is None else places[~self.deleted[start:stop]]

    def live_values(self, name: str | None) -> list[FieldValue]:
        """Return a field of all live documents, in order, ``None`` for those without it.

        Args:
            name: the field; ``None`` for the documents' ids.
        """
        column = None if name is None else self.column(name)
        values: Sequence[FieldValue]
        if name is None:
            values = list(map(decode_text, self.ids()))
        else:
            values = [None] * len(self) if column is None else column.values
        if self.deleted is None:
            return list(values)
        return list(compress(values, (~self.deleted).tolist()))

    def check_fields(self) -> None:
        """Compare all ids and fields with their checksums; raises DamageError."""
        for name, array in self._arrays.items():
            if name.startswith(("id.", "field.")):
                array.whole()

    def array(self, name: str) -> AnyArray | None:
        """Return a stored array of ids or fields; ``None`` if this segment does not have it."""
        array = self._arrays.get(name)
        return None if array is None else array.whole()

    def numbers(self, name: str) -> tuple[AnyArray, Mask] | None:
        """Return a number field and where it is present, (N,) each; ``None`` if there is none."""
        if self._kinds.get(name) not in NUMBER_TYPES:
            return None
        present = self._present(name)
        everywhere = np.ones(len(self), dtype=bool)
        values = self._arrays[f"field.{name}.values"].whole()
        return values, everywhere if present is None else present

    def _present(self, name: str) -> Mask | None:
        """Return where a field is present; ``None`` if every document has it."""
        bits = self._arrays.get(f"field.{name}.present")
        if bits is None:
            return None
        return np.unpackbits(bits.whole(), count=len(self), bitorder="little").astype(bool)

    def texts(self, name: str | None, docs_D: Places) -> list[str | None]:
        """Return a text field of some documents, ``None`` for documents without it.

        Args:
            name: the field; ``None`` for the documents' ids.
        """
        if name is None:
            return [decode_text(encoded) for encoded in self.ids_at(docs_D.tolist())]
        if self._kinds.get(name) != TEXT:
            return [None] * len(docs_D)
        found = _texts_at(f"field.{name}", self._arrays, docs_D)
        values = [decode_text(encoded) for encoded in found]
        return _where(self.present_at(name, docs_D), values)

    def present_at(self, name: str, docs_D: IdArray | Places) -> Mask | None:
        """Return which of some documents have a field of the segment; ``None`` if all do."""
        bits = self.array(f"field.{name}.present")
        if bits is None:
            return None
        present_D: Mask = ((bits[docs_D >> 3] >> (docs_D & 7)) & 1).astype(bool)
        return present_D

    def values(self, name: str, docs_D: Places) -> Sequence[FieldValue]:
        """Return a field of some documents, ``None`` for documents without it."""
        if self._kinds.get(name) not in NUMBER_TYPES:
            return self.texts(name, docs_D)
        numbers: list[FieldValue] = self._arrays[f"field.{name}.values"].whole()[docs_D].tolist()
        return _where(self.present_at(name, docs_D), numbers)

    def fields_of(self, names: Sequence[str], docs_D: Places) -> Iterator[dict[str, FieldValue]]:
        """Yield some fields of each of some documents; ``None`` where one does not have it."""
        columns = [self.values(name, docs_D) for name in names]
        for row in range(len(docs_D)):
            yield {name: column[row] for name, column in zip(names, columns, strict=True)}

    def with_texts(self, name: str, wanted: Collection[str]) -> Places:
        """Return the live documents whose text in a field is one of some, rising.

        Two bytes that depend on the text rule out nearly all others, for all documents at once.

        Args:
            wanted: texts of at least 4 bytes; shorter ones match no document.
        """
        encoded = [encode_text(text, what=f"Field {name!r}:") for text in wanted]
        asked = wanted_keys(encoded)
        if self._kinds.get(name) != TEXT or not asked.any():
            return np.empty(0, dtype=np.int64)
        places_D = np.flatnonzero(asked[self._keys(name)])
        if self.deleted is not None:
            places_D = places_D[~self.deleted[places_D]]
        texts, among = self.texts(name, places_D), set(wanted)
        kept: Places = places_D[[text in among for text in texts]] if len(texts) else places_D
        return kept

    def _keys(self, name: str) -> npt.NDArray[np.uint16]:
        """Return two bytes for each document that depend on its text in a field, (N,)."""
        keys = self._keys_of.get(name)
        if keys is None:
            offsets, joined = (
                self._arrays[f"field.{name}.offsets"].whole(),
                self._arrays[f"field.{name}.bytes"].whole(),
            )
            keys = self._keys_of[name] = text_keys(offsets, joined)
        return keys

    def begin_with(self, name: str | None, docs_D: Places, prefix: bytes) -> Places:
        """Return those documents whose text in a field may begin with some bytes.

        All documents are returned for a field that some of them lack.

        Args:
            name: the field; ``None`` for the document's id.
        """
        stem = "id" if name is None else f"field.{name}"
        if name is not None and (
            self._kinds.get(name) != TEXT or f"{stem}.present" in self._arrays
        ):
            return docs_D
        offsets = self._arrays[f"{stem}.offsets"].whole()
        joined = self._arrays[f"{stem}.bytes"].whole()
        docs_D = docs_D[offsets[docs_D + 1] - offsets[docs_D] >= len(prefix)]
        for place, byte in enumerate(prefix):
            docs_D = docs_D[joined[offsets[docs_D] + place] == byte]
        return docs_D

    def value(self, name: str, document: int) -> FieldValue:
        """Return a field of one document, ``None`` if it does not have it."""
        kind = self._kinds.get(name)
        return None if kind is None else read_value(name, kind, self._arrays, document)


def _where(present_D: Mask | None, values: list[T]) -> list[T | None]:
    """Return values where they are present, ``None`` elsewhere."""
    if present_D is None:
        return list(values)
    return [value if there else None
            for value, there in zip(values, present_D.tolist(), strict=True)]  # fmt: skip


def _texts_at(prefix: str, arrays: Mapping[str, CheckedArray], places_D: Places) -> list[bytes]:
    """Return some of the byte strings that are stored under a prefix."""
    offsets, joined = arrays[f"{prefix}.offsets"], arrays[f"{prefix}.bytes"]
    starts, ends = offsets.at(places_D).tolist(), offsets.at(places_D + 1).tolist()
    if joined.is_sound:  # many searches ask for a few ids each
        data = joined.values.data
        return [bytes(data[start:end]) for start, end in zip(starts, ends, strict=True)]
    return [joined.part(start, end).tobytes() for start, end in zip(starts, ends, strict=True)]
