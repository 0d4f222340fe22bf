"""Picture of an index, where a command takes a picture file as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lexret.cli.common import open_chosen_libraries

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.library.library import Library
    from lexret.library.snapshots import Snapshot


@dataclass(frozen=True)
class IndexedPicture:
    """Picture of an index that was named by its id or path.

    Attributes:
        snapshot: the commit of the index that holds it.
        doc_id: its id there.
    """

    library: Library
    snapshot: Snapshot
    doc_id: str


def indexed_picture(
    image: Path,
    index_paths: Sequence[Path],
    model_source: str | None,
    computation: Computation | None = None,
) -> IndexedPicture | None:
    """Return a picture of the index that was named, or of the nearest where no such file is there.

    Pictures that lie in tar shards and Parquet files have no file of their own.

    Returns:
        ``None`` where the picture is a file, or no index is named or near that holds it.

    Raises:
        MissingError: if an index is named, and is not there or does not hold the picture.
    """
    places = tuple(index_paths)
    if not places:
        if image.exists():
            return None
        from lexret.errors import MissingError
        from lexret.library.folders import find_indexes

        try:
            places = find_indexes(Path.cwd())
        except MissingError:
            return None
    library = open_chosen_libraries(places, model_source=model_source, computation=computation)
    from lexret.library.lookup import document_named, find_document

    snapshot = library.snapshot()
    find = document_named if index_paths else find_document
    doc_id = find(snapshot.index, str(image))
    return None if doc_id is None else IndexedPicture(library, snapshot, doc_id)
