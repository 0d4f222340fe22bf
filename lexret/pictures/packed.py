"""Pictures that lie in files of many, such as tar shards, beside those in files of their own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from lexret.errors import MissingError


@dataclass(frozen=True, slots=True)
class PackedPicture:
    """Picture that lies in a file of many: a member of a tar shard, or a row of a Parquet file.

    Attributes:
        name: what messages call it.
        file: the file of many; it may be gone, or have changed.
        sha256: of the picture's bytes, in hexadecimal digits.
        read: returns its bytes, which have that hash. Raises MissingError where they are not in
            the file.
    """

    name: str
    file: Path
    sha256: str
    read: Callable[[], bytes]

    def __str__(self) -> str:
        return self.name


PictureFile: TypeAlias = Path | PackedPicture
"""What holds the bytes of a picture: a file of its own, or a place in a file of many."""


def is_there(picture: PictureFile) -> bool:
    """Whether the file that holds a picture is there."""
    return picture.file.is_file() if isinstance(picture, PackedPicture) else picture.exists()


def identity_of(picture: PictureFile, use: str = "") -> bytes:
    """Return what tells a picture from any other, and a file from what it was before a change.

    Args:
        use: what is made of the picture, for which there is to be an identity of its own.

    Raises:
        MissingError: if it is in a file of its own that is gone.
    """
    if isinstance(picture, PackedPicture):
        return hashlib.sha256(f"{picture.sha256} {use} ".encode()).digest()
    try:
        found = picture.stat()
    except OSError as error:
        raise MissingError(f"The file {picture.name} is not there any more.") from error
    told = f"{found.st_mtime_ns} {found.st_size} {use} ".encode()
    return hashlib.sha256(told + os.fsencode(picture)).digest()
