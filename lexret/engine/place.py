"""Place of an index on disk: whether a folder holds one, without opening it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lexret.errors import MissingError
from lexret.files.sealed import copy_of

MANIFEST_FILE: Final = "manifest.json"


def no_index_at(folder: Path) -> MissingError:
    """Return the error that a folder holds no index."""
    return MissingError(
        f"There is no index at {folder}; make one with `lexret index DIR`.", path=folder
    )


def has_index(folder: Path) -> bool:
    """Whether an index lies in a folder, whole or not: its manifest is there, or the copy."""
    path = folder / MANIFEST_FILE
    return path.is_file() or copy_of(path).is_file()


def require_index(folder: Path) -> Path:
    """Return the folder of an index; raise MissingError where it holds none."""
    if not has_index(folder):
        raise no_index_at(folder)
    return folder
