"""The folder that keeps what a repair replaces; nothing is removed from there."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

ASIDE_FOLDER: Final = "damaged"


def new_aside(folder: Path) -> Path:
    """Return an unused path for what is about to be replaced."""
    name = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    paths = [folder / ASIDE_FOLDER / name]
    while paths[-1].exists():
        paths.append(folder / ASIDE_FOLDER / f"{name}-{len(paths) + 1}")
    return paths[-1]


def keep(path: Path, folder: Path, aside: Path, *, move_folders: bool = False) -> None:
    """Keep a file or folder of an index aside, as it is now.

    Args:
        folder: of the index.
        aside: from :func:`new_aside`.
        move_folders: move a folder there, because what is to be in its place is a file.

    Raises:
        OSError: if that fails.
    """
    if not path.exists():
        return
    target = aside / path.relative_to(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and move_folders:
        os.replace(path, target)
    elif path.is_dir():
        shutil.copytree(path, target, copy_function=_link_or_copy)
    elif not target.exists():
        _link_or_copy(path, target)


def _link_or_copy(source: str | Path, target: str | Path) -> None:
    """Keep a file under another name; only some file systems can do so without a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
