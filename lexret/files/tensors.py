"""Tensors of a safetensors file as memory maps: nothing is copied, only what is used is read.

The `safetensors` package copies every tensor, and to import it takes time, which a search from the
shell does without. The format: the header's length (8 bytes, little-endian), the header as JSON
(name -> type, shape, first and last byte + 1), then the tensors one behind the other
(https://github.com/huggingface/safetensors, section "Format").
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

_DTYPES: Final = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
_METADATA: Final = "__metadata__"
_SIZE_BYTES: Final = 8


class TensorFile(NamedTuple):
    """Contents of a safetensors file: its metadata and its read-only arrays by name."""

    metadata: Mapping[str, str]
    arrays: dict[str, npt.NDArray[Any]]


def map_tensors(path: Path) -> TensorFile:
    """Open all tensors of a safetensors file, read-only and memory-mapped.

    Replace such a file, do not change it in place: the arrays show what is in it.

    Raises:
        ValueError: if it is no safetensors file, is cut short, or holds a type that numpy lacks.
        OSError: if it cannot be opened.
    """
    with path.open("rb") as file:
        size = int.from_bytes(file.read(_SIZE_BYTES), "little")
        file.seek(0, 2)
        start, end = _SIZE_BYTES + size, file.tell()
        if not 0 < size <= end - _SIZE_BYTES:
            raise ValueError(f"its header of {size} bytes does not fit into its {end} bytes")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    header = json.loads(mapped[_SIZE_BYTES:start])
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict):
        raise ValueError("its metadata are no JSON object")
    return TensorFile(
        metadata, {name: _array(name, entry, mapped, start) for name, entry in header.items()}
    )


def _array(name: str, entry: Any, mapped: mmap.mmap, start: int) -> npt.NDArray[Any]:
    """Return one tensor of a file whose data begin at ``start``."""
    try:
        dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), tuple(map(int, entry["shape"]))
        first, last = map(int, entry["data_offsets"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the header says of {name!r} what cannot be read: {error!r}") from error
    count = math.prod(shape)
    fits = min((0, *shape)) == 0 and 0 <= first <= last <= len(mapped) - start
    if not fits or last - first != count * dtype.itemsize:
        raise ValueError(
            f"{name!r} of shape {shape} takes the bytes {first} to {last} of {len(mapped) - start}"
        )
    if not count:
        return np.zeros(shape, dtype)
    return np.frombuffer(mapped, dtype, count, start + first).reshape(shape)
