"""Reads the picture files of a folder ahead of the encoder, and knows them by their content."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lexret.library.folders import picture_path
from lexret.pictures.decoding import ENCODING_MIN_SIDE, MAX_PIXELS, Picture
from lexret.pictures.exif import CameraTags
from lexret.pictures.memory import MemoryBudget
from lexret.pictures.processes import ProcessReader
from lexret.pictures.reading import (
    FileReader,
    FileSource,
    FileState,
    ReadSettings,
    Refusal,
    ThreadReader,
)

# What pictures that are being decoded may take together. One that needs more is decoded alone.
DECODING_BYTES: Final = 1 << 29
_MOST_JOBS: Final = 4
# A process takes about a tenth of a second to start, as long as a few pictures to decode.
_FILES_A_PROCESS: Final = 8


@dataclass(frozen=True)
class Decoding:
    """How the pictures of a run are decoded.

    Attributes:
        jobs: processes that decode at the same time; 0 decodes in threads of this process, which a
            picture that a decoder dies of takes with it. ``None``: as many as there are
            processors, but no more than 4.
        max_pixels: larger pictures are refused.
        num_bytes: what pictures that are being decoded may take together.
    """

    jobs: int | None = None
    max_pixels: int = MAX_PIXELS
    num_bytes: int = DECODING_BYTES

    def threads_for(self, num_files: int) -> int:
        """Return how many threads, and as many processes, so many files are worth."""
        if self.jobs == 0:
            return _default_jobs()
        jobs = _default_jobs() if self.jobs is None else self.jobs
        return max(1, min(jobs, -(-num_files // _FILES_A_PROCESS)))

    def reader(self) -> FileReader:
        """Make the reader of files; its processes are started when they are needed."""
        settings = ReadSettings(self.max_pixels, ENCODING_MIN_SIDE)
        budget = MemoryBudget(self.num_bytes)
        return ThreadReader(settings, budget) if self.jobs == 0 else ProcessReader(settings, budget)


def _default_jobs() -> int:
    usable = getattr(os, "sched_getaffinity", None)
    return min(_MOST_JOBS, (len(usable(0)) if usable else os.cpu_count()) or 1)


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

    @property
    def state(self) -> FileState:
        """What the file was when it was read."""
        return FileState(self.size, self.mtime_ns)


@dataclass(frozen=True, slots=True)
class SkippedPicture:
    """A file that could not be read as a picture.

    Attributes:
        path: relative to the base of the index.
        reason: short and countable, such as ``"empty file"``.
        message: the whole story.
        state: of the file, where reading it again would come to the same.
    """

    path: str
    reason: str
    message: str
    state: FileState | None = None


def read_files(
    base: Path,
    paths: Sequence[str],
    *,
    is_known: Callable[[str], bool],
    decoding: Decoding,
    ahead: int,
) -> Generator[PictureFile | SkippedPicture, None, None]:
    """Read files and yield them in the order of ``paths``.

    Args:
        base: what the paths are relative to.
        is_known: is asked, from several threads, whether the content of a hash needs no decoding.
        ahead: at most so many files are read before they are asked for, beside those in work.

    Raises:
        InputError: if no process can be started.
    """
    reader = decoding.reader()
    named = ((path, picture_path(base, path)) for path in paths)
    threads = decoding.threads_for(len(paths))
    try:
        yield from read_named(reader, named, is_known=is_known, threads=threads, ahead=ahead)
    finally:
        reader.close()


def read_named(
    reader: FileReader,
    files: Iterable[tuple[str, FileSource]],
    *,
    is_known: Callable[[str], bool],
    threads: int,
    ahead: int,
) -> Generator[PictureFile | SkippedPicture, None, None]:
    """Read files and yield them in their order, whatever they lie in; see :func:`read_files`.

    Args:
        reader: is left open.
        files: id and file of each; they are taken no earlier than is needed to read ahead.
        threads: that read at the same time.
    """
    waiting: deque[Future[PictureFile | SkippedPicture]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="lexret-read")
    try:
        for path, source in files:
            waiting.append(pool.submit(_read, reader, path, source, is_known))
            if len(waiting) > ahead + threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # files that are being read end when the reader is closed
        pool.shutdown(wait=False, cancel_futures=True)


def _read(
    reader: FileReader, path: str, source: FileSource, is_known: Callable[[str], bool]
) -> PictureFile | SkippedPicture:
    outcome = reader.read(source, is_known=is_known)
    if isinstance(outcome, Refusal):
        return SkippedPicture(path, outcome.reason, outcome.message, outcome.state)
    state = outcome.state
    return PictureFile(
        path,
        state.size,
        state.mtime_ns,
        outcome.sha256,
        outcome.picture,
        outcome.tags,
        outcome.sidecar_ns,
    )
