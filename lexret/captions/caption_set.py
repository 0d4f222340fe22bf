"""Sets of pictures with captions: what every source is read into, and the rules for captions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol, final

from PIL import Image

from lexret.errors import InputError
from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_image

_NUM_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class CaptionedImage:
    """Picture file with its captions.

    Attributes:
        name: the path as the captions file gives it.
        image: where the picture lies.
        captions: one or more texts, none of them blank.
        image_id: the picture's id in its collection; "" where it has none.
        caption_ids: the captions' ids there; empty where they have none.
        by_template: whether the captions were made from the name of a class or a file.
        objects: things in the picture, each with the share of the picture that it covers; empty
            where none were outlined.
    """

    name: str
    image: Path
    captions: tuple[str, ...]
    image_id: str = ""
    caption_ids: tuple[str, ...] = ()
    by_template: bool = False
    objects: Mapping[str, float] = field(default_factory=dict)


class CaptionSet(Protocol):
    """Set of N pictures with captions, in a fixed order; pictures are read on demand.

    Several threads may read pictures at once.
    """

    def __len__(self) -> int:
        """Number of pictures."""
        ...

    def name(self, i: int) -> str:
        """Name of picture ``i`` in messages; the same wherever the set lies."""
        ...

    def captions(self, i: int) -> tuple[str, ...]:
        """The captions of picture ``i``, one or more."""
        ...

    def by_template(self, i: int) -> bool:
        """Whether the captions of picture ``i`` were made from the name of a class or a file."""
        ...

    def objects(self, i: int) -> Mapping[str, float]:
        """Things in picture ``i`` and the share of it that each covers; empty if not outlined."""
        ...

    def image(self, i: int) -> Image.Image:
        """Read picture ``i``: RGB, upright, reduced as for an index.

        Raises:
            MissingError: if the file has gone since the set was opened.
            ImageError: if it is not a readable picture.
        """
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 over names and captions in order (not over the pictures' content)."""
        ...


@final
class FileCaptions:
    """Set of picture files with captions; implements :class:`CaptionSet`."""

    def __init__(self, items: Sequence[CaptionedImage]) -> None:
        self._items = tuple(items)

    def __len__(self) -> int:
        return len(self._items)

    def name(self, i: int) -> str:
        """The path as the captions file gives it."""
        return self._items[i].name

    def captions(self, i: int) -> tuple[str, ...]:
        """The captions of picture ``i``."""
        return self._items[i].captions

    def by_template(self, i: int) -> bool:
        """Whether the captions of picture ``i`` were made from a name."""
        return self._items[i].by_template

    def objects(self, i: int) -> Mapping[str, float]:
        """Things in picture ``i`` and the share of it that each covers."""
        return self._items[i].objects

    def image_id(self, i: int) -> str:
        """The picture's id in its collection, else its name."""
        return self._items[i].image_id or self._items[i].name

    def caption_ids(self, i: int) -> tuple[str, ...]:
        """The captions' ids in their collection, else the picture's with ``#0``, ``#1``, ..."""
        item = self._items[i]
        name = self.image_id(i)
        return item.caption_ids or tuple(f"{name}#{k}" for k in range(len(item.captions)))

    def image(self, i: int) -> Image.Image:
        """Read picture ``i``."""
        return open_image(self._items[i].image, min_side=ENCODING_MIN_SIDE)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over names and captions."""
        return captions_fingerprint((item.name, item.captions) for item in self._items)


def captions_fingerprint(items: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Return the SHA-256 of names and captions in order, each preceded by its length in bytes."""
    digest = hashlib.sha256()
    for name, captions in items:
        digest.update(len(captions).to_bytes(4, "little"))
        for text in (name, *captions):
            encoded = text.encode()
            digest.update(len(encoded).to_bytes(4, "little"))
            digest.update(encoded)
    return digest.hexdigest()


def check_captions(found: object, place: str, expected: str) -> tuple[str, ...]:
    """Return captions as a tuple.

    Args:
        found: the value in the place of the captions.
        place: where that is, for the message.
        expected: what should be there, for the message.

    Raises:
        InputError: unless it is a list of one or more texts that are not blank.
    """
    if not isinstance(found, list) or not all(map(is_text, found)):
        raise InputError(f"{place}: the captions are {shortened(found)}; {expected}.")
    if not found:
        raise InputError(f"{place}: there is no caption; {expected}.")
    blank = next((i for i, text in enumerate(found, start=1) if not text.strip()), None)
    if blank is not None:
        raise InputError(f"{place}: caption {blank} of {len(found)} is blank; {expected}.")
    return tuple(found)


def first_few(names: Sequence[str]) -> str:
    """Return the first of some names as a message lists them, and how many more there are."""
    more = f" and {len(names) - _NUM_NAMED} more" if len(names) > _NUM_NAMED else ""
    return ", ".join(names[:_NUM_NAMED]) + more


def is_text(value: object) -> bool:
    """Tell whether a value of JSON is a text of whole characters."""
    # JSON can spell half a surrogate pair ("\\ud83d"), which is not a character.
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)


def shortened(value: object) -> str:
    """Return a value as a message shows it, cut off where it is long."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
