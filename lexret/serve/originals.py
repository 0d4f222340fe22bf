"""Originals: the files of pictures themselves, and where they lie, for who sits at this machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from fastapi.responses import FileResponse, Response

from lexret.files.names import shown_line
from lexret.pictures.packed import PackedPicture, PictureFile
from lexret.serve.limits import ForbiddenError
from lexret.serve.settings import ServeSettings

# What a browser shows as a picture and never as a page; everything else is to be saved.
_TYPES: Final = {
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif",
    ".webp": "image/webp", ".avif": "image/avif", ".heic": "image/heic", ".bmp": "image/bmp",
    ".tif": "image/tiff", ".tiff": "image/tiff", ".jxl": "image/jxl",
}  # fmt: skip


# How files begin that lie in tar shards and Parquet files, where names tell no format.
_SIGNS: Final = ((b"\xff\xd8\xff", ".jpg"), (b"\x89PNG\r\n", ".png"), (b"GIF8", ".gif"))


def original(path: PictureFile, settings: ServeSettings, *, download: bool) -> Response:
    """Return the file of a picture as it is.

    Raises:
        ForbiddenError: if the server gives no originals.
    """
    if not settings.gives_originals:
        raise ForbiddenError(
            "This server gives pictures without their metadata only; start it with "
            "--allow-originals to give the files themselves."
        )
    if isinstance(path, PackedPicture):
        return _packed_original(path, download=download)
    kind = _TYPES.get(path.suffix.lower())
    return FileResponse(
        path,
        media_type=kind or "application/octet-stream",
        filename=shown_line(path.name).replace("\ufffd", "_"),
        content_disposition_type="attachment" if download or kind is None else "inline",
        headers={"cache-control": "private, no-cache"},
    )


def _packed_original(picture: PackedPicture, *, download: bool) -> Response:
    content = picture.read()
    suffix = next((suffix for sign, suffix in _SIGNS if content.startswith(sign)), "")
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        suffix = ".webp"
    kind = _TYPES.get(suffix)
    name = quote(picture.name.rpartition("/")[2] + suffix, safe="")
    way = "attachment" if download or kind is None else "inline"
    headers = {
        "cache-control": "private, no-cache",
        "content-disposition": f"{way}; filename*=utf-8''{name}",
    }
    return Response(content, media_type=kind or "application/octet-stream", headers=headers)


def can_reveal(settings: ServeSettings) -> bool:
    """Whether a window with the folder of a picture can be opened for who asks."""
    if not settings.is_local:
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    has_screen = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return has_screen and shutil.which("xdg-open") is not None


def reveal(
    picture: PictureFile, settings: ServeSettings, *, launch: Callable[[str], object]
) -> None:
    """Open the folder of a picture, or of the file it is packed in, in the file manager.

    Raises:
        ForbiddenError: if who asks does not sit at it, or it has none.
    """
    if not can_reveal(settings):
        raise ForbiddenError("Folders are shown at the machine of the server only.")
    path = picture.file if isinstance(picture, PackedPicture) else picture
    launch(str(path.absolute()))


def launch_folder(path: str) -> object:
    """Let the system show a file in its folder."""
    import click

    return click.launch(path, locate=True)
