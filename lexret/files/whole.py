"""Atomic writes: files that are written whole or not at all.

Folders are in :mod:`lexret.files.folders`.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

# Bytes of a name, on all usual file systems.
_LONGEST_NAME: Final = 255
# Where a path stands for a file that is open already, whatever is done to its name.
_OPEN_FILES: Final = ("/dev/stdout", "/dev/stderr", "/dev/fd")


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

    After a crash, the old or the new file is there. If writing fails, the new one is removed. Where
    ``path`` is a link, what it leads to is replaced; its rights stay. What is no file, such as
    ``/dev/stdout`` or a pipe, is written to as it is.

    Args:
        hidden: start the new file's name with a dot, because users see the folder.
    """
    if _is_stream(path):
        yield path
        return
    path = Path(os.path.realpath(path))
    fresh = hidden_beside(path, "lexret-new") if hidden else path.with_name(f"{path.name}.new")
    try:
        yield fresh
        if path.exists() and path.stat().st_mode != fresh.stat().st_mode:
            fresh.chmod(stat.S_IMODE(path.stat().st_mode))
        sync_file(fresh)
        os.replace(fresh, path)
    except BaseException:
        with suppress(OSError):  # there is none on a read-only file system
            fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _is_stream(path: Path) -> bool:
    """Whether a path leads to what cannot be replaced: a device, a pipe, an open file."""
    is_open = path.is_relative_to("/proc") or any(map(path.is_relative_to, _OPEN_FILES))
    return path.exists() and not path.is_dir() and (is_open or not path.is_file())


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file atomically: after a crash, the old or the new one is there."""
    with whole_file(path) as fresh:
        fresh.write_bytes(data)


def sync_file(path: Path) -> None:
    """Make the content of a file durable."""
    _sync(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)


def sync_folder(path: Path) -> None:
    """Make the entries of a folder durable, where the system lets a program do so."""
    if os.name == "posix":  # Windows opens no folder, and keeps the order of its entries
        _sync(path, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        if sys.platform == "darwin":
            _sync_through_the_drive(handle)
        else:
            os.fsync(handle)
    finally:
        os.close(handle)


def _sync_through_the_drive(handle: int) -> None:
    """Sync on macOS, where fsync leaves data in the drive's cache, which loses power as well."""
    import fcntl

    try:
        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)  # type: ignore[attr-defined,unused-ignore]
    except OSError:  # a file system without it, such as one of the network
        os.fsync(handle)
