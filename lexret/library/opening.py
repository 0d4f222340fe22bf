"""Opening of indexes for searches by vectors: that of a folder of photos, or an index folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lexret.engine.place import require_index
from lexret.library.folders import index_within

if TYPE_CHECKING:
    import os

    from lexret.engine.index import EmbeddedIndex
    from lexret.engine.postings.acceleration import Engine


def open_index(
    path: str | os.PathLike[str], *, engine: Engine = "auto", threads: int = 1
) -> EmbeddedIndex:
    """Open an index, with its corrections, for reading.

    Args:
        path: the index folder, or the folder of photos that holds it in ``.lexret``.
        engine, threads: see :class:`lexret.engine.index.EmbeddedIndex`.

    Raises:
        MissingError: if there is no index, or ``engine`` is ``compiled`` and numba cannot be
            loaded.
        InputError: if there is no such engine, or ``threads`` is less than 1.
        CorruptError: if a file is missing, cut short or of an unknown version.
    """
    place = require_index(index_within(Path(path)))
    from lexret.interop.backends import open_index as open_folder

    return open_folder(place, engine=engine, threads=threads)
