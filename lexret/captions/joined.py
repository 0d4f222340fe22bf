"""Joined caption sets: several sets of captioned pictures as one."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import final

from PIL import Image

from lexret.captions.caption_set import CaptionSet


@final
class JoinedCaptions:
    """Set of several sets' pictures, one after the other; implements :class:`CaptionSet`.

    Attributes:
        sets: the sets.
        sizes: how many pictures each holds.
    """

    def __init__(self, sets: Sequence[CaptionSet]) -> None:
        self.sets = tuple(sets)
        self.sizes = tuple(len(captions) for captions in self.sets)
        self._ends = tuple(accumulate(self.sizes))

    def __len__(self) -> int:
        return self._ends[-1]

    def name(self, i: int) -> str:
        """Name of picture ``i`` in its set."""
        captions, place = self._place(i)
        return captions.name(place)

    def captions(self, i: int) -> tuple[str, ...]:
        """The captions of picture ``i``."""
        captions, place = self._place(i)
        return captions.captions(place)

    def by_template(self, i: int) -> bool:
        """Whether the captions of picture ``i`` were made from a name."""
        captions, place = self._place(i)
        return captions.by_template(place)

    def objects(self, i: int) -> Mapping[str, float]:
        """Things in picture ``i`` and the share of it that each covers."""
        captions, place = self._place(i)
        return captions.objects(place)

    def image(self, i: int) -> Image.Image:
        """Read picture ``i``."""
        captions, place = self._place(i)
        return captions.image(place)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the sets' fingerprints, in order."""
        joined = "".join(captions.fingerprint for captions in self.sets)
        return hashlib.sha256(joined.encode()).hexdigest()

    def _place(self, i: int) -> tuple[CaptionSet, int]:
        number = bisect_right(self._ends, i)
        return self.sets[number], i - self._ends[number] + self.sizes[number]
