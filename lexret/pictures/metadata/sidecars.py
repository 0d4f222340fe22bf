"""XMP files beside pictures, by the names that programs give them.

darktable and digiKam write ``photo.jpg.xmp``, Adobe's programs ``photo.xmp``.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Final

from lexret.errors import ImageError
from lexret.pictures.metadata.packets import read_packet

_EXTENSION: Final = "{http://ns.adobe.com/photoshop/1.0/}SidecarForExtension"
_MAX_BYTES: Final = 1 << 26
# What cameras and programs write beside a picture of the same name; a ``photo.xmp`` is mostly
# that of the raw file.
_OTHERS: Final = frozenset({
    ".3fr", ".ari", ".arw", ".bay", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr",
    ".iiq", ".k25", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".psb", ".psd",
    ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f", ".jpg", ".jpeg", ".jpe", ".png",
    ".webp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif", ".jxl", ".bmp", ".jp2",
})  # fmt: skip


def sidecar_for(picture: Path) -> Path:
    """Return the file beside a picture that lexret makes where there is none."""
    return picture.with_name(f"{picture.name}.xmp")


def find_sidecars(picture: Path) -> list[Path]:
    """Return the XMP files beside a picture: those with its whole name first."""
    names = dict.fromkeys([picture.name, picture.stem + picture.suffix.lower(),
                           picture.stem + picture.suffix.upper(), picture.stem])  # fmt: skip
    found: list[Path] = []
    for name in names:
        for ending in (".xmp", ".XMP"):
            path = picture.with_name(name + ending)
            # A name that is too long for the file system is the name of no file.
            if os.path.isfile(path) and not any(_is_same(path, other) for other in found):
                found.append(path)
    return found


def sidecars_of(picture: Path) -> list[Path]:
    """Return the XMP files beside a picture, and beside the file that it links to, resolved."""
    place = picture.resolve()
    found = find_sidecars(place)
    if picture.absolute() != place:
        found += find_sidecars(picture.absolute())
    return list(dict.fromkeys(path.resolve() for path in found))


def sidecar_state(picture: Path) -> int:
    """Return a number that changes with the XMP files beside a picture.

    Returns:
        0 where there are none; -1 where they cannot be looked at.
    """
    folders = (
        {picture.parent, picture.resolve().parent} if picture.is_symlink() else {picture.parent}
    )
    total = 0
    try:
        if any(map(has_sidecars, folders)):
            for path in sidecars_of(picture):
                total += path.stat().st_mtime_ns
    except (OSError, RuntimeError):  # what cannot be looked at now is looked at the next time
        return -1
    return total % 2**62


def has_sidecars(folder: Path) -> bool:
    """Tell whether there is an XMP file in a folder; raises OSError where it cannot be listed."""
    return _has_any(folder, folder.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _has_any(folder: Path, changed_ns: int) -> bool:
    """Whether there is an XMP file in a folder, as it was at a time: most folders have none."""
    del changed_ns  # it tells calls apart
    with os.scandir(folder) as entries:
        return any(entry.name.lower().endswith(".xmp") for entry in entries)


def _is_same(path: Path, other: Path) -> bool:
    return path.name.lower() == other.name.lower() and os.path.samefile(path, other)


def read_sidecar(path: Path) -> bytes:
    """Read a file beside a picture; raises ImageError where it cannot be, or is beyond measure."""
    try:
        size = path.stat().st_size
        if size <= _MAX_BYTES:
            return path.read_bytes()
    except OSError as error:
        raise ImageError(
            f"{path} cannot be read: {error.strerror or error}.", reason="unreadable"
        ) from error
    raise ImageError(
        f"{path} has {size:,} bytes; expected XMP metadata.", reason="damaged metadata"
    )


def belongs_to(sidecar: Path, packet: bytes, picture: Path) -> bool:
    """Tell whether a file beside a picture is about no other picture of the same name.

    Raises:
        ImageError: if its packet is damaged.
    """
    if sidecar.stem.lower() == picture.name.lower():
        return True
    said = read_packet(packet).values(_EXTENSION)
    if said:
        return said[0].strip().lower() == picture.suffix.lower().lstrip(".")
    return not any(
        path.stem == picture.stem and path.name != picture.name and path.suffix.lower() in _OTHERS
        for path in picture.parent.iterdir()
    )
