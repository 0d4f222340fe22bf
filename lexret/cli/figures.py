"""Keeps matplotlib, which draws figures, from writing into the home folder."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from typing import Final

_FOLDER: Final = "MPLCONFIGDIR"


def keep_out_of_home() -> None:
    """Give matplotlib a folder of this process for its settings and its list of fonts.

    The folder is removed at the end. One that the user named stays. Called by commands only:
    programs that import lexret keep their own settings of matplotlib.
    """
    if not os.environ.get(_FOLDER):
        folder = tempfile.mkdtemp(prefix="lexret-figures-")
        os.environ[_FOLDER] = folder
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
