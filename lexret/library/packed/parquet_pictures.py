"""Parquet files that hold pictures' bytes, as collections of pictures are shared.

A column of pictures is of type binary, or a struct with a member ``bytes``, as the package
``datasets`` writes it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from lexret.errors import CorruptError, InputError
from lexret.interop.vector_tables import pyarrow

# Where several columns could be it.
_LIKELY: Final = ("image", "picture", "photo", "img", "jpg", "jpeg", "png", "webp", "bytes")
_ROWS_AT_ONCE: Final = 32


def count_rows(path: Path) -> int:
    """Return how many rows a file has; it must have a column of pictures.

    Raises:
        CorruptError: if it is no whole Parquet file.
        InputError: if it has no column of pictures, or several that may be it.
        MissingPackageError: if pyarrow is not installed.
    """
    with _opened(path) as file:
        picture_column(file.schema_arrow, path)
        return int(file.metadata.num_rows)


def picture_column(schema: Any, path: Path) -> str:
    """Return the name of the column that holds pictures.

    Raises:
        InputError: if there is none, or several that may be it.
    """
    pa, _ = pyarrow()
    found = [field.name for field in schema if _holds_bytes(pa, field.type)]
    likely = [name for name in _LIKELY if name in found]
    if likely or len(found) == 1:
        return str((likely or found)[0])
    named = ", ".join(schema.names)
    if not found:
        raise InputError(
            f"{path} has no column of pictures: none of its columns ({named}) holds bytes, or a "
            "struct with a member 'bytes'."
        )
    raise InputError(
        f"{path} has several columns that may hold pictures ({', '.join(found)}); call the right "
        "one 'image'."
    )


def _holds_bytes(pa: Any, kind: Any) -> bool:
    if pa.types.is_struct(kind):
        names = [member.name for member in kind]
        return "bytes" in names and _holds_bytes(pa, kind.field("bytes").type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def read_pictures(path: Path, rows: Sequence[int]) -> Iterator[bytes]:
    """Yield the bytes of the pictures in some rows; of a row without one, none.

    Args:
        rows: rising numbers, from 0.

    Raises:
        CorruptError: if the file is damaged or has fewer rows.
    """
    if not rows:
        return
    wanted = deque(rows)
    with _opened(path) as file:
        column = picture_column(file.schema_arrow, path)
        groups, start = _groups(file, rows[0], rows[-1], path)
        for batch in file.iter_batches(_ROWS_AT_ONCE, row_groups=groups, columns=[column]):
            while wanted and wanted[0] < start + len(batch):
                yield _bytes_of(batch.column(0)[wanted.popleft() - start].as_py())
            if not wanted:
                return
            start += len(batch)


def _bytes_of(value: object) -> bytes:
    content = value.get("bytes") if isinstance(value, dict) else value
    return content if isinstance(content, bytes) else b""


def _groups(file: Any, first: int, last: int, path: Path) -> tuple[list[int], int]:
    """Return the row groups that hold some rows, and the first row of them."""
    groups: list[int] = []
    start = begin = 0
    for number in range(file.metadata.num_row_groups):
        end = start + file.metadata.row_group(number).num_rows
        if end > first and start <= last:
            if not groups:
                begin = start
            groups.append(number)
        start = end
    if last >= start:
        raise CorruptError(f"{path} has fewer rows than when it was listed.")
    return groups, begin


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    pa, parquet = pyarrow()
    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the system's own: the file is gone or cannot be read
        raise CorruptError(f"{path} is damaged or no Parquet file: {error}.") from error
