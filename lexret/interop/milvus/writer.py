"""Writer of an index whose vectors go to Milvus: the commit is that of the index folder.

Rows are written before the commit, under numbers that no picture has yet, and rows that no picture
has any more are deleted after it. Whenever a writer ends, the last commit has all of its rows; the
next writer deletes what belongs to none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Final

import numpy as np

from lexret.engine.corrections.corrections import ChangeOfCorrections
from lexret.engine.segments.manifest import BackendEntry
from lexret.engine.store.columns import FieldValue
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import BackendError, InputError
from lexret.interop.engines.shared import FIELD
from lexret.interop.milvus.collection import MilvusCollection
from lexret.interop.milvus.index import MilvusIndex
from lexret.interop.milvus.place import NAME, ROW, MilvusPlace, checked_uri
from lexret.interop.milvus.rows import first_row, row_of
from lexret.sparse import LexicalVector, SparseBatch

MAX_WAITING_WEIGHTS: Final = 1 << 20


class MilvusIndexWriter(EmbeddedIndexWriter):
    """Writer of an index whose vectors go to Milvus; see :class:`EmbeddedIndexWriter`.

    Raises:
        BackendError: from all that changes the index, if Milvus does not answer.
        MismatchError: if the collection is another index's.
    """

    backend_name: ClassVar[str | None] = NAME

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._count = 0
        # Rows that are not in Milvus yet, and the rows of documents since the last commit.
        self._waiting: dict[int, dict[str, Any]] = {}
        self._num_waiting = 0
        self._fresh: dict[str, int | None] = {}
        self._dead: list[int] = []

    @cached_property
    def collection(self) -> MilvusCollection:
        """The collection; that of a new index is made when it is first asked for."""
        manifest, backend = self.manifest, self._backend
        collection = MilvusCollection(
            MilvusPlace.of(backend), manifest.num_words, may_be_new=self._commits.is_new
        )
        fingerprint = manifest.vocabulary_fingerprint
        if self._commits.is_new:
            before = self._replaced()
            used = None if before is None else before.values.get("owner")
            collection.create(
                model_id=manifest.model_id, fingerprint=fingerprint, folder=self.path, used=used
            )
        collection.check(model_id=manifest.model_id, fingerprint=fingerprint)
        return collection

    @property
    def _backend(self) -> BackendEntry:
        backend = self.manifest.backend
        if backend is None:
            raise InputError(f"The index at {self.path} records no place in Milvus.")
        return backend

    def _replaced(self) -> BackendEntry | None:
        """Return where the vectors are of the index that this one replaces, if they are in one."""
        before = type(self.manifest).load_if_sound(self.path)
        return None if before is None else before.backend

    def snapshot(self) -> MilvusIndex:
        """Open the index as last committed, without corrections."""
        return MilvusIndex(self.path, manifest=self.manifest, collection=self.collection)

    @cached_property
    def _before(self) -> MilvusIndex | None:
        """The last commit; ``None`` before the first."""
        return None if self._commits.is_new else self.snapshot()

    def add(
        self,
        doc_ids: Sequence[str],
        batch: SparseBatch,
        *,
        fields: Mapping[str, Sequence[FieldValue]] | None = None,
    ) -> None:
        """Add one document per row; see :meth:`EmbeddedIndexWriter.add`.

        Raises:
            InputError: also if Milvus cannot hold an id, a weight or a field.
        """
        fields = {name: values for name, values in (fields or {}).items() if name != ROW}
        if len(doc_ids) != len(batch):
            raise InputError(f"{len(doc_ids)} document ids stand beside {len(batch)} vectors.")
        rows: dict[int, dict[str, Any]] = {}
        numbers: list[int | None] = []
        for place, (doc_id, vector) in enumerate(zip(doc_ids, batch, strict=True)):
            values = {name: column[place] for name, column in fields.items()}
            number = self._next_row() if len(vector) else None
            if number is not None:
                rows[number] = row_of(number, doc_id, vector, values)
            numbers.append(number)
        super().add(doc_ids, _without_words(batch), fields={**fields, ROW: numbers})
        for doc_id, number in zip(doc_ids, numbers, strict=True):
            self._forget(doc_id)
            self._fresh[doc_id] = number
        wanted = {number for number in self._fresh.values() if number is not None}
        for number, row in rows.items():
            if number in wanted:
                self._waiting[number] = row
                self._num_waiting += len(row[FIELD])
        if self._num_waiting > MAX_WAITING_WEIGHTS:
            self._send()

    def _next_row(self) -> int:
        self._count += 1
        return first_row(self._commits.next_generation) + self._count

    def _forget(self, doc_id: str) -> None:
        """Give up the row that a document has by now."""
        if doc_id in self._fresh:
            number = self._fresh.pop(doc_id)
        else:
            number = None if self._before is None else self._before.row_of(doc_id)
        if number is None:
            return
        waiting = self._waiting.pop(number, None)
        if waiting is None:
            self._dead.append(number)
        else:
            self._num_waiting -= len(waiting[FIELD])

    def delete(self, doc_ids: Sequence[str]) -> None:
        """Delete documents; see :meth:`EmbeddedIndexWriter.delete`."""
        super().delete(doc_ids)
        for doc_id in dict.fromkeys(doc_ids):
            self._forget(doc_id)
            self._fresh[doc_id] = None

    def commit(self, corrections: ChangeOfCorrections | None = None) -> None:
        """Make all changes since the last commit visible at once and durable.

        Raises:
            BackendError: if Milvus does not take them; they are dropped, the last commit stands.
            StorageError: if writing fails; likewise.
        """
        try:
            _ = self.collection  # that of an index without a picture is made, too
            self._send()
        except BaseException:
            self.rollback()
            raise
        super().commit(corrections)
        dead = self._dead
        self._settle()
        if dead:
            self.collection.delete(dead)

    def _send(self) -> None:
        self.collection.put(list(self._waiting.values()))
        self._waiting, self._num_waiting = {}, 0

    def _settle(self) -> None:
        self._waiting, self._num_waiting = {}, 0
        self._fresh, self._dead = {}, []
        self.__dict__.pop("_before", None)

    def rollback(self) -> None:
        """Drop all changes since the last commit; rows that were written are deleted later."""
        super().rollback()
        self._settle()

    def move_to(self, uri: str) -> None:
        """Record where Milvus is by now; the collection there must be this index's.

        Raises:
            InputError: if the URI cannot be used.
            BackendError, MismatchError: if the collection is not there, or another index's.
            StorageError: if writing fails.
        """
        place = replace(MilvusPlace.of(self._backend), uri=checked_uri(uri))
        if place.entry() == self._backend:
            return
        manifest = self.manifest
        collection = MilvusCollection(place, manifest.num_words)
        fingerprint = manifest.vocabulary_fingerprint
        collection.check(model_id=manifest.model_id, fingerprint=fingerprint)
        self._commits.record(replace(manifest, backend=place.entry()))
        self.__dict__.pop("collection", None)
        self.__dict__.pop("_before", None)

    def remove_strays(self) -> int:
        """Delete the rows that belong to no picture, as an ended writer may leave; return how many.

        Raises:
            BackendError: if a picture's row is missing.
        """
        known = self.snapshot().rows()
        strays, missing = self.collection.differences(known)
        if missing:
            raise BackendError(
                f"{self.collection.place} lacks the vectors of {len(missing):,} pictures of the "
                f"index at {self.path}. Make it anew: lexret index --rebuild."
            )
        self.collection.delete(strays)
        return len(strays)


def _without_words(batch: SparseBatch) -> SparseBatch:
    empty = LexicalVector(np.empty(0, np.int32), np.empty(0, np.float32), batch.vocabulary)
    return SparseBatch.from_vectors([empty] * len(batch), batch.vocabulary)
