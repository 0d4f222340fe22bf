"""Reads dictionaries of the DICT server (dictd), as FreeDict publishes them.

The index, ``NAME.index``, has a line for each headword: the word, where its entry begins and how
long it is, both numbers in base 64, with tabs between (manual page dictfmt(1)). The entries in
``NAME.dict`` are UTF-8 text, often compressed by dictzip, whose files gzip reads.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lexret.errors import CorruptError, MissingError
from lexret.language.dictionaries.entries import Entry, read_entry

INDEX: Final = ".index"
_DIGITS: Final = {
    sign: value
    for value, sign in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}
_ABOUT: Final = "00database", "00-database"


def read_dictd(index: Path) -> Iterator[Entry]:
    """Yield the entries of a dictionary.

    Args:
        index: the file ``NAME.index``; ``NAME.dict.dz`` or ``NAME.dict`` lies beside it.

    Raises:
        MissingError: if a file is missing.
        CorruptError: if one is damaged.
    """
    text = read_compressed(index.with_suffix(".dict"))
    try:
        lines = index.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise MissingError(f"There is no index {index} of a dictionary.") from error
    except UnicodeDecodeError as error:
        raise CorruptError(f"{index} is not UTF-8 text: {error}.") from error
    for number, line in enumerate(lines, start=1):
        fields = line.split("\t")
        if fields[0].startswith(_ABOUT):
            continue
        try:
            start, length = _number(fields[1]), _number(fields[2])
        except (IndexError, KeyError) as error:
            raise CorruptError(
                f"{index}, line {number}: expected a word and two numbers in base 64, found "
                f"{line[:60]!r}"
            ) from error
        if start + length > len(text):
            raise CorruptError(f"{index}, line {number}: the entry lies beyond the end of the text")
        word = fields[3] if len(fields) > 3 and fields[3] else fields[0]
        entry = read_entry(word, text[start : start + length].decode("utf-8", "replace"))
        if entry is not None:
            yield entry


def read_compressed(file: Path) -> bytes:
    """Read a file, or the one beside it whose name ends with ``.dz`` or ``.gz``.

    Raises:
        MissingError: if there is none.
        CorruptError: if it cannot be decompressed.
    """
    for candidate in (file, *(file.with_name(file.name + end) for end in (".dz", ".gz"))):
        if candidate.is_file():
            data = candidate.read_bytes()
            if not data.startswith(b"\x1f\x8b"):
                return data
            try:
                return gzip.decompress(data)
            except (OSError, EOFError, zlib.error) as error:
                raise CorruptError(f"{candidate} cannot be decompressed: {error}.") from error
    raise MissingError(f"There is no file {file}, nor one that ends with .dz or .gz.")


def _number(digits: str) -> int:
    value = 0
    for sign in digits:
        value = 64 * value + _DIGITS[sign]
    return value
