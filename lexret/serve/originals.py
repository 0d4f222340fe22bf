"""Originals: the files of pictures themselves, and where they lie, for who sits at this machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fastapi.responses import FileResponse

from lexret.files.names import shown_line
from lexret.serve.limits import ForbiddenError
from lexret.serve.settings import ServeSettings

# What a browser shows as a picture and never as a page; everything else is to be saved.
_TYPES: Final = {
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif",
    ".webp": "image/webp", ".avif": "image/avif", ".heic": "image/heic", ".bmp": "image/bmp",
    ".tif": "image/tiff", ".tiff": "image/tiff", ".jxl": "image/jxl",
}  # fmt: skip


def original(path: Path, settings: ServeSettings, *, download: bool) -> FileResponse:
    """Return the file of a picture as it is.

    Raises:
        ForbiddenError: if the server gives no originals.
    """
    if not settings.gives_originals:
        raise ForbiddenError(
            "This server gives pictures without their metadata only; start it with "
            "--allow-originals to give the files themselves."
        )
    kind = _TYPES.get(path.suffix.lower())
    return FileResponse(
        path,
        media_type=kind or "application/octet-stream",
        filename=shown_line(path.name).replace("\ufffd", "_"),
        content_disposition_type="attachment" if download or kind is None else "inline",
        headers={"cache-control": "private, no-cache"},
    )


def can_reveal(settings: ServeSettings) -> bool:
    """Whether a window with the folder of a picture can be opened for who asks."""
    if not settings.is_local:
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    has_screen = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return has_screen and shutil.which("xdg-open") is not None


def reveal(path: Path, settings: ServeSettings, *, launch: Callable[[str], object]) -> None:
    """Open the folder of a picture in the file manager of this machine.

    Raises:
        ForbiddenError: if who asks does not sit at it, or it has none.
    """
    if not can_reveal(settings):
        raise ForbiddenError("Folders are shown at the machine of the server only.")
    launch(str(path.absolute()))


def launch_folder(path: str) -> object:
    """Let the system show a file in its folder."""
    import click

    return click.launch(path, locate=True)
