"""Locks between processes: advisory ones (flock), which end with the process that holds them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lexret.errors import LockedError

LOCK_FILE: Final = "lock"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock that lies in a file; wait for it where another process holds it."""
    import fcntl  # not on every system: reading must work without it

    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class WriterLock:
    """The right to write an index, held by one process at a time until it is released.

    It is an advisory lock (flock) on the file ``lock``: the system lets it go when the process
    ends, however it ends. The file names the holder for those who come second.

    Raises:
        LockedError: if another writer holds it.
    """

    def __init__(self, folder: Path) -> None:
        import fcntl  # not on every system: reading an index must work without it

        path = folder / LOCK_FILE
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._handle, 4096)
            os.close(self._handle)
            raise LockedError(
                f"Another process is writing the index at {folder}: {_describe(holder)}. "
                "Wait until it has finished, or end it; searching works meanwhile."
            ) from error
        except OSError:
            os.close(self._handle)
            raise
        text = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, text.encode(), 0)

    @property
    def held(self) -> bool:
        """Whether the lock was not let go yet."""
        return self._handle >= 0

    def release(self) -> None:
        """Let the lock go; a second call does nothing."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _describe(holder: bytes) -> str:
    try:
        values = json.loads(holder)
        return f"process {values['pid']} on host {values['host']}"
    except (ValueError, KeyError, TypeError):  # the holder has not written its name yet
        return "a process that has just started"
