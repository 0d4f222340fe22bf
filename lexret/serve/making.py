"""Makes thumbnails in the background, the latest pictures first, while nobody waits for any."""

from __future__ import annotations

import logging
import threading
from typing import Final

from lexret.errors import LexretError
from lexret.library.library import Library
from lexret.serve.limits import BusyError, HeavyWork
from lexret.serve.pictures import Thumbnails
from lexret.serve.questions import served_file

SIDE: Final = 320
_PAGE: Final = 200
_PAUSE_S: Final = 0.02
_BUSY_S: Final = 0.5
_LOOK_S: Final = 60.0
_log = logging.getLogger(__name__)


class ThumbnailMaker:
    """A thread that makes the thumbnails of a library which are not there yet."""

    def __init__(
        self, library: Library, thumbnails: Thumbnails, heavy: HeavyWork, *, allow_links: bool
    ) -> None:
        self._library, self._thumbnails, self._heavy = library, thumbnails, heavy
        self._allow_links = allow_links
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="thumbnails", daemon=True)

    def start(self) -> None:
        """Begin, where thumbnails are kept on disk."""
        if self._thumbnails.are_lasting:
            self._thread.start()

    def stop(self) -> None:
        """End; what was made stays."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2)

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
                while not self._heavy.is_idle and not self._stop.is_set():
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
