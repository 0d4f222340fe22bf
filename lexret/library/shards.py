"""Shards: indexes that each hold a part of the pictures of the same folders.

Machines that see the same folders index a shard each, without talking to each other. All shards
together are searched as one index (:mod:`lexret.library.joined_shards`), or become one
(``lexret merge``).

Which shard a picture belongs to follows from its path within its folder, and from nothing else:
not from where the folder is mounted, nor from what else is in it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lexret.errors import InputError

SHARDS_FOLDER: Final = ".lexret-shards"
_OPTION: Final = "shard="
_WRITTEN: Final = re.compile(r"([1-9]\d{0,5})/([1-9]\d{0,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """Shard of the pictures of some folders: ``number``, from 1, of ``total``."""

    number: int
    total: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read a shard as people write it, such as ``2/4``; raises InputError."""
        found = _WRITTEN.fullmatch(text)
        if found is None or int(found[1]) > int(found[2]):
            raise InputError(
                f"A shard is written I/N, from 1/N to N/N, such as 2/4; found {text!r}."
            )
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, options: Sequence[str]) -> Shard | None:
        """Return the shard that the options of an index record, if it is one."""
        found = [option for option in options if option.startswith(_OPTION)]
        return cls.parse(found[0].removeprefix(_OPTION)) if found else None

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"{self.number}/{self.total}"

    @property
    def option(self) -> str:
        """What an index records."""
        return f"{_OPTION}{self}"

    def holds(self, name: str) -> bool:
        """Whether a picture belongs to it.

        Args:
            name: the picture's path within its folder of pictures, in any normal form of Unicode.
        """
        composed = unicodedata.normalize("NFC", name).encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(composed, digest_size=8).digest()
        return int.from_bytes(digest) % self.total + 1 == self.number


def without_shard(options: Sequence[str]) -> tuple[str, ...]:
    """Return the options of an index but for the one that says which shard it is."""
    return tuple(option for option in options if not option.startswith(_OPTION))


def shard_place(folder: Path, shard: Shard) -> Path:
    """Return where a shard of a folder of pictures lies unless another place is named."""
    return folder / SHARDS_FOLDER / f"{shard.number}-of-{shard.total}"
