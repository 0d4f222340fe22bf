"""Reads picture files in threads, ahead of the encoder, and knows them by their content."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lexret.errors import ImageError
from lexret.library.folders import picture_path
from lexret.pictures.decoding import ENCODING_MIN_SIDE, Picture, read_picture, read_tags, unreadable
from lexret.pictures.exif import CameraTags
from lexret.pictures.metadata.picture_notes import read_notes
from lexret.pictures.metadata.sidecars import sidecar_state


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A file that was read.

    Attributes:
        path: relative to the base of the index, with forward slashes; the document's id.
        size: in bytes.
        mtime_ns: time of the last change, in nanoseconds.
        sha256: of the content, in hexadecimal digits.
        picture: what is in it; ``None`` where the content was known and was not decoded.
        tags: what is written of it, in the file and beside it.
        sidecar_ns: what the XMP files beside it are known by.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str
    picture: Picture | None
    tags: CameraTags
    sidecar_ns: int


@dataclass(frozen=True, slots=True)
class SkippedPicture:
    """A file that could not be read as a picture.

    Attributes:
        path: relative to the base of the index.
        reason: short and countable, such as ``"empty file"``.
        message: the whole story.
    """

    path: str
    reason: str
    message: str


def read_files(
    base: Path, paths: Iterable[str], *, is_known: Callable[[str], bool], workers: int, ahead: int
) -> Generator[PictureFile | SkippedPicture, None, None]:
    """Read files in threads and yield them in the order of ``paths``.

    Args:
        base: what the paths are relative to.
        is_known: is asked, from the threads, whether the content of a hash needs no decoding.
        workers: number of threads.
        ahead: at most so many files are read before they are asked for.
    """
    waiting: deque[Future[PictureFile | SkippedPicture]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="lexret-read") as pool:
        try:
            for path in paths:
                waiting.append(pool.submit(_read, base, path, is_known))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _read(base: Path, path: str, is_known: Callable[[str], bool]) -> PictureFile | SkippedPicture:
    full = picture_path(base, path)
    try:
        with full.open("rb") as file:
            state = os.fstat(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            picture = None
            if is_known(digest):
                tags = read_tags(file, str(full))
            else:
                picture = read_picture(file, str(full), min_side=ENCODING_MIN_SIDE)
                tags = picture.tags
        beside = sidecar_state(full)
        tags = read_notes(full).added_to(tags)
        return PictureFile(path, state.st_size, state.st_mtime_ns, digest, picture, tags, beside)
    except ImageError as error:
        return SkippedPicture(path, error.reason, str(error))
    except OSError as error:
        broken = unreadable(full, error)
        return SkippedPicture(path, broken.reason, str(broken))
