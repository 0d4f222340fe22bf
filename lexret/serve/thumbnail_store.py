"""Thumbnails kept on disk beside the index, so that a server that starts anew has them at once.

They are one SQLite file: written whole or not at all, shared by several servers, bounded in size.
It holds nothing that cannot be made again; where it cannot be used, the server does without it.

Whoever waits for a thumbnail does not wait for the disk: new ones are written a little later, many
at a time, into a log beside the file (SQLite's WAL), while another connection reads.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from lexret.library.folders import THUMBNAILS_FILE

_VERSION: Final = 1
_PATIENCE_S: Final = 2.0
_GIVES_WAY: Final = 0.1  # the share that goes at a time where there is no room
_USED_AGAIN_S: Final = 86_400
_LATER_S: Final = 0.5
_MOST_WAITING: Final = 32_000_000  # bytes; more are written at once
_log = logging.getLogger(__name__)

Result = TypeVar("Result")


class ThumbnailStore:
    """Thumbnails on disk; those that were not used for longest give way. Safe to share by threads.

    Args:
        folder: where the file lies: the index folder.
        max_bytes: that all thumbnails together may take; 0 keeps none.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._path, self._max_bytes = folder / THUMBNAILS_FILE, max_bytes
        self._lock, self._reading = threading.Lock(), threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._has_failed = False
        self._size = 0
        # What is not on disk yet: thumbnails, and keys that were used again.
        self._waiting: dict[bytes, bytes] = {}
        self._used: list[bytes] = []
        self._num_waiting, self._is_writing = 0, False
        self._waiting_lock, self._writing = threading.Lock(), threading.Lock()
        self._closed = threading.Event()
        if max_bytes:
            self._open()

    @property
    def is_open(self) -> bool:
        """Whether anything is kept on disk."""
        return self._connection is not None and not self._has_failed

    def get(self, key: bytes) -> bytes | None:
        """Return the thumbnail of a key, ``None`` where it is not kept."""
        with self._waiting_lock:
            waiting = self._waiting.get(key)
        if waiting is not None:
            return waiting

        def read(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(
                "SELECT jpeg, used FROM thumbnails WHERE key = ?", (key,)
            ).fetchone()
            if row is None:
                return None
            if time.time() - row[1] > _USED_AGAIN_S:  # to the day: most readings write nothing
                self._note_use(key)
            return bytes(row[0])

        return self._reading_with(read)

    def has(self, key: bytes) -> bool:
        """Whether the thumbnail of a key is kept."""
        with self._waiting_lock:
            if key in self._waiting:
                return True
        found = self._reading_with(
            lambda connection: connection.execute(
                "SELECT 1 FROM thumbnails WHERE key = ?", (key,)
            ).fetchone()
        )
        return found is not None

    def put(self, key: bytes, jpeg: bytes) -> None:
        """Keep a thumbnail; it is on disk a little later, or after :meth:`flush`."""
        if not self.is_open or len(jpeg) > self._max_bytes:
            return
        with self._waiting_lock:
            if key not in self._waiting:
                self._waiting[key] = jpeg
                self._num_waiting += len(jpeg)
            is_much = self._num_waiting > min(_MOST_WAITING, self._max_bytes // 2)
        if is_much:
            self.flush()
        else:
            self._begin_to_write()

    def flush(self) -> None:
        """Write what waits."""
        with self._writing:  # one at a time, in the order in which they came
            with self._waiting_lock:
                waiting, used = dict(self._waiting), list(self._used)
                self._used.clear()
            if waiting or used:
                self._with(lambda connection: self._write(connection, waiting, used))
            with self._waiting_lock:  # only now, so that they are found all the time
                for key, jpeg in waiting.items():
                    del self._waiting[key]
                    self._num_waiting -= len(jpeg)

    def is_full(self) -> bool:
        """Whether one more thumbnail would take the place of others."""
        return self._size + self._num_waiting >= (1 - _GIVES_WAY) * self._max_bytes

    def close(self) -> None:
        """Write what waits, and close the file."""
        self._closed.set()
        self.flush()
        with self._reading:  # the last one to be closed clears the log away
            if self._reader is not None:
                self._reader.close()
                self._reader = None
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _write(
        self, connection: sqlite3.Connection, waiting: dict[bytes, bytes], used: list[bytes]
    ) -> None:
        now, before = int(time.time()), self._size
        try:
            connection.executemany(
                "UPDATE thumbnails SET used = ? WHERE key = ?", [(now, key) for key in used]
            )
            for key, jpeg in waiting.items():
                self._make_room(connection, len(jpeg))
                done = connection.execute(
                    "INSERT OR IGNORE INTO thumbnails VALUES (?, ?, ?)", (key, now, jpeg)
                )
                self._size += len(jpeg) if done.rowcount else 0
            connection.commit()
        except sqlite3.Error:  # nothing of it was written
            self._size = before
            raise

    def _note_use(self, key: bytes) -> None:
        with self._waiting_lock:
            self._used.append(key)
        self._begin_to_write()

    def _begin_to_write(self) -> None:
        """Start what writes, unless it runs already."""
        with self._waiting_lock:
            if not self._is_writing:
                self._is_writing = True
                threading.Thread(
                    target=self._write_on, name="thumbnails on disk", daemon=True
                ).start()

    def _write_on(self) -> None:
        """Write what waits, every now and then, until nothing does."""
        while True:
            self._closed.wait(_LATER_S)
            self.flush()
            with self._waiting_lock:
                if not (self._waiting or self._used):
                    self._is_writing = False
                    return

    def _make_room(self, connection: sqlite3.Connection, num_bytes: int) -> None:
        if self._size + num_bytes <= self._max_bytes:
            return
        least = self._size + num_bytes - (1 - _GIVES_WAY) * self._max_bytes
        gone = 0
        rows = connection.execute("SELECT key, length(jpeg) FROM thumbnails ORDER BY used, rowid")
        keys = []
        for key, length in rows:
            if gone >= least:
                break
            keys.append((key,))
            gone += length
        connection.executemany("DELETE FROM thumbnails WHERE key = ?", keys)
        self._size -= gone

    def _with(self, act: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """Do something with the file; where that fails, go on without it from then on."""
        with self._lock:
            return self._tried(act, self._connection)

    def _reading_with(self, act: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """Read something of the file, whatever is written meanwhile; see :meth:`_with`."""
        with self._reading:
            return self._tried(act, self._reader)

    def _tried(
        self,
        act: Callable[[sqlite3.Connection], Result],
        connection: sqlite3.Connection | None,
    ) -> Result | None:
        if connection is None or self._has_failed:
            return None
        try:
            return act(connection)
        except sqlite3.OperationalError as error:  # busy, or the disk is full
            with suppress(sqlite3.Error):
                connection.rollback()
            _log.info("A thumbnail was neither read nor kept: %s", error)
        except sqlite3.DatabaseError as error:
            self._give_up(error)
        return None

    def _open(self) -> None:
        try:
            try:
                self._connection = self._connected()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                self._remove()  # damaged: all of it can be made again
                self._connection = self._connected()
            self._reader = self._opened()
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def _connected(self) -> sqlite3.Connection:
        connection = self._opened()
        try:
            # Where the log cannot be, on some network disks, readers wait for writers.
            connection.execute("PRAGMA journal_mode = WAL")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version != _VERSION:
                connection.execute("DROP TABLE IF EXISTS thumbnails")
                connection.execute("PRAGMA auto_vacuum = FULL")
                connection.execute(
                    "CREATE TABLE thumbnails (key BLOB PRIMARY KEY, used INTEGER, jpeg BLOB)"
                )
                connection.execute(f"PRAGMA user_version = {_VERSION}")
                connection.commit()
            # A crash of the system may lose the latest thumbnails, but breaks nothing.
            connection.execute("PRAGMA synchronous = NORMAL")
            total = connection.execute("SELECT total(length(jpeg)) FROM thumbnails").fetchone()
            self._size = int(total[0])
        except BaseException:
            connection.close()
            raise
        return connection

    def _opened(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=_PATIENCE_S, check_same_thread=False)

    def _remove(self) -> None:
        for end in ("", "-journal", "-wal", "-shm"):
            self._path.with_name(THUMBNAILS_FILE + end).unlink(missing_ok=True)

    def _give_up(self, error: Exception) -> None:
        self._has_failed = True  # both connections are closed at the end: others may be at them
        _log.warning("Thumbnails are kept in memory only, as %s cannot be used: %s",
                     self._path.name, error)  # fmt: skip
