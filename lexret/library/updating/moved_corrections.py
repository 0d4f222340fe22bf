"""Corrections that follow their pictures to other ids."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import replace

from lexret.engine.corrections.corrections import (
    Corrections,
    DocumentCorrection,
    change_corrections,
)
from lexret.engine.index import EmbeddedIndex

NewId = Callable[[str], str | None]


def renamed_corrections(corrections: Corrections, renamed: Mapping[str, str]) -> Corrections:
    """Give the corrections of pictures that got other ids (old -> new) to these."""
    return moved_corrections(corrections, lambda doc_id: renamed.get(doc_id, doc_id))


def joined_corrections(sources: Iterable[tuple[Corrections, NewId]]) -> Corrections:
    """Join the corrections of several indexes; of two for a picture the first stays."""
    pictures: dict[str, DocumentCorrection] = {}
    muted: frozenset[str] = frozenset()
    for corrections, new_id in sources:
        pictures = {**moved_corrections(corrections, new_id).documents, **pictures}
        muted |= corrections.muted
    return Corrections(pictures, muted)


def follow_moved_pictures(index: EmbeddedIndex, *, staying: Container[str] = ()) -> int:
    """Let corrections follow pictures whose files were moved, by their content.

    Args:
        staying: ids whose files are still there, though they could not be read this time.

    Returns:
        how many pictures were followed.

    Raises:
        StorageError: if the corrections cannot be written.
    """
    lost = {
        correction.sha256: doc_id
        for doc_id, correction in index.corrections.documents.items()
        if correction.sha256 is not None and doc_id not in index and doc_id not in staying
    }
    if not lost:
        return 0
    moves: dict[str, str] = {}
    for document in index.documents():
        before = lost.get(str(document.fields.get("sha256")))
        if before is not None and document.doc_id not in index.corrections.documents:
            moves.setdefault(before, document.doc_id)

    def move(now: Corrections) -> Corrections:
        for before, after in moves.items():
            now = now.with_document(after, now.of(before)).with_document(
                before, DocumentCorrection()
            )
        return now

    if moves:
        change_corrections(index.path, move)
    return len(moves)


def moved_corrections(corrections: Corrections, new_id: NewId) -> Corrections:
    """Give corrections of pictures to other ids; where that is ``None``, drop them."""
    kept = {
        doc_id: correction
        for doc_id, correction in corrections.documents.items()
        if new_id(doc_id) == doc_id
    }
    moved = {}
    for doc_id, correction in corrections.documents.items():
        target = new_id(doc_id)
        if target is not None:
            moved[target] = correction
    return replace(corrections, documents={**moved, **kept})
