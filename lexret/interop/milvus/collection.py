"""Collection of Milvus that holds the vectors of one index.

Its first rows are lexret's own: a record of the index that it belongs to, and a canary, a few
vectors of words that no picture has, whose inner products are known. Some releases of Milvus Lite
answer with other scores than those that were asked for; the canary tells.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lexret.errors import BackendError, MismatchError
from lexret.interop.engines.milvus import INDEX_PARAMS, MAX_HITS, MAX_ID_BYTES
from lexret.interop.engines.shared import FIELD
from lexret.interop.milvus.client import (
    SECONDS,
    SECONDS_TO_LOAD,
    connect,
    milvus_errors,
)
from lexret.interop.milvus.place import MilvusPlace
from lexret.interop.milvus.rows import FIRST_ROW, LAST_ROW
from lexret.interop.milvus.weights import Weights

_RECORD: Final = 0
_RECORD_WORD: Final = 100
# Row -> words beyond the vocabulary, counted from its end -> weights.
_CANARY: Final[Mapping[int, Mapping[int, float]]] = {
    1: {0: 0.5, 1: 1.0},
    2: {0: 2.0},
    3: {1: 0.25, 2: 3.0},
    4: {0: 1.0, 1: 1.0, 2: 1.0, 3: 0.125},
}
_ASKED: Final[Mapping[int, float]] = {0: 0.3, 1: 0.7}
_ROWS_COMPARED: Final = 5000
_ROWS_AT_ONCE: Final = 1000
_WEIGHTS_AT_ONCE: Final = 500_000
_EXACT: Final = {"metric_type": "IP", "params": {"drop_ratio_search": 0.0}}


class MilvusCollection:
    """Collection of one index; threads may share it.

    Args:
        place: where it is.
        num_words: size of the vocabulary; the words of lexret's own rows lie beyond.
        may_be_new: whether a file of Milvus Lite is made where there is none.

    Raises:
        MissingPackageError, BackendError: see :func:`lexret.interop.milvus.client.connect`.
        BackendError: also if the file is not there.
    """

    def __init__(self, place: MilvusPlace, num_words: int, *, may_be_new: bool = False) -> None:
        if place.is_file and not may_be_new and not Path(place.uri).exists():
            raise BackendError(
                f"{place} is no longer there: there is no such file. If it has moved, name it: "
                "lexret index --uri FILE.db. If it is lost, make it anew: lexret index --rebuild."
            )
        self.place, self._num_words = place, num_words
        self._client = connect(place.uri)
        self._name = place.collection

    def create(self, *, model_id: str, fingerprint: str, folder: Path, used: str | None) -> None:
        """Make the collection, empty but for lexret's own rows.

        One that an interrupted first run over the same folder left behind is made anew.

        Args:
            folder: of the index.
            used: the owner of the collection that the index in this folder has now, if any.

        Raises:
            MismatchError: if there is another one of that name.
            BackendError: if Milvus cannot make it.
        """
        from pymilvus import DataType, MilvusClient

        maker = f"{platform.node()}:{folder.resolve()}"
        with milvus_errors(self.place):
            exists = self._client.has_collection(self._name)
        if exists:
            record = self._record()
            if record.get("maker") != maker or record.get("owner") == used:
                raise MismatchError(
                    f"{self.place} exists already; name another with --collection, or leave it "
                    "out for a new name."
                )
            with milvus_errors(self.place):
                self._client.drop_collection(self._name, timeout=SECONDS)
        with milvus_errors(self.place):
            schema = MilvusClient.create_schema(description=f"lexret: {model_id}")
            schema.add_field("row", DataType.INT64, is_primary=True)
            schema.add_field("id", DataType.VARCHAR, max_length=MAX_ID_BYTES)
            schema.add_field(FIELD, DataType.SPARSE_FLOAT_VECTOR)
            schema.add_field("fields", DataType.JSON)
            indexes = self._client.prepare_index_params()
            indexes.add_index(**INDEX_PARAMS)
            self._client.create_collection(
                self._name,
                schema=schema,
                index_params=indexes,
                consistency_level="Strong",
                timeout=SECONDS,
            )
        record = {
            "owner": self.place.owner,
            "maker": maker,
            "model_id": model_id,
            "vocabulary_fingerprint": fingerprint,
            "num_words": self._num_words,
        }
        rows: list[dict[str, Any]] = [
            {"row": row, "id": "canary", FIELD: self._beyond(words), "fields": {}}
            for row, words in _CANARY.items()
        ]
        words = self._beyond({_RECORD_WORD: 1.0})
        self.put([*rows, {"row": _RECORD, "id": "lexret", FIELD: words, "fields": record}])

    def _beyond(self, words: Mapping[int, float]) -> dict[int, float]:
        return {self._num_words + word: weight for word, weight in words.items()}

    def check(self, *, model_id: str, fingerprint: str) -> None:
        """Hold the collection against its index, and its scores against those that are right.

        Raises:
            MismatchError: if it is another index's, or of another model or vocabulary.
            BackendError: if it is not there, or Milvus scores wrongly.
        """
        with milvus_errors(self.place):
            if not self._client.has_collection(self._name):
                raise BackendError(
                    f"{self.place} is no longer there. If it was dropped, make it anew: lexret "
                    "index --rebuild."
                )
        record = self._record()
        if record.get("owner") != self.place.owner:
            raise MismatchError(f"{self.place} belongs to another index.")
        mine = (model_id, fingerprint)
        if (record.get("model_id"), record.get("vocabulary_fingerprint")) != mine:
            raise MismatchError(
                f"{self.place} is of the model {record.get('model_id')}, the index of {model_id}."
            )
        self._ask_canary()

    def _record(self) -> dict[str, Any]:
        """Return what the collection says of itself; nothing where it is not lexret's."""
        with milvus_errors(self.place):
            fields = self._client.describe_collection(self._name)["fields"]
            if {field["name"] for field in fields} != {"row", "id", FIELD, "fields"}:
                return {}
            self._client.load_collection(self._name, timeout=SECONDS_TO_LOAD)
        found = self._query([_RECORD], ["row", "fields"])
        return dict(found[0]["fields"]) if found else {}

    def _ask_canary(self) -> None:
        expected = {
            row: sum(words.get(word, 0.0) * weight for word, weight in _ASKED.items())
            for row, words in _CANARY.items()
        }
        (found,) = self.search(
            [self._beyond(_ASKED)], limit=2 * len(_CANARY), seconds=SECONDS_TO_LOAD
        )
        told = dict(found)
        right = told.keys() == expected.keys() and all(
            abs(told[row] - score) <= 1e-5 for row, score in expected.items()
        )
        if not right:
            raise BackendError(
                f"{self.place} scores wrongly: it gave {told}, expected {expected}. Such is known "
                "of Milvus Lite 3.1.1 and 3.2.1; use another release. Nothing is searched."
            )

    def search(
        self,
        queries: Sequence[Mapping[int, float]],
        *,
        limit: int,
        expression: str = "",
        seconds: float = SECONDS,
    ) -> list[list[tuple[int, float]]]:
        """Return the rows of the greatest inner products with each query, the greatest first.

        Args:
            queries: none of them empty.
            limit: at most so many for each.
            expression: what the rows must meet, as Milvus says it.
            seconds: how long it may take.
        """
        with milvus_errors(self.place):
            found = self._client.search(
                self._name,
                data=[dict(query) for query in queries],
                anns_field=FIELD,
                limit=min(limit, MAX_HITS),
                filter=expression,
                output_fields=["row"],
                search_params=_EXACT,
                consistency_level="Strong",
                timeout=seconds,
            )
        return [[(int(hit["row"]), float(hit["distance"])) for hit in hits] for hits in found]

    def vectors(self, rows: Sequence[int]) -> dict[int, Weights]:
        """Return the vectors of rows; those that are not there are left out."""
        found: dict[int, Weights] = {}
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            for hit in self._query(rows[start : start + _ROWS_AT_ONCE], ["row", FIELD]):
                words = sorted(hit[FIELD].items())
                term_ids = np.array([word for word, _ in words], np.int32)
                weights = np.array([weight for _, weight in words], np.float32)
                found[int(hit["row"])] = (term_ids, weights)
        return found

    def _query(self, rows: Sequence[int], fields: list[str]) -> list[dict[str, Any]]:
        with milvus_errors(self.place):
            found: list[dict[str, Any]] = self._client.query(
                self._name,
                ids=list(rows),
                output_fields=fields,
                consistency_level="Strong",
                timeout=SECONDS,
            )
        return found

    def put(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows, replacing those of the same numbers; durable when it returns."""
        batch: list[Mapping[str, Any]] = []
        num_weights = 0
        for row in rows:
            batch.append(row)
            num_weights += len(row[FIELD])
            if len(batch) >= _ROWS_AT_ONCE or num_weights >= _WEIGHTS_AT_ONCE:
                self._upsert(batch)
                batch, num_weights = [], 0
        if batch:
            self._upsert(batch)

    def _upsert(self, batch: Sequence[Mapping[str, Any]]) -> None:
        with milvus_errors(self.place):
            told = self._client.upsert(self._name, [dict(row) for row in batch], timeout=SECONDS)
        if told.get("upsert_count") != len(batch):
            raise BackendError(f"{self.place} took {told} of {len(batch)} rows.")

    def delete(self, rows: Sequence[int]) -> None:
        """Delete rows; those that are not there do not matter."""
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            ids = list(rows[start : start + _ROWS_AT_ONCE])
            with milvus_errors(self.place):
                self._client.delete(self._name, ids=ids, timeout=SECONDS)

    def __len__(self) -> int:
        """Number of pictures' rows."""
        return self._count(FIRST_ROW, LAST_ROW)

    def differences(self, known: npt.NDArray[np.int64]) -> tuple[list[int], list[int]]:
        """Return the rows that are here and should not be, and those that should be and are not.

        Ranges of numbers that hold as many rows as they should are not looked at.

        Args:
            known: the rows that should be here, rising.
        """
        strays: list[int] = []
        missing: list[int] = []
        ranges = [(FIRST_ROW, LAST_ROW)]
        while ranges:
            first, last = ranges.pop()
            wanted = known[np.searchsorted(known, first) : np.searchsorted(known, last, "right")]
            number = self._count(first, last)
            if number == len(wanted):
                continue
            if number > _ROWS_COMPARED:
                middle = first + (last - first) // 2
                ranges += [(first, middle), (middle + 1, last)]
                continue
            found = np.array(sorted(self._rows_between(first, last)), np.int64)
            strays += np.setdiff1d(found, wanted).tolist()
            missing += np.setdiff1d(wanted, found).tolist()
        return strays, missing

    def _count(self, first: int, last: int) -> int:
        with milvus_errors(self.place):
            (found,) = self._client.query(
                self._name,
                filter=f"row >= {first} and row <= {last}",
                output_fields=["count(*)"],
                consistency_level="Strong",
                timeout=SECONDS,
            )
        return int(found["count(*)"])

    def _rows_between(self, first: int, last: int) -> list[int]:
        with milvus_errors(self.place):
            found = self._client.query(
                self._name,
                filter=f"row >= {first} and row <= {last}",
                output_fields=["row"],
                limit=MAX_HITS,
                consistency_level="Strong",
                timeout=SECONDS,
            )
        return [int(hit["row"]) for hit in found]

    def drop(self) -> None:
        """Drop the collection, if it is this index's."""
        with milvus_errors(self.place):
            if not self._client.has_collection(self._name):
                return
        if self._record().get("owner") == self.place.owner:
            with milvus_errors(self.place):
                self._client.drop_collection(self._name, timeout=SECONDS)
