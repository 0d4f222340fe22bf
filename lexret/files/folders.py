"""Folders that are replaced whole or not at all, durably.

A folder is written beside the one it replaces, as ``.NAME.TOKEN.lexret-new``, and made durable.
Then the two change places in one operation (Linux: ``renameat2`` with RENAME_EXCHANGE, macOS:
``renamex_np`` with RENAME_SWAP), so that at every moment the old or the new one is there. Some file
systems, such as those of networks, cannot do that: there the old one is first moved to
``.NAME.TOKEN.lexret-old``, and after a crash between the two moves it is still there.
:func:`standing_folder` finds it for readers, and the next writer puts it back.

Whoever writes holds a lock on the new folder, which ends with the process. What nobody holds is
the leftover of a crash, and the next writer removes it.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from lexret.files.whole import hidden_beside, sync_file, sync_folder

NEW: Final = "lexret-new"
OLD: Final = "lexret-old"
_EXCHANGE: Final = 2  # RENAME_EXCHANGE of Linux, and RENAME_SWAP of macOS
_CURRENT_FOLDER: Final = -100 if sys.platform == "linux" else -2  # AT_FDCWD
_TOKEN_BYTES: Final = 4
_CANNOT: Final = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)


def is_leftover(path: Path) -> bool:
    """Whether a folder is one that is being written or replaced, or was when its writer died."""
    return path.name.startswith(".") and path.suffix in (f".{NEW}", f".{OLD}")


def owner_of(leftover: Path) -> Path:
    """Return the folder that a leftover was made for, unless its name is a very long one."""
    return leftover.with_name(leftover.name[1:].rpartition(".")[0].rpartition(".")[0])


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a new, empty folder to fill, which then replaces the one at ``folder``, if any.

    After a crash or a loss of power, the old or the new folder is there, with all that is in it.
    If filling or replacing fails, the old one stays and the new one is removed. Where ``folder``
    is a link, what it leads to is replaced. Folders above are made where they are missing.

    Raises:
        NotADirectoryError: if there is a file at ``folder``.
        OSError: if writing fails.
    """
    place = Path(os.path.realpath(folder))
    make_folder(place.parent)
    if os.path.lexists(place) and not place.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "A file is in the way", str(place))
    remove_leftovers(place)
    fresh, old, held = _make_fresh(place)
    rest: Path | None = fresh  # what is to be removed in the end
    try:
        yield fresh
        if place.is_dir():
            fresh.chmod(stat.S_IMODE(place.stat().st_mode))
        _sync_tree(fresh)
        _swap(fresh, place, old)
        rest = None  # until it is sure that the new folder stays
        sync_folder(place.parent)
        rest = old if old.exists() else fresh
    finally:
        if rest is not None:
            _remove(rest)
        if held is not None:
            os.close(held)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it where they are missing, durably.

    Raises:
        OSError: if that fails, also where a file has the name.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def standing_folder(folder: Path) -> Path:
    """Return where the content of a folder is: there, or beside it where a crash moved it to."""
    if folder.exists():
        return folder
    moved = _beside(Path(os.path.realpath(folder)), OLD)
    return moved[0] if moved else folder


def remove_leftovers(folder: Path) -> None:
    """Put a folder back that a crash moved away, and remove what crashes left beside it."""
    place = Path(os.path.realpath(folder))
    with ExitStack() as stack:
        abandoned, writing = [], set()
        for fresh in _beside(place, NEW):
            try:
                held = _hold(fresh)
            except (BlockingIOError, FileNotFoundError):
                held = None
            if held is None:
                writing.add(fresh.suffixes[-2])
            else:
                stack.callback(os.close, held)
                abandoned.append(fresh)
        for old in _beside(place, OLD):
            if place.exists():
                abandoned.append(old)
            elif old.suffixes[-2] not in writing:
                os.rename(old, place)
        if abandoned:
            sync_folder(place.parent)  # what is at the place now stays, or the others are needed
        for rest in abandoned:
            _remove(rest)


def _make_fresh(place: Path) -> tuple[Path, Path, int | None]:
    """Make the folder to fill, and lock it.

    Returns:
        the folder, where the old one may be moved to, and what holds the lock.
    """
    while True:
        token = os.urandom(_TOKEN_BYTES).hex()
        fresh, old = (hidden_beside(place, f"{token}.{ending}") for ending in (NEW, OLD))
        fresh.mkdir()
        try:
            held = _hold(fresh)
        except (BlockingIOError, FileNotFoundError):
            continue  # another writer has taken it for a leftover
        if held is None or fresh.exists():
            return fresh, old, held
        os.close(held)


def _beside(place: Path, ending: str) -> list[Path]:
    """Return the folders that were made beside ``place`` for it, with an ending."""
    some = f"{'0' * 2 * _TOKEN_BYTES}.{ending}"
    like = hidden_beside(place, some).name
    start = like.removesuffix(some)
    try:
        names = sorted(os.listdir(place.parent))
    except FileNotFoundError:
        return []
    return [
        place.with_name(name)
        for name in names
        if name.startswith(start) and name.endswith(f".{ending}") and len(name) == len(like)
    ]


def _hold(folder: Path) -> int | None:
    """Lock a folder, without waiting, until what is returned is closed.

    Returns:
        ``None`` where folders cannot be locked.

    Raises:
        BlockingIOError: if somebody else holds it.
        FileNotFoundError: if it is gone.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    except OSError:  # a file system without locks
        os.close(handle)
        return None
    return handle


def _sync_tree(folder: Path) -> None:
    """Make a folder durable with all that is in it."""
    for parent, _, files in os.walk(folder):
        for name in files:
            path = Path(parent, name)
            if not path.is_symlink():
                sync_file(path)
        sync_folder(Path(parent))


def _swap(fresh: Path, place: Path, old: Path) -> None:
    """Put a folder into its place; what was there is then at ``fresh`` or at ``old``, if any."""
    if not place.exists():
        os.rename(fresh, place)
    elif not exchange(fresh, place):
        os.rename(place, old)
        try:
            os.rename(fresh, place)
        except BaseException:
            os.rename(old, place)
            raise


def _remove(tree: Path) -> None:
    import shutil  # loads slowly, and readers do without it

    shutil.rmtree(tree, ignore_errors=True)


def exchange(one: Path, other: Path) -> bool:
    """Let two paths change places in one operation; False where the system cannot do that.

    Raises:
        OSError: if it can, and that fails.
    """
    import ctypes  # loads slowly, and only writers need it

    names = os.fsencode(one), os.fsencode(other)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            failed = library.renamex_np(*names, _EXCHANGE)
        else:
            at = ctypes.c_int(_CURRENT_FOLDER)
            failed = library.renameat2(at, names[0], at, names[1], ctypes.c_uint(_EXCHANGE))
    except (AttributeError, OSError, TypeError):  # another system, or an old library
        return False
    if not failed:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT:
        return False
    raise OSError(code, os.strerror(code), str(one), None, str(other))
