"""What files are known by from one run to the next: size, time of change, XMP files beside them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from lexret.library.folders import picture_path
from lexret.pictures.metadata.sidecars import has_sidecars, sidecar_state

# Size in bytes, time of the last change in nanoseconds, and `sidecar_state`.
KnownState = tuple[int, int, int]


class FileStates:
    """Reader of the states of many files, for one run: one question to the system for each.

    A folder is looked through for XMP files once; where there is none, none is looked for.

    Args:
        base: what the paths of files are relative to.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        self._prefix = f"{str(base).rstrip('/')}/"
        self._has_sidecars: dict[str, bool] = {}

    def of(self, path: str) -> KnownState:
        """Return the state of a file.

        Raises:
            OSError: if the file cannot be looked at.
        """
        if not path.startswith(("../", "/")):
            place = self._prefix + path
            found = os.lstat(place)
            if not stat.S_ISLNK(found.st_mode) and not self._folder_has_sidecars(place):
                return found.st_size, found.st_mtime_ns, 0
        file = picture_path(self._base, path)
        found = file.stat()
        return found.st_size, found.st_mtime_ns, sidecar_state(file)

    def _folder_has_sidecars(self, place: str) -> bool:
        folder = place.rpartition("/")[0]
        known = self._has_sidecars.get(folder)
        if known is None:
            try:
                known = has_sidecars(Path(folder))
            except OSError:
                known = True  # a folder that cannot be listed: each file tells for itself
            self._has_sidecars[folder] = known
        return known
