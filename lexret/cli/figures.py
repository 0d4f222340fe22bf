"""Keeps matplotlib, which draws figures, from writing into the home folder."""

from __future__ import annotations

import atexit
import os
from typing import Final

_FOLDER: Final = "MPLCONFIGDIR"


def keep_out_of_home() -> None:
    """Name a folder of this process to matplotlib for its settings and its list of fonts.

    matplotlib makes it when it is first used, and it is removed at the end. One that the user named
    stays. Called by commands only: programs that import lexret keep their own settings.
    """
    if not os.environ.get(_FOLDER):
        place = os.environ.get("TMPDIR") or "/tmp"
        folder = os.path.join(place, f"lexret-figures-{os.urandom(8).hex()}")
        os.environ[_FOLDER] = folder
        atexit.register(_remove, folder)


def _remove(folder: str) -> None:
    if os.path.isdir(folder):
        import shutil  # loads slowly

        shutil.rmtree(folder, ignore_errors=True)
