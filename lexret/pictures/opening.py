"""Opens picture files: reads their headers, checks their size, decodes nothing."""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import IO, Final

from PIL import ExifTags, Image, UnidentifiedImageError

from lexret.errors import ImageError
from lexret.pictures.exif import NO_TAGS, CameraTags, read_camera_tags
from lexret.pictures.formats import HEAD_BYTES, readers, size_before_opening, why_unknown
from lexret.pictures.raw import CameraFile, find_camera_file

# Asked before a picture is decoded, with the bytes that this takes at most.
Admission = Callable[[int], AbstractContextManager[object]]

# Of a picture whose reader decodes it as it opens it: ICO and JPEG XL, which computes in floats.
_BYTES_A_PIXEL: Final = 16
# Most formats take 4, some up to 20 (JPEG 2000): of those, smaller pictures only are read.
MOST_BYTES_A_PIXEL: Final = 10
_ANY_SIZE: Final = 1 << 62
# Of what a library says of a damaged file, so many characters are told, in one line.
_MAX_REMARK: Final = 300
_open_lock = threading.Lock()


@dataclass(frozen=True)
class OpenedPicture:
    """A picture whose header was read, and what else its file tells of it.

    Attributes:
        image: not decoded yet, except where ``is_decoded``.
        file: that it is read from.
        camera_file: where the picture is the preview in a camera's raw file.
    """

    image: Image.Image
    file: IO[bytes]
    camera_file: CameraFile | None = None

    @property
    def is_decoded(self) -> bool:
        """Whether the reader has decoded the picture already, asking ``admit`` before."""
        return self.image.format in ("ICO", "JXL")

    def orientation(self) -> int:
        """Return how the picture is to be turned, as EXIF counts; to be asked once it is loaded."""
        if self.image.format == "JXL" and not getattr(self.image, "jpeg", False):
            return 1  # its reader has turned it
        try:
            own = self.image.getexif().get(ExifTags.Base.Orientation)
        except Exception:  # broken EXIF data tell no orientation; the picture itself is whole
            own = None
        if own is None and self.camera_file is not None:
            own = self.camera_file.orientation
        return own if isinstance(own, int) else 1

    def tags(self) -> CameraTags:
        """Return what the camera wrote into the file."""
        if self.camera_file is None or self.camera_file.tags_at is None:
            return read_camera_tags(self.image)
        outer = Image.Image()
        try:
            exif = outer.getexif()
            exif.load_from_fp(_part(self.file, self.camera_file.tags_at))
            for tag, start in self.camera_file.more_tags_at:
                detail = Image.Exif()
                detail.load_from_fp(_part(self.file, start))
                exif.get_ifd(tag).update(detail)
        except Exception:  # whatever broken data drive the reader to; the picture itself is whole
            return NO_TAGS
        return read_camera_tags(outer)


class _FilePart(io.RawIOBase):
    """Reader of a file from some place on, as if it began there."""

    def __init__(self, file: IO[bytes], start: int) -> None:
        self._file, self._start = file, start

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset + (self._start if whence == 0 else 0), whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start


def _part(file: IO[bytes], start: int) -> IO[bytes]:
    part = _FilePart(file, start)
    part.seek(0)
    return part  # type: ignore[return-value]


def open_header(
    file: IO[bytes], name: str, *, max_pixels: int, admit: Callable[[int], object]
) -> OpenedPicture:
    """Open a picture within :func:`pixel_limit`; see ``read_picture``.

    Args:
        admit: is asked where the reader decodes the picture at once.

    Raises:
        ImageError: if it is not a picture that can be read.
    """
    head = file.read(HEAD_BYTES)
    if not head:
        raise ImageError(f"{name} is empty (0 bytes).", reason="empty file")
    try:
        opened = _open(file, head, name, max_pixels, admit)
    except (ImageError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(name, _pixels_refused(error), max_pixels) from error
    except UnidentifiedImageError as error:
        sentence, reason = why_unknown(head)
        raise ImageError(f"{name} {sentence}.", reason=reason) from error
    except Exception as error:  # readers raise whatever a broken file drives them to
        raise broken(name, error) from error
    check_size(name, opened.image.size, max_pixels)
    return opened


def open_for_metadata(file: IO[bytes], name: str) -> Image.Image | None:
    """Open a picture for what is written in its file; nothing of it is to be decoded.

    Of a camera's raw file that is the file itself, not its preview.

    Returns:
        ``None`` where no reader takes the file, or only one that decodes it at once.

    Raises:
        ImageError: if it is empty or damaged.
    """
    head = file.read(HEAD_BYTES)
    if not head:
        raise ImageError(f"{name} is empty (0 bytes).", reason="empty file")
    try:
        with pixel_limit(_ANY_SIZE):
            if size_before_opening(file, head) is not None:
                return None
            file.seek(0)
            return _open_with_pillow(file, readers(head))
    except UnidentifiedImageError:
        return None
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # as above
        raise broken(name, error) from error


def _open(
    file: IO[bytes], head: bytes, name: str, max_pixels: int, admit: Callable[[int], object]
) -> OpenedPicture:
    camera_file = find_camera_file(file, head)
    if camera_file is not None:
        return OpenedPicture(_open_preview(file, name, camera_file), file, camera_file)
    claimed = size_before_opening(file, head)
    if claimed is not None:
        cost = _BYTES_A_PIXEL * claimed[0] * claimed[1]
        check_size(name, claimed, max_pixels)
        check_cost(name, claimed, cost, max_pixels)
        admit(cost)
    file.seek(0)
    return OpenedPicture(_open_with_pillow(file, readers(head)), file)


def _open_with_pillow(file: IO[bytes], formats: tuple[str, ...]) -> Image.Image:
    # Pillow warns before its size can be asked; the filters belong to the whole process.
    with _open_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(file, formats=formats)


def _open_preview(file: IO[bytes], name: str, camera_file: CameraFile) -> Image.Image:
    if camera_file.preview is None:
        raise ImageError(
            f"{name} is a camera's raw file without a JPEG picture in it; convert it to JPEG.",
            reason="raw file without a preview",
        )
    start, num_bytes = camera_file.preview
    file.seek(start)
    return _open_with_pillow(io.BytesIO(file.read(num_bytes)), ("JPEG",))


_limits: Counter[int] = Counter()
_limits_lock = threading.Lock()
_limit_of_pillow: int | None = None


@contextmanager
def pixel_limit(max_pixels: int) -> Iterator[None]:
    """Let Pillow decode pictures of so many pixels; its own limit belongs to the whole process.

    The largest limit of those that are being read counts; each is checked by itself before.
    Pillow's own is back when none is being read.
    """
    global _limit_of_pillow
    with _limits_lock:
        if not _limits:
            _limit_of_pillow = Image.MAX_IMAGE_PIXELS
        _limits[max_pixels] += 1
        Image.MAX_IMAGE_PIXELS = max(_limits)
    try:
        yield
    finally:
        with _limits_lock:
            _limits[max_pixels] -= 1
            if not _limits[max_pixels]:
                del _limits[max_pixels]
            Image.MAX_IMAGE_PIXELS = max(_limits) if _limits else _limit_of_pillow


def check_size(name: str, size: tuple[int, int], max_pixels: int) -> None:
    """Raise ImageError where a picture has more pixels than are read."""
    width, height = size
    if width * height > max_pixels:
        raise _too_many_pixels(name, f"{width:,} x {height:,} pixels", max_pixels)


def check_cost(name: str, size: tuple[int, int], num_bytes: int, max_pixels: int) -> None:
    """Raise ImageError where decoding a picture takes more than pixels of a common format would."""
    most = MOST_BYTES_A_PIXEL * max_pixels
    if num_bytes > most:
        raise ImageError(
            f"{name} is too large: decoding its {size[0]:,} x {size[1]:,} pixels takes "
            f"{num_bytes:,} bytes; at most {most:,} are taken, {MOST_BYTES_A_PIXEL} for each of "
            f"the {max_pixels:,} pixels that are read.",
            reason="too many pixels",
        )


def _too_many_pixels(name: str, found: str, max_pixels: int) -> ImageError:
    return ImageError(
        f"{name} is too large: {found}; at most {max_pixels:,} pixels are read.",
        reason="too many pixels",
    )


def _pixels_refused(error: Image.DecompressionBombError) -> str:
    """Take from Pillow's message what it found, without its talk of attacks."""
    found = re.search(r"\((\d+) pixels\)", str(error))
    return f"{int(found[1]):,} pixels" if found else str(error).rstrip(".")


def broken(name: str, error: Exception) -> ImageError:
    """Say that a picture's data are damaged or end too early."""
    text = " ".join(str(error).split()).rstrip(".")[:_MAX_REMARK] or type(error).__name__
    cut = any(sign in text.lower() for sign in ("truncated", "unexpected end", "premature"))
    if cut or isinstance(error, EOFError):
        return ImageError(f"{name} is cut short: {text}.", reason="truncated")
    return ImageError(f"{name} is damaged: {text}.", reason="damaged")
