"""Sealed JSON: files of JSON that end with the CRC-32 of all that stands before it.

Text editors and parsers take them for the JSON objects that they are; the last field, ``crc32``,
belongs to the file and not to its values. A sealed file that must not be lost has a copy beside it.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lexret.files.text import parse_json
from lexret.files.whole import replace_file

_END: Final = "\n}"
_SEAL: Final = re.compile(rb',\n "crc32": "([0-9a-f]{8})"\n}\n\Z')


def seal(values: Mapping[str, Any], *, ascii_only: bool = True) -> bytes:
    """Return the bytes of a sealed file that holds some values, of which there is at least one.

    Args:
        ascii_only: write other letters as escapes; otherwise halves of surrogate pairs are written
            as if they were letters.
    """
    text = json.dumps(values, indent=1, ensure_ascii=ascii_only).removesuffix(_END)
    body = text.encode("utf-8", "surrogatepass")
    return body + f',\n "crc32": "{zlib.crc32(body):08x}"{_END}\n'.encode()


def unseal(data: bytes) -> tuple[Any, bool]:
    """Return what a file of JSON holds, and whether it was sealed.

    Raises:
        ValueError: if it was changed since it was sealed, or is not JSON.
    """
    found = _SEAL.search(data)
    if found is not None:
        crc = zlib.crc32(data[: found.start()])
        if crc != int(found[1], 16):
            raise ValueError(f"its checksum is {crc:08x}, but it ends with {found[1].decode()}")
    values = parse_json(data)
    if found is not None and isinstance(values, dict):
        values.pop("crc32", None)
    return values, found is not None


def unseal_version(data: bytes, name: str, *versions: int) -> Any:
    """Return what a sealed file of one format holds, in one of some versions.

    Raises:
        ValueError: if it was changed, is not sealed, or is of another format or version.
    """
    values, is_sealed = unseal(data)
    try:
        head = (values["format"], values["version"])
    except (TypeError, KeyError) as error:
        raise ValueError(f"{error!r} in its fields") from error
    if head not in [(name, version) for version in versions]:
        known = " or ".join(map(str, versions))
        raise ValueError(f"it is {head[0]!r} of version {head[1]!r}, expected {name!r} of {known}")
    if not is_sealed:
        raise ValueError("it does not end with its checksum")
    return values


def copy_of(path: Path) -> Path:
    """Return where the copy of a file lies: beside ``manifest.json``, ``manifest.copy.json``."""
    return path.with_name(f"{path.stem}.copy{path.suffix}")


def is_copied(path: Path) -> bool:
    """Whether a file and its copy are alike, as a write leaves them that was not cut off."""
    both = [file.read_bytes() if file.is_file() else None for file in (path, copy_of(path))]
    return both[0] == both[1]


def replace_with_copy(path: Path, data: bytes) -> None:
    """Replace a file and then its copy, each atomically: one of them is always whole.

    Raises:
        OSError: if one of them cannot be written; the file itself may have been replaced then.
    """
    replace_file(path, data)
    replace_file(copy_of(path), data)
