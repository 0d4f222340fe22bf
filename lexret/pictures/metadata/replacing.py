"""Replaces the content of a file that belongs to somebody else, and nothing but the content."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path
from typing import Final

import numpy as np

from lexret.errors import StorageError
from lexret.files.whole import hidden_beside, sync_folder, whole_file

_WRITE_BITS: Final = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_MICROSECOND: Final = 1000
# Rights of a new file; one that takes the place of another is nobody else's before it has those.
_NEW: Final = 0o666
_OURS: Final = 0o600


def interrupted_copy(path: Path) -> Path:
    """Return where a file with several names is kept as it was while it is written."""
    return hidden_beside(path, "lexret-before")


def create_file(path: Path, content: bytes) -> None:
    """Make a new file at once; raises StorageError on failure, or where there is one by now."""
    if path.exists():
        raise StorageError(f"{path} was made meanwhile; it is left alone. Run it again.")
    _replace(path, content, like=None)


def remove_file(path: Path, *, expected: bytes) -> None:
    """Take a file away that holds what is expected; raises StorageError else and on failure."""
    check_unchanged(path, expected)
    try:
        path.unlink()
        sync_folder(path.parent)
    except OSError as error:
        raise _failed(path, error) from error


def replace_content(path: Path, content: bytes, *, expected: bytes) -> None:
    """Give a file another content; its times, rights, owner and further names stay.

    It is replaced at once: a crash leaves the old content or the new one. A file that has several
    names (hard links) is written in place, as all names are to lead to the same file, and is kept
    beside itself meanwhile; a crash leaves that copy, and :func:`mend_interrupted` puts it back.
    The time of change stays, except by a
    microsecond where the size stays too, so that programs see that there was a change.

    Args:
        expected: what the file holds.

    Raises:
        StorageError: if it was changed meanwhile, may not be written, or writing fails. The file
            is as it was then.
    """
    state = check_unchanged(path, expected)
    moved = _MICROSECOND if len(content) == len(expected) else 0
    times = (state.st_atime_ns, state.st_mtime_ns + moved)
    if state.st_nlink > 1 or not _can_be_given(state):
        _write_in_place(path, content, expected, times, state)
    else:
        _replace(path, content, like=state)
        with contextlib.suppress(OSError):  # what was written is there, whatever its time is
            os.utime(path, ns=times)


def check_unchanged(path: Path, expected: bytes) -> os.stat_result:
    """Raise StorageError where a file is read-only, or holds something else than expected."""
    try:
        state = path.stat()
        if not state.st_mode & _WRITE_BITS or not os.access(path, os.W_OK):
            raise StorageError(f"{path} may not be written: it is read-only.")
        if path.read_bytes() != expected:
            raise StorageError(f"{path} was changed meanwhile; it is left alone. Run it again.")
    except StorageError:
        raise
    except OSError as error:
        raise _failed(path, error) from error
    return state


def _can_be_given(state: os.stat_result) -> bool:
    """Whether a new file can have the owner and the group of the old one."""
    if os.name == "nt" or os.geteuid() == 0:
        return True
    groups = {os.getegid(), *os.getgroups()}
    return state.st_uid == os.geteuid() and state.st_gid in groups


def _replace(path: Path, content: bytes, *, like: os.stat_result | None) -> None:
    try:
        with whole_file(path, hidden=True) as fresh:
            _write(fresh, content, _NEW if like is None else _OURS)
            if like is not None:
                shutil.copystat(path, fresh)
                _give(fresh, like)
    except OSError as error:
        raise _failed(path, error) from error


def _give(fresh: Path, like: os.stat_result) -> None:
    """Give a new file the owner of the old one, where it has another."""
    if os.name == "nt":
        return
    made = fresh.stat()
    if (made.st_uid, made.st_gid) != (like.st_uid, like.st_gid):
        os.chown(fresh, like.st_uid, like.st_gid)
        fresh.chmod(stat.S_IMODE(like.st_mode))


def _write_in_place(
    path: Path, content: bytes, before: bytes, times: tuple[int, int], state: os.stat_result
) -> None:
    kept, coming = interrupted_copy(path), _coming_content(path)
    if kept.exists():
        raise StorageError(
            f"Writing {path} was interrupted once; as it was before, it is kept in {kept}. If it "
            "is whole, delete that copy; else copy it back."
        )
    try:
        for place, data in ((kept, before), (coming, content)):
            with whole_file(place, hidden=True) as fresh:
                _write(fresh, data, _OURS)
                os.utime(fresh, ns=(state.st_atime_ns, state.st_mtime_ns))
    except OSError as error:
        with contextlib.suppress(OSError):
            kept.unlink(missing_ok=True)
        raise _failed(kept, error) from error
    try:
        _overwrite(path, content)
    except OSError as error:
        try:
            _overwrite(path, before)
        except OSError as again:
            raise StorageError(
                f"{path} cannot be written: {error.strerror or error}; as it was, it is kept in "
                f"{kept}. Make room, and `lexret tag --write` puts it back."
            ) from again
        with contextlib.suppress(OSError):
            _remove_copies(path)
        raise _failed(path, error) from error
    with contextlib.suppress(OSError):
        os.utime(path, ns=times)
    try:
        _remove_copies(path)
    except OSError as error:
        raise _failed(kept, error) from error


def mend_interrupted(path: Path) -> bool:
    """Put a file back that was being written in place when its writer was cut off.

    It is touched only where it is what such a write leaves: each byte is that of before or that of
    after. What somebody wrote since stays, and so does then the copy.

    Returns:
        whether there is no copy left, and it was not as before.

    Raises:
        StorageError: if it cannot be written.
    """
    kept, coming = interrupted_copy(path), _coming_content(path)
    try:
        before = kept.read_bytes() if kept.exists() else None
        after = coming.read_bytes() if coming.exists() else None
        if before is None and after is None:
            return False
        now = path.read_bytes()
        is_torn = before is not None and after is not None and _is_mixed(now, before, after)
        if now not in (before, after) and not is_torn:
            return False
        if before is not None:
            state = kept.stat()
            if now != before:
                _overwrite(path, before)
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        _remove_copies(path)
        return now != before
    except OSError as error:
        raise _failed(path, error) from error


def _is_mixed(now: bytes, before: bytes, after: bytes) -> bool:
    """Whether a file is what writing one content over another leaves at any moment."""
    length = len(now)
    if length > max(len(before), len(after)):
        return False
    contents = [np.frombuffer(part[:length].ljust(length, b"\0"), np.uint8)
                for part in (now, before, after)]  # fmt: skip
    # Where a file grew, a disk that lost power may hold zeros.
    return bool(((contents[0] == contents[1]) | (contents[0] == contents[2])).all())


def _coming_content(path: Path) -> Path:
    """Return where the content is kept that a file with several names is to have."""
    return hidden_beside(path, "lexret-after")


def _remove_copies(path: Path) -> None:
    interrupted_copy(path).unlink(missing_ok=True)
    _coming_content(path).unlink(missing_ok=True)
    sync_folder(path.parent)


def _overwrite(path: Path, content: bytes) -> None:
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _write(path: Path, content: bytes, rights: int) -> None:
    path.unlink(missing_ok=True)  # what a crash left, or a link that leads elsewhere
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, rights)) as file:
        file.write(content)


def _failed(path: Path, error: OSError) -> StorageError:
    return StorageError(f"{path} cannot be written: {error.strerror or error}.")
