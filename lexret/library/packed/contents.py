"""Reads the bytes of pictures that lie in a tar shard or a Parquet file, by their places in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lexret.errors import CorruptError, MissingError, StorageError
from lexret.library.packed.parquet_pictures import read_pictures

PackedKind = Literal["shards", "parquet"]


@dataclass(frozen=True, slots=True)
class PackedPlace:
    """Place of a picture in a file of many.

    Attributes:
        start: where it begins in a shard, in bytes; its row in a Parquet file.
        size: in a shard, in bytes.
    """

    start: int
    size: int


def read_packed(kind: PackedKind, file: Path, places: Sequence[PackedPlace]) -> Iterator[bytes]:
    """Yield the bytes of pictures in a file of many.

    Args:
        places: in a Parquet file, by rising rows.

    Raises:
        MissingError, StorageError: if the file is not there or cannot be read.
        CorruptError: if it has changed, or is damaged.
        InputError: if a Parquet file has no column of pictures.
        MissingPackageError: if pyarrow is not installed, for a Parquet file.
    """
    try:
        if kind == "shards":
            yield from _read_shard(file, places)
        else:
            yield from read_pictures(file, [place.start for place in places])
    except FileNotFoundError as error:
        raise MissingError(f"{file} is not there any more.", path=file) from error
    except OSError as error:
        raise StorageError(f"{file} cannot be read: {error}.") from error


def _read_shard(path: Path, places: Sequence[PackedPlace]) -> Iterator[bytes]:
    with path.open("rb") as file:
        for place in places:
            file.seek(place.start)
            content = file.read(place.size)
            if len(content) != place.size:
                raise CorruptError(f"{path} was cut short or replaced since it was listed.")
            yield content
