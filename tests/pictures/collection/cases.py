"""A hostile picture file and what is expected of reading it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from PIL import Image

Colour = tuple[int, int, int]
Quarters = tuple[Colour, Colour, Colour, Colour]

# Top left, top right, bottom left, bottom right.
QUARTERS: Final[Quarters] = ((220, 30, 30), (30, 190, 40), (40, 40, 220), (230, 220, 40))
GREYS: Final[Quarters] = ((20, 20, 20), (90, 90, 90), (160, 160, 160), (235, 235, 235))
SIZE: Final = (64, 48)

# What a file that is no picture, or is one no more, may be refused as.
DAMAGED: Final = frozenset({"damaged", "truncated", "not a picture"})
TOO_LARGE: Final = frozenset({"too many pixels"})
EMPTY: Final = frozenset({"empty file"})
# Bits that lie anywhere may claim any size, and make a TIFF file of any kind.
ANYTHING: Final = DAMAGED | TOO_LARGE | {
    "unsupported kind of TIFF", "raw file without a preview", "empty file",
}  # fmt: skip
# What begins like this is a damaged picture, and not none.
SIGNS: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"qoif", b"\x00\x00\x01\x00")


@dataclass(frozen=True)
class Case:
    """A file and what is expected of reading it.

    Attributes:
        name: of the file, as bytes of the file system.
        data: its content.
        size: of the upright picture; ``None`` where any will do.
        quarters: colours in the middle of its quarters, top left first; ``None``: any.
        refused: reasons for which it may be refused; empty where it must be read.
        may_be_read: whether it may be read too, though it may be refused.
        tolerance: how far a colour's channel may be off.
    """

    name: bytes
    data: bytes
    size: tuple[int, int] | None = None
    quarters: Quarters | None = None
    refused: frozenset[str] = frozenset()
    may_be_read: bool = False
    tolerance: int = 60

    @property
    def path(self) -> str:
        """The name as Python says it."""
        return os.fsdecode(self.name)

    def fault(self, outcome: Read | Refused) -> str | None:
        """Say what is wrong with an outcome; ``None`` where it is as expected."""
        if isinstance(outcome, Refused):
            return self._fault_of_refusal(outcome)
        if self.refused and not self.may_be_read:
            return f"read as {outcome.size}, expected a refusal: {sorted(self.refused)}"
        if self.size is not None and outcome.size != self.size:
            return f"read as {outcome.size}, expected {self.size}"
        if self.quarters is not None:
            for found, expected in zip(outcome.quarters, self.quarters, strict=True):
                if any(abs(a - b) > self.tolerance for a, b in zip(found, expected, strict=True)):
                    return f"quarters {outcome.quarters}, expected {self.quarters}"
        return None

    def _fault_of_refusal(self, outcome: Refused) -> str | None:
        if outcome.reason not in self.refused or (
            outcome.reason == "not a picture" and self.data.startswith(SIGNS)
        ):
            return f"refused as {outcome.reason!r} ({outcome.message})"
        if self.path not in outcome.message:
            return f"the message does not name the file: {outcome.message}"
        if len(outcome.message) - len(self.path) > 700 or "\n" in outcome.message.replace(
            self.path, ""
        ):
            return f"the message is too long or has several lines: {outcome.message[:200]!r}"
        return None


@dataclass(frozen=True)
class Read:
    """A picture that was read: its size in the file, upright, and the colours of its quarters."""

    size: tuple[int, int]
    quarters: Quarters

    @classmethod
    def of(cls, image: Image.Image, size: tuple[int, int]) -> Read:
        """Look at a picture that may be smaller than the file's."""
        width, height = image.size
        places = [(x * width // 4, y * height // 4) for y in (1, 3) for x in (1, 3)]
        found = [image.getpixel((min(x, width - 1), min(y, height - 1))) for x, y in places]
        return cls(size, tuple(found))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Refused:
    """A picture that was refused."""

    reason: str
    message: str


def quartered(
    mode: str = "RGB", size: tuple[int, int] = SIZE, colours: Quarters = QUARTERS
) -> Image.Image:
    """A picture of four quarters."""
    width, height = size
    image = Image.new("RGB", size)
    for number, colour in enumerate(colours):
        left, top = number % 2 * (width // 2), number // 2 * (height // 2)
        image.paste(colour, (left, top, width, height))
    return image.convert(mode)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    """A picture as a file."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def numbered(family: str, ending: str) -> Iterator[bytes]:
    """Names that say where a case comes from."""
    number = 0
    while True:
        yield f"{family}-{number:04}.{ending}".encode()
        number += 1
