"""Pictures as a browser gets them: decoded and written anew as JPEG, never the files themselves.

So whatever a file holds beside its pixels (scripts, places, names) stays where it is.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image

from lexret.errors import MissingError
from lexret.pictures.boxes import check_box, cut_out
from lexret.pictures.decoding import ENCODING_MIN_SIDE, Picture, open_picture, read_picture
from lexret.serve.caches import Remember, remembering

if TYPE_CHECKING:
    from lexret.pictures.boxes import Box

SIDES: Final = (160, 320, 640, 1600)
"""The long sides that a picture is served in, in pixels: few, so that they can be kept."""

_SENT: Final = "The picture that was sent"
_QUALITY: Final = 85
_CACHE_BYTES: Final = 64_000_000


@dataclass(frozen=True, eq=False)
class Upload:
    """A picture that somebody searches by, as it was sent.

    It is decoded when it is looked at: a part of it is cut out of its full size.

    Attributes:
        key: the SHA-256 of the file; where to find it again.
        content: the file.
        width: of the upright picture, in pixels.
        height: of the upright picture, in pixels.
    """

    key: str
    content: bytes
    width: int
    height: int

    def read(self, box: Box | None) -> Image.Image:
        """Return it, or a part of it; see :class:`lexret.library.query_pictures.QueryPicture`."""
        if box is None:
            return self.decoded(min_side=ENCODING_MIN_SIDE).image
        return cut_out(self.decoded().image, check_box(box, (self.width, self.height)))

    def decoded(self, *, min_side: int | None = None) -> Picture:
        """Return the picture; see :func:`lexret.pictures.decoding.read_picture`."""
        return read_picture(io.BytesIO(self.content), _SENT, min_side=min_side)


class Uploads:
    """Pictures that somebody searches by: in memory only, the oldest give way.

    Args:
        max_bytes: that all together may take, as they were sent.
        max_pixels: that one may have.
    """

    def __init__(self, max_bytes: int, max_pixels: int) -> None:
        self._remember: Remember[Upload] = remembering(max_bytes, lambda kept: len(kept.content))
        self._max_pixels = max_pixels

    def add(self, content: bytes) -> Upload:
        """Check and keep a picture; raises ImageError where it is none."""
        key = hashlib.sha256(content).hexdigest()

        def check() -> Upload:
            picture = read_picture(
                io.BytesIO(content), _SENT, max_pixels=self._max_pixels, min_side=ENCODING_MIN_SIDE
            )
            return Upload(key, content, picture.width, picture.height)

        return self._remember(key, check)

    def get(self, key: str) -> Upload:
        """Return a picture that is still kept; raises MissingError otherwise."""
        return self._remember(key, _not_kept)


def _not_kept() -> Upload:
    raise MissingError("The picture to search by is not kept any more; send it again.")


class Thumbnails:
    """Pictures in a few sizes, as JPEG; what was asked for last is kept."""

    def __init__(self) -> None:
        self._remember: Remember[bytes] = remembering(_CACHE_BYTES, len)

    def of_file(self, path: Path, side: int) -> bytes:
        """Return a picture file's picture; its long side has at most ``side`` pixels.

        Raises:
            MissingError: if the file is gone.
            ImageError: if it cannot be read as a picture.
        """
        try:
            found = path.stat()
        except OSError as error:
            raise MissingError(f"The file {path.name} is not there any more.") from error
        key = (str(path), found.st_mtime_ns, found.st_size, side)
        return self._remember(key, lambda: as_jpeg(open_picture(path, min_side=side).image, side))

    def of_upload(self, upload: Upload, side: int) -> bytes:
        """Return a picture that was sent; its long side has at most ``side`` pixels."""
        return self._remember(
            (upload.key, side), lambda: as_jpeg(upload.decoded(min_side=side).image, side)
        )


def as_jpeg(image: Image.Image, side: int) -> bytes:
    """Return a picture as JPEG, its long side at most ``side`` pixels, without any metadata."""
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    clean = Image.new("RGB", small.size)
    clean.paste(small)
    buffer = io.BytesIO()
    clean.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
