"""Edits of a text that note how to take them back, byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes of a text that others take the place of."""

    start: int
    end: int
    new: bytes


def edited(text: bytes, edits: Sequence[Edit]) -> tuple[bytes, list[list[Any]]]:
    """Make edits of a UTF-8 text.

    Returns:
        the text, and what takes the edits back, in the order of places: of each the place and the
        length in the new text, and what stood there before.
    """
    parts: list[bytes] = []
    inverse: list[list[Any]] = []
    done = length = 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        parts += [text[done : edit.start], edit.new]
        length += edit.start - done
        inverse.append([length, len(edit.new), text[edit.start : edit.end].decode()])
        length += len(edit.new)
        done = edit.end
    return b"".join([*parts, text[done:]]), inverse


def digest(text: bytes) -> str:
    """Return what a text is known by: half of its SHA-256."""
    return hashlib.sha256(text).hexdigest()[:32]


def undone(text: bytes, undo: Mapping[str, Any]) -> bytes | None:
    """Return the text as it was before edits; ``None`` where that is not certain.

    Args:
        undo: ``edits`` as :func:`edited` returned them, and ``sha256``, the digest before.
    """
    edits = undo.get("edits")
    if not isinstance(edits, list):
        return None
    try:
        for start, length, old in reversed(edits):
            text = text[:start] + old.encode() + text[start + length :]
    except (TypeError, ValueError, AttributeError):
        return None
    return text if digest(text) == undo.get("sha256") else None
