"""Reads whole picture files: their state, their hash, and what is in them.

What happens with one file stands in :func:`read_file`, whether it is read in this process or in
another; see :mod:`lexret.pictures.processes`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import IO, Final, Protocol

from lexret.errors import ImageError
from lexret.pictures.decoding import Picture, read_picture, read_tags, unreadable
from lexret.pictures.exif import CameraTags
from lexret.pictures.memory import MemoryBudget
from lexret.pictures.metadata.picture_notes import read_notes
from lexret.pictures.metadata.sidecars import sidecar_state
from lexret.pictures.opening import Admission


@dataclass(frozen=True)
class ReadSettings:
    """How pictures are read.

    Attributes:
        max_pixels: larger pictures are refused.
        min_side: see :func:`lexret.pictures.decoding.read_picture`.
        max_seconds: processor time that a process spends on one file; a file that keeps a decoder
            busy for longer is taken for one that it never ends with.
    """

    max_pixels: int
    min_side: int | None = None
    max_seconds: int = 300


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file was when it was read: another one is another file, or has changed.

    Attributes:
        size: in bytes.
        mtime_ns: time of the last change, in nanoseconds.
    """

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> FileState:
        """Return the state of a file."""
        return cls(found.st_size, found.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A picture file that is held in memory, such as a member of an archive.

    Attributes:
        name: what messages call it.
        content: its bytes.
        mtime_ns: time of the last change, in nanoseconds.
    """

    name: str
    content: bytes
    mtime_ns: int

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> FileState:
        """What the file is known by."""
        return FileState(len(self.content), self.mtime_ns)


FileSource = Path | HeldFile


@dataclass(frozen=True)
class FileContent:
    """A file that was read.

    Attributes:
        state: of the file.
        sha256: of the content, in hexadecimal digits.
        picture: what is in it; ``None`` where the content was known and was not decoded.
        tags: what is written of it, in the file and beside it.
        sidecar_ns: what the XMP files beside it are known by.
    """

    state: FileState
    sha256: str
    picture: Picture | None
    tags: CameraTags
    sidecar_ns: int


@dataclass(frozen=True)
class Refusal:
    """A file that was not read.

    Attributes:
        reason: short and countable, such as ``"empty file"``.
        message: the whole story.
        state: of the file, where it is what lies in the file that cannot be read: reading it again
            comes to the same. ``None`` where the system withheld it.
    """

    reason: str
    message: str
    state: FileState | None = None


Outcome = FileContent | Refusal
OUT_OF_MEMORY: Final = "out of memory"


class FileReader(Protocol):
    """Reads files one by one, for several threads at once."""

    def read(self, path: FileSource, *, is_known: Callable[[str], bool]) -> Outcome:
        """Read a file; ``is_known`` is asked whether the content of a hash needs no decoding."""

    def close(self) -> None:
        """Let go of what the reader holds; what is being read then is not finished."""


def read_file(
    path: FileSource,
    settings: ReadSettings,
    *,
    is_known: Callable[[str], bool],
    admit: Admission = nullcontext,
) -> Outcome:
    """Read a file: hash it, and decode it where its content is not known.

    Args:
        admit: see :func:`lexret.pictures.decoding.read_picture`.
    """
    state = None
    try:
        with opened(path) as file:
            state = state_of(path, file)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            picture = None
            if is_known(digest):
                tags = read_tags(file, str(path), max_pixels=settings.max_pixels)
            else:
                picture = read_picture(
                    file,
                    str(path),
                    max_pixels=settings.max_pixels,
                    min_side=settings.min_side,
                    admit=admit,
                )
                tags = picture.tags
        if isinstance(path, HeldFile):
            return FileContent(state, digest, picture, tags, 0)
        beside = sidecar_state(path)
        return FileContent(state, digest, picture, read_notes(path).added_to(tags), beside)
    except ImageError as error:
        return Refusal(error.reason, str(error), state)
    except MemoryError:
        return Refusal(OUT_OF_MEMORY, f"{path} needs more memory than there is.", state)
    except OSError as error:
        refused = unreadable(Path(str(path)), error)
        return Refusal(refused.reason, str(refused))


def opened(source: FileSource) -> BytesIO | BufferedReader:
    """Open a file for reading; raises OSError if it cannot be."""
    return BytesIO(source.content) if isinstance(source, HeldFile) else source.open("rb")


def state_of(source: FileSource, file: IO[bytes]) -> FileState:
    """Return the state of a file that is open."""
    if isinstance(source, HeldFile):
        return source.state
    return FileState.of(os.fstat(file.fileno()))


class ThreadReader:
    """Reader of files that decodes them in the threads that call it.

    A decoder that dies takes the whole program with it; see
    :class:`lexret.pictures.processes.ProcessReader`.

    Args:
        budget: of memory, shared by all threads.
    """

    def __init__(self, settings: ReadSettings, budget: MemoryBudget) -> None:
        self._settings, self._budget = settings, budget

    def read(self, path: FileSource, *, is_known: Callable[[str], bool]) -> Outcome:
        """Read a file; see :func:`read_file`."""
        return read_file(path, self._settings, is_known=is_known, admit=self._budget.holding)

    def close(self) -> None:
        """Do nothing: it holds nothing."""
