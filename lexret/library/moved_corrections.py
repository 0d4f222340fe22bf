"""Corrections that follow their pictures to other ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from lexret.engine.corrections.corrections import (
    Corrections,
    PictureCorrection,
    change_corrections,
    load_corrections,
)
from lexret.engine.index import EmbeddedIndex

NewId = Callable[[str], str | None]


def follow_renames(index_path: Path, renamed: Mapping[str, str]) -> None:
    """Give the corrections of pictures that got other ids (old -> new) to these."""
    if renamed.keys() & load_corrections(index_path).pictures.keys():
        change_corrections(
            index_path, lambda old: _moved(old, lambda doc_id: renamed.get(doc_id, doc_id))
        )


def move_all(index_path: Path, new_id: NewId) -> None:
    """Give all corrections of pictures to other ids; where that is ``None``, drop them."""
    if load_corrections(index_path).pictures:
        change_corrections(index_path, lambda old: _moved(old, new_id))


def join_corrections(index_path: Path, sources: Iterable[tuple[Corrections, NewId]]) -> None:
    """Correct an index as several were that it is made of; of two for a picture the first stays."""
    pictures: dict[str, PictureCorrection] = {}
    muted: frozenset[str] = frozenset()
    for corrections, new_id in sources:
        pictures = {**_moved(corrections, new_id).pictures, **pictures}
        muted |= corrections.muted
    joined = Corrections(pictures, muted)
    if joined or load_corrections(index_path):
        change_corrections(index_path, lambda _: joined)


def follow_moved_pictures(index: EmbeddedIndex) -> int:
    """Let corrections follow pictures whose files were moved, by their content.

    Returns:
        how many pictures were followed.

    Raises:
        StorageError: if the corrections cannot be written.
    """
    lost = {
        correction.sha256: doc_id
        for doc_id, correction in index.corrections.pictures.items()
        if correction.sha256 is not None and doc_id not in index
    }
    if not lost:
        return 0
    moves: dict[str, str] = {}
    for document in index.documents():
        before = lost.get(str(document.fields.get("sha256")))
        if before is not None and document.doc_id not in index.corrections.pictures:
            moves.setdefault(before, document.doc_id)

    def move(now: Corrections) -> Corrections:
        for before, after in moves.items():
            now = now.with_picture(after, now.of(before)).with_picture(before, PictureCorrection())
        return now

    if moves:
        change_corrections(index.path, move)
    return len(moves)


def _moved(corrections: Corrections, new_id: NewId) -> Corrections:
    kept = {
        doc_id: correction
        for doc_id, correction in corrections.pictures.items()
        if new_id(doc_id) == doc_id
    }
    moved = {}
    for doc_id, correction in corrections.pictures.items():
        target = new_id(doc_id)
        if target is not None:
            moved[target] = correction
    return replace(corrections, pictures={**moved, **kept})
