"""Place of an index on disk: what tells that a folder holds one, without opening it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lexret.errors import MissingError

MANIFEST_FILE: Final = "manifest.json"


def no_index_at(folder: Path) -> MissingError:
    """Return the error that a folder holds no index."""
    return MissingError(
        f"There is no index at {folder}; make one with `lexret index DIR`.", path=folder
    )


def require_index(folder: Path) -> Path:
    """Return the folder of an index; raise MissingError where it holds none."""
    if not (folder / MANIFEST_FILE).is_file():
        raise no_index_at(folder)
    return folder
