"""Offsets of the pictures of a multi-picture JPEG, kept right when bytes are put in.

Source: CIPA DC-007-2009, Multi-Picture Format, section 5.2.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from lexret.errors import ImageError
from lexret.pictures.metadata.text_edits import Edit

MPF: Final = b"MPF\0"
_ENTRIES: Final = 0xB002
_ENTRY_SIZE: Final = 16


def with_moved_pictures(
    content: bytes, edits: Sequence[Edit], tables: Sequence[tuple[int, int]]
) -> bytes:
    """Make edits of a JPEG file, and change the offsets and sizes of its pictures with them.

    Args:
        edits: all of them before the pixels of the first picture.
        tables: where the MPF segments of the first picture begin and end.

    Raises:
        ImageError: if such a table is not understood.
    """
    changes = [*edits]
    for start, end in tables:
        changes += _moved_entries(content, start, end, edits)
    parts, done = [], 0
    for edit in sorted(changes, key=lambda edit: edit.start):
        parts += [content[done : edit.start], edit.new]
        done = edit.end
    return b"".join([*parts, content[done:]])


def _moved_entries(content: bytes, start: int, end: int, edits: Sequence[Edit]) -> list[Edit]:
    """Return the edits of a table: offsets count from its header; 0 is the first picture."""
    base = start + len(MPF)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(content[base : base + 4])
    if order is None:
        raise _unknown("its header")
    try:
        place, count = _entries(content[base:end], order)
    except struct.error as error:
        raise _unknown(str(error)) from error
    if count < 1 or base + place + count * _ENTRY_SIZE > end:
        raise _unknown("its list of pictures")
    grown = sum(len(edit.new) - (edit.end - edit.start) for edit in edits)
    changes = []
    for number in range(count):
        at = base + place + number * _ENTRY_SIZE + 4
        size, offset = struct.unpack_from(f"{order}II", content, at)
        if number == 0 and offset == 0:
            new = (size + grown, offset)
        elif offset == 0:
            continue
        else:
            shift = _shift(base + offset, edits) - _shift(base, edits)
            new = (size, offset + shift)
        if not all(0 <= value < 2**32 for value in new):
            raise _unknown("an offset")
        changes.append(Edit(at, at + 8, struct.pack(f"{order}II", *new)))
    return changes


def _entries(table: bytes, order: str) -> tuple[int, int]:
    (place,) = struct.unpack_from(f"{order}I", table, 4)
    (count,) = struct.unpack_from(f"{order}H", table, place)
    for number in range(count):
        tag, _, size, value = struct.unpack_from(f"{order}HHII", table, place + 2 + number * 12)
        if tag == _ENTRIES and size % _ENTRY_SIZE == 0:
            return value, size // _ENTRY_SIZE
    raise _unknown("its list of pictures")


def _shift(place: int, edits: Sequence[Edit]) -> int:
    """Return how far a place moves."""
    return sum(len(edit.new) - (edit.end - edit.start) for edit in edits if edit.end <= place)


def _unknown(what: str) -> ImageError:
    return ImageError(
        f"The table of further pictures in the file (MPF) is not understood: {what}.",
        reason="damaged metadata",
    )
