"""Atomic writes: files and folders that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

# Bytes of a name, on all usual file systems.
_LONGEST_NAME: Final = 255


def hidden_beside(path: Path, ending: str) -> Path:
    """Return a hidden file beside another, named like it where a name may be so long."""
    name = f".{path.name}.{ending}"
    if len(os.fsencode(name)) > _LONGEST_NAME:
        import hashlib

        name = f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()}.{ending}"
    return path.with_name(name)


@contextmanager
def whole_file(path: Path, *, hidden: bool = False) -> Iterator[Path]:
    """Give a path to write a new file to, which then replaces the file at ``path``.

    After a crash, the old or the new file is there. If writing fails, the new one is removed.

    Args:
        hidden: start the new file's name with a dot, because users see the folder.
    """
    fresh = hidden_beside(path, "lexret-new") if hidden else path.with_name(f"{path.name}.new")
    try:
        yield fresh
        _sync(fresh)
        os.replace(fresh, path)
    except BaseException:
        with suppress(OSError):  # there is none on a read-only file system
            fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file atomically: after a crash, the old or the new one is there."""
    with whole_file(path) as fresh:
        fresh.write_bytes(data)


def swap_folder(fresh: Path, folder: Path, *, old: Path) -> None:
    """Replace a folder, if it exists, by another; if that fails, the old one stays.

    Args:
        old: temporary path of the old folder; after a crash it may still exist.
    """
    import shutil  # loads slowly, and reading does without it

    if not folder.exists():
        os.replace(fresh, folder)
    else:
        shutil.rmtree(old, ignore_errors=True)
        os.replace(folder, old)
        try:
            os.replace(fresh, folder)
        except OSError:
            os.replace(old, folder)
            raise
    # The new folder is in place; it does not matter if the old one cannot be removed.
    shutil.rmtree(old, ignore_errors=True)


def sync_folder(path: Path) -> None:
    """Make the entries of a folder durable."""
    _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
