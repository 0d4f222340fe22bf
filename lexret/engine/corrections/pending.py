"""Pending corrections: those that a commit brings along, until they are adopted.

A commit that gives documents other ids must change their corrections in the same moment. They are
written to ``corrections.pending.json`` first, with values that identify the commit, and count as
soon as the manifest is that of the commit. Then they become ``corrections.json``. If a crash comes
in between, the next writer finishes the change, or removes the file if the commit never happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lexret.engine.corrections.layout import CORRECTIONS_FILE, PENDING_FILE
from lexret.engine.segments.manifest import Manifest
from lexret.errors import DamageError
from lexret.files.sealed import replace_with_copy, seal, unseal
from lexret.files.whole import replace_file, sync_folder


def pending_of_last_commit(index_path: Path) -> bytes | None:
    """Return the pending corrections of the last commit, if there are any.

    Raises:
        DamageError: if pending corrections are damaged, so that it cannot be known.
    """
    pending = _read_pending(index_path)
    return None if pending is None or not _is_committed(index_path, pending) else pending


def write_pending(index_path: Path, plain: Mapping[str, object], manifest: Manifest) -> None:
    """Write corrections that are to count with the commit of a manifest; raises OSError.

    For those who hold the lock, as :func:`settle_locked`.
    """
    known = {**plain, "commit": _known_by(manifest)}
    replace_file(index_path / PENDING_FILE, seal(known, ascii_only=False))


def settle_locked(index_path: Path) -> None:
    """Finish what a crash interrupted: adopt corrections of the last commit, remove others.

    For those who hold the lock, so that no commit is under way.

    Raises:
        DamageError: if the pending file is damaged.
        OSError: if the folder cannot be written.
    """
    pending = _read_pending(index_path)
    if pending is None:
        return
    if _is_committed(index_path, pending):
        replace_with_copy(index_path / CORRECTIONS_FILE, pending)
    (index_path / PENDING_FILE).unlink()
    sync_folder(index_path)


def _read_pending(index_path: Path) -> bytes | None:
    path = index_path / PENDING_FILE
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DamageError(path, f"it cannot be read ({error.strerror})") from error


def _is_committed(index_path: Path, pending: bytes) -> bool:
    """Whether the commit that brings pending corrections is the last one.

    Raises:
        DamageError: if they are damaged, so that it cannot be known.
    """
    path = index_path / PENDING_FILE
    try:
        plain, is_sealed = unseal(pending)
    except ValueError as error:
        raise DamageError(path, str(error)) from error
    if not is_sealed or not isinstance(plain, dict):
        raise DamageError(path, "it does not end with its checksum")
    manifest = Manifest.load_if_sound(index_path)
    return manifest is not None and plain.get("commit") == _known_by(manifest)


def _known_by(manifest: Manifest) -> dict[str, Any]:
    """Return values that identify a commit, even if another is written in its place."""
    names = [segment.name for segment in manifest.segments]  # they are drawn at random
    return {"generation": manifest.generation, "segments": names}
