"""The process that reads picture files for another one; it imports only what decoding needs.

:mod:`lexret.pictures.processes` starts it and says which file is next. Between the file's name and
the outcome the worker asks back twice: whether the content of this hash is known, and, with the
bytes that decoding takes, whether to go on.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from PIL import Image

from lexret.pictures.reading import FileContent, FileSource, ReadSettings, read_file


@dataclass(frozen=True)
class Ready:
    """Said once: the worker has started."""


@dataclass(frozen=True)
class Hashed:
    """Asks whether the content of a hash is known; the answer is a bool."""

    sha256: str


@dataclass(frozen=True)
class Costs:
    """Asks to go on with a picture that takes so many bytes; the answer may take its time."""

    num_bytes: int


@dataclass(frozen=True)
class Decoded:
    """The outcome of a file whose picture was decoded.

    Attributes:
        content: but for the image, which is empty.
        size: of the image, whose bytes lie at the beginning of the shared file.
    """

    content: FileContent
    size: tuple[int, int]


def main(handle: int, shared: int, values: Mapping[str, Any]) -> None:
    """Read files until the other side closes the connection.

    Args:
        handle: of the connection, inherited.
        shared: of a file that pictures go through, which is faster than the connection.
        values: of :class:`~lexret.pictures.reading.ReadSettings`.
    """
    _be_the_first_to_go()
    settings = ReadSettings(**values)
    connection: Connection = Connection(handle)

    def is_known(sha256: str) -> bool:
        connection.send(Hashed(sha256))
        return bool(connection.recv())

    @contextmanager
    def admit(num_bytes: int) -> Iterator[None]:
        connection.send(Costs(num_bytes))
        connection.recv()
        yield  # the other side knows by the outcome that the bytes are free again

    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        connection.send(Ready())
        while True:
            path: FileSource = connection.recv()
            _limit_time(settings.max_seconds)
            outcome = read_file(path, settings, is_known=is_known, admit=admit)
            if isinstance(outcome, FileContent) and outcome.picture is not None:
                image = outcome.picture.image
                with open(shared, "wb", buffering=0, closefd=False) as pixels:
                    pixels.seek(0)
                    pixels.write(image.tobytes())
                bare = replace(outcome.picture, image=Image.new("RGB", (0, 0)))
                connection.send(Decoded(replace(outcome, picture=bare), image.size))
            else:
                connection.send(outcome)


def _be_the_first_to_go() -> None:
    """Let the system end this process, and not the one that started it, where memory runs out."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is told, not written to the disk
    with suppress(OSError):  # Linux has it
        Path("/proc/self/oom_score_adj").write_text("1000")


def _limit_time(max_seconds: int) -> None:
    """Let the system end this process where the next file takes it too much processor time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + 1 + max_seconds
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard == resource.RLIM_INFINITY or seconds < hard:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, hard))
