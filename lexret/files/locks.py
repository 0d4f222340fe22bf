"""Locks between processes, which end with the process that holds them, however it ends."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lexret.errors import LockedError
from lexret.files.folders import make_folder
from lexret.files.text import parse_json

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK_FILE: Final = "lock"
_POLL_INTERVAL_S: Final = 0.01


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock that is on a file; wait for it if another process or thread holds it.

    Raises:
        OSError: if the file cannot be written, or its folder does not exist.
    """
    with _file_lock(path).acquire():
        yield


class WriterLock:
    """Lock of the one writer that a folder may have; held from construction to release.

    The operating system holds it on the file ``lock`` (flock), and releases it when the process
    ends. The file names the holder, for the error that a second writer gets. It stays, as another
    process may be about to open it; but who released it before anything was written leaves neither
    the file nor a folder that was made for it.

    Args:
        what: what lies in the folder.
        make: make the folder, and those above it, where they are missing.

    Raises:
        LockedError: if another writer holds it.
        OSError: if the file or folder cannot be made, or the folder does not exist.
    """

    def __init__(self, folder: Path, *, what: str = "index", make: bool = False) -> None:
        from filelock import Timeout

        self._made: list[Path] = []
        if make:
            self._made = [each for each in (folder, *folder.parents) if not each.exists()]
            make_folder(folder)
        self._path = path = folder / LOCK_FILE
        self._is_new = not path.exists()
        self._lock = _file_lock(path, on_acquired=_write_holder)
        try:
            self._lock.acquire(blocking=False)
        except Timeout as error:
            meanwhile = "; searching works meanwhile" if what == "index" else ""
            raise LockedError(
                f"Another process is writing the {what} at {folder}: {_holder(path)}. "
                f"Wait until it has finished, or end it{meanwhile}."
            ) from error

    @property
    def held(self) -> bool:
        """Whether the lock has not been released yet."""
        return self._lock.is_locked

    def release(self) -> None:
        """Release the lock; a second call does nothing."""
        if self._is_new and self.held:
            self._leave_nothing()
        self._lock.release()

    def _leave_nothing(self) -> None:
        """Remove the file, and the folders that were made, where nothing else is in them."""
        with suppress(OSError):  # whoever put something there meanwhile keeps it
            if os.listdir(self._path.parent) == [LOCK_FILE]:
                self._path.unlink()
                for folder in self._made:
                    folder.rmdir()


def _file_lock(path: Path, *, on_acquired: Callable[[int], None] | None = None) -> BaseFileLock:
    from filelock import FileLock  # loads slowly, and reading an index takes no lock

    os.stat(path.parent)  # otherwise the folder would be made
    return FileLock(
        path,
        poll_interval=_POLL_INTERVAL_S,
        thread_local=False,  # a writer may be closed by another thread than the one that opened it
        fallback_to_soft=False,  # a soft lock would outlive a process that is killed
        preserve_lock_file=True,
        on_acquired=on_acquired,
    )


def _write_holder(descriptor: int) -> None:
    import socket  # loads slowly, and reading an index takes no lock

    text = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, text.encode())


def _holder(path: Path) -> str:
    try:
        values = parse_json(path.read_bytes())
        return f"process {values['pid']} on host {values['host']}"
    except (OSError, ValueError, KeyError, TypeError):  # the holder has not written its name yet
        return "a process that has just started"
