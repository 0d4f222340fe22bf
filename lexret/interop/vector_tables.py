"""Tables of sparse vectors in Parquet, which ``lexret export parquet`` and ``lexret encode`` write.

A row is a picture: ``id`` string, ``indices`` list of int32 (numbers of words, rising), ``values``
list of float32 (their weights), ``words`` list of string (may be left out), ``fields`` struct. The
schema's metadata, under names that begin with ``lexret.``, says which model and vocabulary the
vectors are of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lexret.engine.store.columns import FieldValue
from lexret.errors import CorruptError, InputError, MissingPackageError
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

INSTALL_PARQUET: Final = "pip install 'lexret[parquet]'"
TEXTS: Final = "texts"
"""Type of a field whose text is a list of one entry a line."""
MODEL_ID: Final = "model_id"
FINGERPRINT: Final = "vocabulary_fingerprint"
_OF_LEXRET: Final = "lexret."
_ROWS_AT_ONCE: Final = 1024


@dataclass(frozen=True)
class VectorRows:
    """Rows of a table of sparse vectors.

    Attributes:
        ids: of the pictures.
        vectors: one a picture.
        fields: name -> one value a picture; lists are texts of one entry a line.
    """

    ids: Sequence[str]
    vectors: SparseBatch
    fields: Mapping[str, Sequence[FieldValue]]


def pyarrow(advice: str = INSTALL_PARQUET) -> tuple[Any, Any]:
    """Return pyarrow and its module that knows Parquet.

    Args:
        advice: what installs it, and what else helps.

    Raises:
        MissingPackageError: if it is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingPackageError(
            f"Parquet needs the package pyarrow, which is not installed: {advice}."
        ) from error
    return pa, parquet


def table_schema(
    types: Mapping[str, str], *, with_words: bool, about: Mapping[str, str]
) -> pa.Schema:
    """Return the schema of a table.

    Args:
        types: fields: name -> ``int64``, ``float64``, ``text`` or ``texts``.
        with_words: whether the words stand beside their numbers.
        about: what its metadata says.
    """
    pa, _ = pyarrow()
    kinds = {"int64": pa.int64(), "float64": pa.float64(), "text": pa.string()}
    kinds[TEXTS] = pa.list_(pa.string())
    columns = [
        pa.field("id", pa.string(), nullable=False),
        pa.field("indices", pa.list_(pa.int32()), nullable=False),
        pa.field("values", pa.list_(pa.float32()), nullable=False),
    ]
    if with_words:
        columns.append(pa.field("words", pa.list_(pa.string()), nullable=False))
    if types:  # Parquet has no struct without fields
        fields = pa.struct([(name, kinds[kind]) for name, kind in types.items()])
        columns.append(pa.field("fields", fields))
    metadata = {f"{_OF_LEXRET}{name}": value for name, value in about.items()}
    return pa.schema(columns, metadata=metadata)


def write_rows(path: Path, rows: VectorRows, schema: pa.Schema) -> None:
    """Write a table of some rows, without words, with a checksum for every page.

    Raises:
        OSError: if writing fails.
    """
    pa, parquet = pyarrow()
    offsets = pa.array(rows.vectors.indptr.astype(np.int32))
    columns = [
        pa.array(rows.ids, pa.string()),
        pa.ListArray.from_arrays(offsets, pa.array(rows.vectors.term_ids)),
        pa.ListArray.from_arrays(offsets, pa.array(rows.vectors.weights)),
    ]
    if "fields" in schema.names:
        kind = schema.field("fields").type
        members = [
            pa.array(_as_lists(rows.fields[member.name], member.type), member.type)
            for member in (kind.field(place) for place in range(kind.num_fields))
        ]
        columns.append(pa.StructArray.from_arrays(members, fields=list(kind)))
    table = pa.Table.from_arrays(columns, schema=schema)
    with path.open("wb") as file:
        parquet.write_table(table, file, compression="zstd", write_page_checksum=True)


def _as_lists(values: Sequence[FieldValue], kind: Any) -> Sequence[object]:
    pa, _ = pyarrow()
    if not pa.types.is_list(kind):
        return values
    return [value.split("\n") if isinstance(value, str) else None for value in values]


def read_about(path: Path) -> dict[str, str]:
    """Return what the metadata of a table's schema says; reads the end of the file alone.

    Raises:
        CorruptError: if the file is no whole Parquet file, or none of lexret.
        MissingPackageError: if pyarrow is not installed.
    """
    pa, parquet = pyarrow()
    try:
        metadata = parquet.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CorruptError(f"{path} cannot be read: {error}.") from error
    prefix = _OF_LEXRET.encode()
    found = {
        name.removeprefix(prefix).decode(): value.decode("utf-8")
        for name, value in metadata.items()
        if name.startswith(prefix)
    }
    if MODEL_ID not in found:
        raise CorruptError(f"{path} does not say which model its vectors are of.")
    return found


def read_rows(path: Path, vocabulary: Vocabulary) -> Iterator[VectorRows]:
    """Yield the rows of a table, some at a time, in their order.

    Raises:
        CorruptError: if the file is damaged, or does not hold vectors of the vocabulary.
        MissingPackageError: if pyarrow is not installed.
    """
    pa, parquet = pyarrow()
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
                yield _rows_of(batch, vocabulary)
    except (pa.ArrowException, OSError, KeyError, TypeError, InputError) as error:
        raise CorruptError(f"{path} cannot be read: {error}.") from error


def _rows_of(batch: Any, vocabulary: Vocabulary) -> VectorRows:
    indices, values = batch.column("indices"), batch.column("values")
    indptr = _offsets(indices)
    if not np.array_equal(indptr, _offsets(values)):
        raise InputError("there are not as many weights as words")
    vectors = SparseBatch(
        indptr,
        indices.flatten().to_numpy().astype(np.int32),
        values.flatten().to_numpy().astype(np.float32),
        vocabulary,
    )
    ids = batch.column("id").to_pylist()
    if not all(isinstance(doc_id, str) and doc_id for doc_id in ids):
        raise InputError("a picture has no id")
    if "fields" not in batch.schema.names:
        return VectorRows(ids, vectors, {})
    fields = batch.column("fields")
    names = [member.name for member in fields.type]
    return VectorRows(ids, vectors, {name: _texts(fields.field(name)) for name in names})


def _offsets(lists: Any) -> Any:
    if lists.null_count:
        raise InputError("a picture has no vector")
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0]


def _texts(column: Any) -> list[FieldValue]:
    """Return a column's values, lists as texts of one entry a line."""
    values = column.to_pylist()
    return ["\n".join(value) if isinstance(value, list) else value for value in values]
