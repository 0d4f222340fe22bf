"""Comparison of the files of some folders with what an index holds of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from lexret.library.updating.file_states import FileStates, KnownState
from lexret.library.updating.found_files import FoundFiles
from lexret.library.updating.known_pictures import KnownPictures
from lexret.library.updating.text_rows import TextRows

_PATHS_TOGETHER: Final = 1 << 12


class FileComparison:
    """Comparison of the files that a run found with the pictures that its index holds.

    Args:
        base: what the paths of files are relative to.
        found: the picture files there are.
        known: the pictures of the index.

    Attributes:
        present: the paths of the files there are.
    """

    def __init__(self, base: Path, found: FoundFiles, known: KnownPictures) -> None:
        self._found, self._known = found, known
        self._states = FileStates(base)
        paths = found.paths
        self.present = TextRows(paths, lambda rows: [paths[row] for row in rows.tolist()])

    def changed(self) -> Iterator[str]:
        """Yield the files that are new to the index, or not as it knows them."""
        for start in range(0, len(self._found.paths), _PATHS_TOGETHER):
            block = self._found.paths[start : start + _PATHS_TOGETHER]
            for path, known in zip(block, self._known.states_of(block), strict=True):
                if known is None or known != self._state_of(path):
                    yield path

    def _state_of(self, path: str) -> KnownState | None:
        try:
            return self._states.of(path)
        except OSError:
            return None  # reading it will tell what is wrong

    def gone(self) -> Iterator[str]:
        """Yield the pictures of the index whose files are not there any more."""
        known = iter(self._known)
        while block := list(islice(known, _PATHS_TOGETHER)):
            for path, row in zip(block, self.present.find(block).tolist(), strict=True):
                if row < 0 and self._found.covers(path):
                    yield path

    def is_gone(self, path: str) -> bool:
        """Whether a file is not there, though it would have been found if it were."""
        return path not in self.present and self._found.covers(path)
