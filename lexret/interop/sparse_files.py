"""Exports of an index as sparse documents, in JSON Lines or Parquet, and how they are read.

OUT/documents.jsonl     {"id": ..., "indices": [...], "values": [...], "words": [...],
                         "fields": {...}}, one picture a line
OUT/documents.parquet   the same as columns, in groups of rows (:mod:`vector_tables`); `lexret
                         encode` writes such tables too, vectors/part-00000.parquet and so on
OUT/words.tsv           what the term t12, the word with the number 12, means
OUT/export.json         counts and model; written last

Pictures come in rising order of their ids, with corrections applied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from lexret.engine.index import EmbeddedIndex
from lexret.engine.vectors import CorrectedVectors
from lexret.errors import CorruptError, InputError, MissingError
from lexret.files.text import parse_json
from lexret.interop.export_files import RECORD_FILE, check_ids, new_folder, write_side_files
from lexret.interop.sparse_documents import (
    NO_FIELDS,
    FieldChoice,
    SparseDocument,
    sparse_documents,
)
from lexret.interop.vector_tables import (
    FINGERPRINT,
    INSTALL_PARQUET,
    MODEL_ID,
    TEXTS,
    pyarrow,
    table_schema,
)

Format = Literal["jsonl", "parquet"]
JSON_FILE: Final = "documents.jsonl"
PARQUET_FILE: Final = "documents.parquet"
TABLE_FOLDER: Final = "vectors"
_WITHOUT: Final = f"{INSTALL_PARQUET}; `lexret export jsonl` does without it"


@dataclass(frozen=True, slots=True)
class SparseExport:
    """Record of an export of sparse documents.

    Attributes:
        kind: ``jsonl`` or ``parquet``.
        num_words: the vocabulary's size, which is the number of dimensions.
        num_documents: documents written, including empty ones.
        num_empty: documents without words.
        num_postings: weights written.
        max_words: the most words of one document.
        fields: name of each exported field -> ``int64``, ``float64``, ``text`` or ``texts``.
    """

    kind: Format
    model_id: str
    vocabulary_fingerprint: str
    num_words: int
    num_documents: int
    num_empty: int
    num_postings: int
    max_words: int
    fields: Mapping[str, str]


def export_jsonl(
    index: EmbeddedIndex,
    folder: Path,
    *,
    choice: FieldChoice = NO_FIELDS,
    with_words: bool = True,
) -> SparseExport:
    """Write all live documents of an index as JSON Lines to a new folder.

    Args:
        choice: the fields to write.
        with_words: write the words beside their numbers.

    Raises:
        InputError: if the folder is not empty, an id or a field is not UTF-8, or the index has no
            such field.
        StorageError: if writing fails.
    """
    vectors, types = _checked(index, choice)
    counts = _Counts()
    with new_folder(folder) as fresh:
        with (fresh / JSON_FILE).open("w", encoding="utf-8") as file:
            for documents in sparse_documents(vectors, choice, with_words=with_words):
                counts.add(documents)
                file.writelines(_json_line(document, with_words) for document in documents)
        record = counts.record("jsonl", index, types)
        write_side_files(fresh, vectors, record)
    return record


def export_parquet(
    index: EmbeddedIndex,
    folder: Path,
    *,
    choice: FieldChoice = NO_FIELDS,
    with_words: bool = True,
) -> SparseExport:
    """Write all live documents of an index as Parquet to a new folder; see :func:`export_jsonl`.

    Columns: ``id`` string, ``indices`` list of int32, ``values`` list of float32, ``words`` list of
    string, ``fields`` struct.

    Raises:
        MissingPackageError: if pyarrow is not installed.
    """
    pa, parquet = pyarrow(_WITHOUT)
    vectors, types = _checked(index, choice)
    about = {MODEL_ID: index.model_id, FINGERPRINT: index.vocabulary.fingerprint}
    schema = table_schema(types, with_words=with_words, about=about)
    counts = _Counts()
    with new_folder(folder) as fresh:
        with parquet.ParquetWriter(fresh / PARQUET_FILE, schema, compression="zstd") as writer:
            for documents in sparse_documents(vectors, choice, with_words=with_words):
                counts.add(documents)
                rows = [_as_row(document, with_words) for document in documents]
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
        record = counts.record("parquet", index, types)
        write_side_files(fresh, vectors, record)
    return record


def read_export(folder: Path) -> SparseExport:
    """Read the record of an export of sparse documents.

    Raises:
        MissingError: if there is no whole export.
        CorruptError: if the record is damaged, or of another kind of export.
    """
    path = folder / RECORD_FILE
    try:
        values = parse_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingError(
            f"No export at {folder}: there is no {RECORD_FILE}; expected a folder that `lexret "
            "export jsonl`, `lexret export parquet` or `lexret encode` wrote to its end.",
            path=folder,
        ) from error
    except ValueError as error:
        raise CorruptError(f"{path} is not JSON: {error}.") from error
    kind = values.get("kind") if isinstance(values, dict) else None
    if kind not in ("jsonl", "parquet"):
        raise CorruptError(
            f"{path} is of an export of the kind {kind!r}; expected 'jsonl' or 'parquet'."
        )
    try:
        record = SparseExport(**values)
    except TypeError as error:
        raise CorruptError(f"{path} is incomplete or of another lexret: {error}.") from error
    counts = (record.num_words, record.num_documents, record.num_empty, record.num_postings)
    if not all(type(count) is int for count in (*counts, record.max_words)):
        raise CorruptError(f"{path} is damaged: a count in it is no whole number.")
    return record


def read_sparse_documents(folder: Path) -> Iterator[SparseDocument]:
    """Yield the documents of an export, in rising order of their ids.

    Raises:
        MissingError, CorruptError: see :func:`read_export`; or a line of it cannot be read.
        MissingPackageError: if it is Parquet, and pyarrow is not installed.
    """
    is_table = read_export(folder).kind == "parquet"
    rows, place = (
        (_parquet_rows, folder / PARQUET_FILE) if is_table else (_json_rows, folder / JSON_FILE)
    )
    for number, row in enumerate(rows(folder), start=1):
        yield _document(row, f"Picture {number} of {place}")


def _document(row: object, place: str) -> SparseDocument:
    """Return the document of a row; raises CorruptError where it is none."""
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        raise CorruptError(f"{place} has no id.")
    indices, values = row.get("indices"), row.get("values")
    words, fields = row.get("words") or [], row.get("fields") or {}
    is_whole = (
        isinstance(indices, list)
        and isinstance(values, list)
        and len(indices) == len(values)
        and all(type(index) is int for index in indices)
        and all(type(value) in (int, float) for value in values)
        and isinstance(words, list)
        and isinstance(fields, dict)
    )
    if not is_whole:
        raise CorruptError(
            f"{place} is damaged: expected as many indices, whole numbers, as values, numbers."
        )
    held = {name: value for name, value in fields.items() if value is not None}
    return SparseDocument(row["id"], row["indices"], row["values"], words, held)


class _Counts:
    """Counts of the documents that are written."""

    def __init__(self) -> None:
        self._num_documents = self._num_empty = self._num_postings = self._max_words = 0

    def add(self, documents: list[SparseDocument]) -> None:
        lengths = [len(document.indices) for document in documents]
        self._num_documents += len(lengths)
        self._num_empty += lengths.count(0)
        self._num_postings += sum(lengths)
        self._max_words = max([self._max_words, *lengths])

    def record(self, kind: Format, index: EmbeddedIndex, types: Mapping[str, str]) -> SparseExport:
        return SparseExport(
            kind=kind,
            model_id=index.model_id,
            vocabulary_fingerprint=index.vocabulary.fingerprint,
            num_words=len(index.vocabulary),
            num_documents=self._num_documents,
            num_empty=self._num_empty,
            num_postings=self._num_postings,
            max_words=self._max_words,
            fields=types,
        )


def _checked(index: EmbeddedIndex, choice: FieldChoice) -> tuple[CorrectedVectors, dict[str, str]]:
    """Return the vectors of an index, and the types of the chosen fields by their names."""
    missing = sorted(set(choice.columns.values()) - set(index.columns))
    if missing:
        raise InputError(
            f"The index has no field {missing[0]!r}; its fields: {', '.join(index.columns)}."
        )
    vectors = CorrectedVectors(index)
    check_ids(vectors)
    kinds = {name: index.columns[column] for name, column in choice.columns.items()}
    return vectors, {name: TEXTS if name in choice.lists else k for name, k in kinds.items()}


def _as_row(document: SparseDocument, with_words: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": document.doc_id,
        "indices": document.indices,
        "values": document.values,
    }
    if with_words:
        row["words"] = document.words
    return {**row, "fields": dict(document.fields)}


def _json_line(document: SparseDocument, with_words: bool) -> str:
    return json.dumps(_as_row(document, with_words), ensure_ascii=False, allow_nan=False) + "\n"


def _json_rows(folder: Path) -> Iterator[object]:
    path = folder / JSON_FILE
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                yield _json_row(line, number, path)
    except FileNotFoundError as error:
        raise MissingError(f"The export lacks {path}.", path=path) from error
    except UnicodeDecodeError as error:
        raise CorruptError(f"{path} is not UTF-8: {error}.") from error


def _json_row(line: str, number: int, path: Path) -> object:
    try:
        return parse_json(line)
    except ValueError as error:
        raise CorruptError(f"Line {number} of {path} is not JSON: {error}.") from error


def _parquet_rows(folder: Path) -> Iterator[object]:
    """Yield the rows of an export's one table, or of the tables that `lexret encode` wrote."""
    path, tables = folder / PARQUET_FILE, sorted((folder / TABLE_FOLDER).glob("*.parquet"))
    for table in tables if tables and not path.exists() else [path]:
        yield from _table_rows(table)


def _table_rows(path: Path) -> Iterator[object]:
    pa, parquet = pyarrow(_WITHOUT)
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                yield from batch.to_pylist()
    except FileNotFoundError as error:
        raise MissingError(f"The export lacks {path}.", path=path) from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CorruptError(f"{path} cannot be read: {error}.") from error
