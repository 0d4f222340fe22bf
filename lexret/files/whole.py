"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole_file(path: Path, *, hidden: bool = False) -> Iterator[Path]:
    """Give the place of a new file, which takes that of ``path`` once it is written.

    After a crash the old or the new one is there. Where writing fails, the new one is removed.

    Args:
        hidden: the new file lies among files of people: its name begins with a dot.
    """
    fresh = path.with_name(f".{path.name}.lexret-new" if hidden else f"{path.name}.new")
    try:
        yield fresh
        _sync(fresh)
        os.replace(fresh, path)
    except BaseException:
        with suppress(OSError):  # on a file system that cannot be written there is none
            fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def replace_file(path: Path, data: bytes) -> None:
    """Put ``data`` in place of a file so that after a crash the old or the new one is there."""
    with whole_file(path) as fresh:
        fresh.write_bytes(data)


def swap_folder(fresh: Path, folder: Path, *, old: Path) -> None:
    """Put a folder in place of another one, if there is one; where that fails, the old one stays.

    Args:
        old: what the old folder is called meanwhile; after a crash it may still be there.
    """
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
    # The new folder is in place: whether the old one can be removed does not matter to it.
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
