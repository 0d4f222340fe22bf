"""Maker of thumbnails before a browser asks for them: of a search's first hits at once, and of all
pictures in the background, the latest first, while the server is idle.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from lexret.errors import LexretError
from lexret.library.library import Library
from lexret.library.snapshots import Snapshot
from lexret.serve.limits import Activity, BusyError, HeavyWork
from lexret.serve.pictures import Thumbnails
from lexret.serve.questions import served_file

SIDE: Final = 320
_NUM_AHEAD: Final = 2  # at a time, of a search's first hits
_PAGE: Final = 200
_PAUSE_S: Final = 0.02
_BUSY_S: Final = 0.5
_QUIET_S: Final = 1.5
"""Making begins when nobody has asked for anything for so long: who searches has all cores."""
_LOOK_S: Final = 60.0
_log = logging.getLogger(__name__)


class FirstHits:
    """Begins with the thumbnails of a search's first hits while its answer is on its way.

    So they are made while the browser reads the answer and lays it out.
    """

    def __init__(self, thumbnails: Thumbnails, *, allow_links: bool) -> None:
        self._thumbnails, self._allow_links = thumbnails, allow_links
        self._pool = ThreadPoolExecutor(_NUM_AHEAD, thread_name_prefix="first hits")
        self._turn = 0

    def begin(self, snapshot: Snapshot, doc_ids: Sequence[str], side: int) -> None:
        """Begin; what was begun for another search and not started is left to its browser."""
        self._turn += 1
        for doc_id in doc_ids:
            self._pool.submit(self._make, self._turn, snapshot, doc_id, side)

    def stop(self) -> None:
        """End; what was not started is not made."""
        self._turn += 1
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _make(self, turn: int, snapshot: Snapshot, doc_id: str, side: int) -> None:
        if turn != self._turn:
            return
        with suppress(LexretError):  # whoever asks for it is told
            path = served_file(snapshot, doc_id, allow_links=self._allow_links)
            self._thumbnails.of_file(path, side)


class ThumbnailMaker:
    """A thread that makes the thumbnails of a library which are not there yet.

    Attributes:
        first_hits: begins with those of a search's first hits.
    """

    def __init__(
        self,
        library: Library,
        thumbnails: Thumbnails,
        heavy: HeavyWork,
        activity: Activity,
        *,
        allow_links: bool,
    ) -> None:
        self._library, self._thumbnails, self._heavy = library, thumbnails, heavy
        self._activity, self._allow_links = activity, allow_links
        self.first_hits = FirstHits(thumbnails, allow_links=allow_links)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="thumbnails", daemon=True)

    def start(self) -> None:
        """Begin, where thumbnails are kept on disk."""
        if self._thumbnails.are_lasting:
            self._thread.start()

    def stop(self) -> None:
        """End; what was made is kept."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2)
        self.first_hits.stop()
        self._thumbnails.close()

    def _run(self) -> None:
        done = None
        while not self._stop.is_set():
            try:
                snapshot = self._library.snapshot()
                if snapshot is not done:
                    self._make_all()
                    done = snapshot
            except LexretError as error:  # the index is being made anew, for example
                _log.info("Thumbnails wait: %s", error)
            self._stop.wait(_LOOK_S)

    def _make_all(self) -> None:
        snapshot = self._library.snapshot()
        line = self._library.timeline(snapshot)
        for start in range(0, len(line), _PAGE):
            for picture in line.pictures(start, _PAGE):
                while self._somebody_waits() and not self._stop.is_set():
                    self._stop.wait(_BUSY_S)
                if self._stop.is_set() or self._thumbnails.are_full:
                    return
                try:
                    path = served_file(snapshot, picture.doc_id, allow_links=self._allow_links)
                    if self._thumbnails.keep_file(path, SIDE):
                        self._stop.wait(_PAUSE_S)
                except BusyError:
                    self._stop.wait(_BUSY_S)
                except LexretError:  # gone or damaged: whoever asks for it is told
                    continue

    def _somebody_waits(self) -> bool:
        return not self._heavy.is_idle or self._activity.seconds_quiet() < _QUIET_S
