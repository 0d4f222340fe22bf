"""Pictures to search by: in files, or in memory."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, Union

from lexret.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

    from lexret.pictures.boxes import Box
    from lexret.pictures.packed import PictureFile

PathLike: TypeAlias = str | os.PathLike[str]
PictureLike: TypeAlias = Union[PathLike, "Image.Image"]


class QueryPicture(Protocol):
    """A picture to search by."""

    @property
    def key(self) -> Hashable | None:
        """What it is remembered by; ``None``: it is not remembered."""
        ...

    def read(self, box: Box | None) -> Image.Image:
        """Return it, or a part of it, as an encoder takes it: RGB, upright, reduced.

        Raises:
            MissingError, ImageError: if it cannot be read.
            InputError: if the box does not lie in it.
        """
        ...


@dataclass(frozen=True, slots=True)
class PictureInFile:
    """A picture file to search by, read as ``lexret index`` reads it."""

    path: PictureFile
    key: Hashable | None = None

    def read(self, box: Box | None) -> Image.Image:
        """Return the picture, or a part of it; see :class:`QueryPicture`."""
        from lexret.pictures.boxes import cut_out
        from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_image

        if box is None:
            return open_image(self.path, min_side=ENCODING_MIN_SIDE)
        return cut_out(open_image(self.path), box)


@dataclass(frozen=True, slots=True)
class PictureInMemory:
    """A picture to search by that is there already: RGB and upright."""

    image: Image.Image
    key: Hashable | None = None

    def read(self, box: Box | None) -> Image.Image:
        """Return the picture, or a part of it; see :class:`QueryPicture`."""
        from lexret.pictures.boxes import cut_out
        from lexret.pictures.decoding import reduced

        return reduced(self.image) if box is None else cut_out(self.image, box)


def query_pictures(
    given: PictureLike | Sequence[PictureLike] | None,
) -> tuple[QueryPicture, ...]:
    """Return pictures to search by that are given one by one or several at once."""
    if given is None:
        return ()
    if isinstance(given, str | os.PathLike):
        return (PictureInFile(Path(given)),)
    if isinstance(given, Sequence):
        return tuple(found for picture in given for found in query_pictures(picture))
    if not hasattr(given, "getexif"):  # Pillow's import takes time
        raise InputError(
            f"Expected a picture: a path, a PIL image, or a list of these; found {given!r}."
        )
    return (PictureInMemory(given),)
