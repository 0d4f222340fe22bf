"""Reads StarDict's dictionaries: ``.ifo``, ``.idx``, ``.dict`` and, where there is one, ``.syn``.

``.idx`` holds, for each headword, the word in UTF-8, a zero byte, and where its entry begins and
how long it is, as big-endian numbers of 4 bytes (8 for the first if ``idxoffsetbits`` is 64). The
``.ifo`` says in ``sametypesequence`` what an entry consists of; without it, each part is preceded
by its type. (StarDict's "Format for StarDict dictionary files", version 2.4.2 and 3.0.0.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from lexret.errors import CorruptError, InputError
from lexret.files.text import read_text
from lexret.language.dictionaries.dictd import read_compressed
from lexret.language.dictionaries.entries import Entry, read_entry

INFO: Final = ".ifo"
_MAGIC: Final = "StarDict's dict ifo file"
# Types whose part is text that may translate: plain, HTML, Pango, XDXF, locale-encoded, MediaWiki.
_TEXTS: Final = frozenset("mghxlw")


def read_stardict(info: Path) -> Iterator[Entry]:
    """Yield the entries of a dictionary.

    Args:
        info: the file ``NAME.ifo``; the others lie beside it.

    Raises:
        MissingError: if a file is missing.
        CorruptError: if one is damaged or not of this format.
    """
    settings = _settings(info)
    bits = settings.get("idxoffsetbits", "32")
    if bits not in ("32", "64"):
        raise CorruptError(f"{info}: idxoffsetbits is {bits!r}; expected 32 or 64.")
    text = read_compressed(info.with_suffix(".dict"))
    places = list(_places(info, int(bits) // 8))
    types = settings.get("sametypesequence", "")
    for word, start, length in [*places, *_synonyms(info, places)]:
        if start + length > len(text):
            raise CorruptError(f"{info}: the entry of {word!r} lies beyond the end of the text")
        for part in _parts(text[start : start + length], types):
            entry = read_entry(word, part)
            if entry is not None:
                yield entry


def dictionary_name(info: Path) -> str:
    """Return what a dictionary calls itself."""
    return _settings(info).get("bookname", info.stem)


def _settings(info: Path) -> Mapping[str, str]:
    try:
        lines = read_text(info, what="dictionary").splitlines()
    except InputError as error:
        raise CorruptError(str(error)) from error
    if not lines or lines[0].strip() != _MAGIC:
        raise CorruptError(f"{info} is no StarDict dictionary: it does not begin with {_MAGIC!r}.")
    pairs = (line.partition("=") for line in lines[1:] if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _places(info: Path, offset_bytes: int) -> Iterator[tuple[str, int, int]]:
    """Yield each headword, and where its entry begins and how long it is."""
    index = read_compressed(info.with_suffix(".idx"))
    place = 0
    while place < len(index):
        end = index.find(b"\0", place)
        numbers = index[end + 1 : end + 1 + offset_bytes + 4]
        if end < 0 or len(numbers) < offset_bytes + 4:
            raise CorruptError(f"{info.with_suffix('.idx')} ends within an entry.")
        word = index[place:end].decode("utf-8", "replace")
        start = int.from_bytes(numbers[:offset_bytes], "big")
        yield word, start, int.from_bytes(numbers[offset_bytes:], "big")
        place = end + 1 + offset_bytes + 4


def _synonyms(info: Path, places: list[tuple[str, int, int]]) -> Iterator[tuple[str, int, int]]:
    """Yield the other headwords of entries, as the file of synonyms tells them."""
    file = info.with_suffix(".syn")
    content = file.read_bytes() if file.is_file() else b""
    place = 0
    while place < len(content):
        end = content.find(b"\0", place)
        number = int.from_bytes(content[end + 1 : end + 5], "big")
        if end < 0 or end + 5 > len(content) or number >= len(places):
            raise CorruptError(f"{file} is damaged at byte {place}.")
        word = content[place:end].decode("utf-8", "replace")
        yield (word, *places[number][1:])
        place = end + 5


def _parts(data: bytes, types: str) -> Iterator[str]:
    """Yield the parts of an entry that are text."""
    if types:
        for number, kind in enumerate(types):
            last = number == len(types) - 1
            part, data = _part(data, kind, to_the_end=last)
            if kind in _TEXTS:
                yield part.decode("utf-8", "replace")
        return
    while data:
        kind, data = chr(data[0]), data[1:]
        part, data = _part(data, kind, to_the_end=False)
        if kind in _TEXTS:
            yield part.decode("utf-8", "replace")


def _part(data: bytes, kind: str, *, to_the_end: bool) -> tuple[bytes, bytes]:
    """Cut off one part: of text up to a zero byte, of other data (capital types) by its size."""
    if to_the_end:
        return data.rstrip(b"\0"), b""
    if kind.isupper():
        size = 4 + int.from_bytes(data[:4], "big")
        return data[4:size], data[size:]
    part, _, rest = data.partition(b"\0")
    return part, rest
