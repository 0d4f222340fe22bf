"""Corrections that can be read in damaged files of them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from lexret.engine.corrections.corrections import (
    NO_CORRECTIONS,
    Corrections,
    DocumentCorrection,
    parse_document,
)

# A document's corrections, as they are written: its id, and an object without objects but one.
_ENTRY: Final = re.compile(
    r'^  ("(?:[^"\\\n]|\\.)*"): (\{\n   "added": \{[^{}]*\},\n   "removed": \[[^\[\]]*\]'
    r'(?:,\n   "sha256": "[0-9a-f]*")?\n  \})',
    re.MULTILINE,
)
_MUTED: Final = re.compile(r'^ "muted": (\[[^\[\]]*\])', re.MULTILINE)


def salvage_corrections(paths: Sequence[Path]) -> tuple[Corrections, list[str]]:
    """Return the corrections that can be read in some files, and a sentence about each doubt.

    No checksum vouches for any of them: those that the files give differently are left out.

    Args:
        paths: the file and its copy, where they are there.
    """
    read = [_read(path) for path in paths]
    muted: list[frozenset[str]] = [words for _, words in read if words is not None]
    documents: dict[str, DocumentCorrection] = {}
    dropped = set[str]()
    for found, _ in read:
        for doc_id, correction in found.items():
            if documents.setdefault(doc_id, correction) != correction:
                dropped.add(doc_id)
    for doc_id in dropped:
        del documents[doc_id]
    corrections = Corrections(documents, frozenset.intersection(*muted) if muted else frozenset())
    told = [
        f"No checksum vouches for the corrections of {len(documents):,} documents and "
        f"{len(corrections.muted):,} muted words that were read in the damaged files: look at them."
    ]
    if dropped:
        told.append(f"Corrections that can no longer be told: of {', '.join(sorted(dropped))}.")
    return (corrections or NO_CORRECTIONS), told


def _read(path: Path) -> tuple[dict[str, DocumentCorrection], frozenset[str] | None]:
    try:
        text = path.read_bytes().decode("utf-8", "surrogatepass")
    except (OSError, UnicodeDecodeError):
        try:
            text = path.read_bytes().decode("utf-8", "replace")
        except OSError:
            return {}, None
    documents = {}
    for written_id, written in _ENTRY.findall(text):
        try:
            documents[json.loads(written_id)] = parse_document(json.loads(written))
        except (ValueError, TypeError, KeyError, AttributeError):
            continue  # told as lost where the other file does not have it
    muted = _MUTED.search(text)
    return documents, _words(muted[1]) if muted else None


def _words(written: str) -> frozenset[str] | None:
    try:
        words: Any = json.loads(written)
    except ValueError:
        return None
    return frozenset(word for word in words if isinstance(word, str))
