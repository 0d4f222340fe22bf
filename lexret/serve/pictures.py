"""Pictures as a browser gets them: decoded and written anew as JPEG, never the files themselves.

So whatever a file holds beside its pixels (scripts, places, names) stays where it is.
"""

from __future__ import annotations

import hashlib
import io
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PIL import Image

from lexret.errors import MissingError
from lexret.pictures.boxes import check_box, cut_out
from lexret.pictures.decoding import ENCODING_MIN_SIDE, Picture, open_picture, read_picture
from lexret.pictures.packed import PictureFile, identity_of
from lexret.serve.caches import Remember, remembering
from lexret.serve.limits import HeavyWork
from lexret.serve.thumbnail_store import ThumbnailStore

if TYPE_CHECKING:
    from lexret.pictures.boxes import Box

SIDES: Final = (160, 320, 640, 1600)
"""The long sides that a picture is served in, in pixels: few, so that they can be kept."""

_SENT: Final = "The picture that was sent"
_QUALITY: Final = 85
_CACHE_BYTES: Final = 64_000_000
_LASTING: Final = (160, 320, 640)


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
        """Return it, or a part of it; see ``QueryPicture`` of lexret.library.asking."""
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
    """Pictures in a few sizes, as JPEG; what was asked for last is kept, small ones on disk too.

    Args:
        heavy: guards their making.
        store: where they are kept on disk.
    """

    def __init__(self, heavy: HeavyWork, store: ThumbnailStore) -> None:
        self._remember: Remember[bytes] = remembering(_CACHE_BYTES, len)
        self._heavy, self._store = heavy, store
        self._making: dict[bytes, Future[bytes]] = {}
        self._making_lock = threading.Lock()

    @property
    def are_lasting(self) -> bool:
        """Whether they are kept on disk."""
        return self._store.is_open

    @property
    def are_full(self) -> bool:
        """Whether one more on disk would take the place of others."""
        return self._store.is_full()

    def close(self) -> None:
        """Write what is to be kept on disk."""
        self._store.close()

    @staticmethod
    def key_of(path: PictureFile, side: int) -> bytes:
        """Return what tells a file's picture from any other, and from that of the file before.

        Raises:
            MissingError: if the file is gone.
        """
        return identity_of(path, f"{side} {_QUALITY}")

    def of_file(self, path: PictureFile, side: int) -> bytes:
        """Return a picture file's picture; its long side has at most ``side`` pixels.

        Raises:
            MissingError: if the file is gone.
            ImageError: if it cannot be read as a picture.
            BusyError: if it must be made, and too many wait for that.
        """
        key = self.key_of(path, side)
        lasting = side in _LASTING and self._store.is_open

        def look() -> bytes:
            kept = self._store.get(key) if lasting else None
            return self._made(key, path, side, lasting=lasting) if kept is None else kept

        return self._remember(key, look)

    def _made(self, key: bytes, path: PictureFile, side: int, *, lasting: bool) -> bytes:
        """Make a picture; who asks for one that is being made waits for it."""
        with self._making_lock:
            other = self._making.get(key)
            if other is None:
                mine = self._making[key] = Future()
        if other is not None:
            return other.result()
        try:
            with self._heavy.turn():
                jpeg = as_jpeg(open_picture(path, min_side=side).image, side)
            if lasting:
                self._store.put(key, jpeg)
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(jpeg)
            return jpeg
        finally:
            with self._making_lock:
                del self._making[key]

    def keep_file(self, path: PictureFile, side: int) -> bool:
        """Keep a picture file's picture on disk; returns whether it had to be made.

        Raises:
            MissingError, ImageError, BusyError: see :meth:`of_file`.
        """
        key = self.key_of(path, side)
        if self._store.has(key):
            return False
        self._made(key, path, side, lasting=True)
        return True

    def of_upload(self, upload: Upload, side: int) -> bytes:
        """Return a picture that was sent; its long side has at most ``side`` pixels."""

        def make() -> bytes:
            with self._heavy.turn():
                return as_jpeg(upload.decoded(min_side=side).image, side)

        return self._remember((upload.key, side), make)


def as_jpeg(image: Image.Image, side: int) -> bytes:
    """Return a picture as JPEG, its long side at most ``side`` pixels, without any metadata."""
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    clean = Image.new("RGB", small.size)
    clean.paste(small)
    buffer = io.BytesIO()
    clean.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
