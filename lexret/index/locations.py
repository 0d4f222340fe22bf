"""Where an index lies and which folder of pictures it belongs to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from lexret.errors import MissingError
from lexret.index.manifest import MANIFEST_FILE, Manifest

INDEX_FOLDER: Final = ".lexret"


def default_index(root: Path) -> Path:
    """Return where the index of a folder of pictures lies unless another place is named."""
    return root / INDEX_FOLDER


def find_index(start: Path) -> Path:
    """Find the index of the folder ``start`` or of the nearest folder above it.

    Raises:
        MissingError: if there is none.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / INDEX_FOLDER / MANIFEST_FILE).is_file():
            return folder / INDEX_FOLDER
    raise MissingError(
        f"There is no index in {start} or a folder above it. Make one with `lexret index DIR`, "
        "or name one with --index."
    )


def index_within(place: Path) -> Path:
    """Return the index of a folder of pictures where one is named instead of its index."""
    inner = default_index(place)
    inside = not (place / MANIFEST_FILE).is_file() and (inner / MANIFEST_FILE).is_file()
    return inner if inside else place


def record_root(root: Path, index_path: Path) -> str:
    """Return how a manifest names a folder of pictures.

    It is relative to the index folder where one lies inside the other, so that both may be moved
    together, and absolute otherwise.
    """
    root, index_path = root.resolve(), index_path.resolve()
    if index_path.is_relative_to(root) or root.is_relative_to(index_path):
        return Path(os.path.relpath(root, index_path)).as_posix()
    return root.as_posix()


def picture_root(manifest: Manifest, index_path: Path) -> Path | None:
    """Return the folder of pictures that an index belongs to; ``None`` where it records none."""
    if not manifest.roots:
        return None
    return (index_path.resolve() / manifest.roots[0]).resolve()
