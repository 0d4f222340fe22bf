"""Patterns of names that are not looked at: those of a user, of ``.lexretignore``, and defaults.

A small part of what gitignore has. A pattern without a ``/`` (but at its end) names files and
folders at any depth, one with a ``/`` begins in the folder that it is given for. A ``/`` at the end
names folders alone. ``*`` stands for any characters and ``?`` for one, but not for a ``/``; ``**``
between two ``/`` stands for any folders; everything else, brackets too, means itself. Upper and
lower case are the same, and so are composed and decomposed letters. ``!`` before a pattern takes
the names back in that an earlier one left out; in a file, ``#`` begins a comment, and ``\\`` before
a character takes its meaning away. What lies in a folder that is left out cannot be taken back in.

Matching takes time that grows with the product of the lengths of pattern and path at most.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from lexret.errors import InputError
from lexret.files.text import read_text

IGNORE_FILE: Final = ".lexretignore"
# Bins, and pictures that programs made of others: thumbnails, previews, edited derivatives. Those
# that begin with a dot (.Trash-1000, .thumbnails, .@__thumb) are hidden, and left out anyway.
DEFAULT_EXCLUSIONS: Final = (
    "$RECYCLE.BIN/", "RECYCLER/", "System Volume Information/", "#recycle/", "@Recycle/",
    "@eaDir/", "*.lrdata/", "**/*.photoslibrary/resources/", "**/*.photoslibrary/scopes/",
    "**/*.photolibrary/Thumbnails/", "**/*.photolibrary/Previews/",
    "**/*.aplibrary/Thumbnails/", "**/*.aplibrary/Previews/", "**/CaptureOne/Cache/",
)  # fmt: skip

Symbol = TypeVar("Symbol")
Element = TypeVar("Element")
# One part of a pattern between two "/": its characters, "*" and "?" as None and True.
_Part = tuple[str | bool | None, ...]


@dataclass(frozen=True)
class Exclusion:
    """One pattern of names that are left out, or taken back in.

    Attributes:
        text: as it was written.
        parts: what is between its slashes; ``None`` stands for ``**``.
        folders_only: whether it names folders alone.
        takes_back: whether it begins with ``!``.
    """

    text: str
    parts: tuple[_Part | None, ...]
    folders_only: bool = False
    takes_back: bool = False

    def matches(self, path: Sequence[str], *, is_folder: bool) -> bool:
        """Whether it names a path: its parts, relative to where the pattern was given for."""
        if self.folders_only and not is_folder:
            return False
        return _matches(self.parts, [_folded(part) for part in path], _part_matches)


def parse_exclusion(text: str) -> Exclusion:
    """Read a pattern.

    Raises:
        InputError: if nothing is left of it.
    """
    rest = text
    takes_back = rest.startswith("!")
    rest = rest[1:] if takes_back else rest
    folders_only = rest.endswith("/")
    anchored = "/" in rest.rstrip("/")
    names = [name for name in rest.split("/") if name and name != "."]
    if not names or ".." in names:
        raise InputError(
            f"The pattern {text!r} names nothing; expected a name such as '*.tmp' or 'Drafts/', or "
            "a path such as 'scans/raw/*.tif'."
        )
    parts = tuple(None if name == "**" else _parse_part(name) for name in names)
    return Exclusion(text, parts if anchored else (None, *parts), folders_only, takes_back)


def _parse_part(name: str) -> _Part:
    part: list[str | bool | None] = []
    letters = iter(unicodedata.normalize("NFC", name))
    for letter in letters:
        if letter == "*":
            part.append(None)
        elif letter == "?":
            part.append(True)
        else:
            part += _folded(next(letters, "\\") if letter == "\\" else letter)
    return tuple(part)


def read_ignore_file(file: Path) -> list[Exclusion]:
    """Read the patterns of an ignore file, one a line.

    Raises:
        InputError: if it cannot be read, is not UTF-8, or a line of it is no pattern.
    """
    result = []
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        text = line.strip()
        if text and not text.startswith("#"):
            try:
                result.append(parse_exclusion(text))
            except InputError as error:
                raise InputError(f"{file}, line {number}: {error}") from error
    return result


def deciding(
    exclusions: Iterable[Exclusion], path: Sequence[str], *, is_folder: bool
) -> Exclusion | None:
    """Return the last pattern that names a path, which decides; ``None`` where none does."""
    found = None
    for exclusion in exclusions:
        if exclusion.matches(path, is_folder=is_folder):
            found = exclusion
    return found


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _part_matches(part: _Part, name: str) -> bool:
    return _matches(part, name, lambda symbol, letter: symbol is True or symbol == letter)


def _matches(
    pattern: Sequence[Symbol | None],
    elements: Sequence[Element],
    fits: Callable[[Symbol, Element], bool],
) -> bool:
    """Whether a pattern fits a whole sequence; ``None`` in it stands for any number of elements.

    Where a later part does not fit, only the last ``None`` before it is tried with one element
    more: what an earlier one could do with it, the last one can too.
    """
    place = element = 0
    star, retry = -1, 0
    while element < len(elements):
        symbol = pattern[place] if place < len(pattern) else None
        if place < len(pattern) and symbol is None:
            star, retry = place, element
            place += 1
        elif place < len(pattern) and symbol is not None and fits(symbol, elements[element]):
            place += 1
            element += 1
        elif star >= 0:
            retry += 1
            place, element = star + 1, retry
        else:
            return False
    return all(symbol is None for symbol in pattern[place:])
