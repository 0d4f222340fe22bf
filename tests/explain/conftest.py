"""A picture whose patches were written by hand: every number in the tests can be checked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from lexret.encoders.protocol import PatchEncoding, PatchGrid
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["sky", "dog", "ball", "grass", "red", "hidden"])

# A grid of 2 rows and 4 columns. "hidden" is too weak for the picture's own vector.
PATCHES = [
    {"sky": 0.5, "hidden": 0.0625},
    {"sky": 0.25},
    {},
    {"ball": 0.375, "red": 0.25},
    {"grass": 0.25, "dog": 0.125},
    {"grass": 0.125, "dog": 0.75},
    {"dog": 0.25},
    {"ball": 0.25, "red": 0.125},
]


@pytest.fixture
def words() -> Vocabulary:
    return WORDS


@pytest.fixture
def encoding() -> PatchEncoding:
    image = {"sky": 0.5, "dog": 0.75, "ball": 0.375, "grass": 0.25, "red": 0.25}
    return PatchEncoding(
        image=SparseBatch.from_words([image], WORDS).row(0),
        patches=SparseBatch.from_words(PATCHES, WORDS),
        grid=PatchGrid(2, 4),
        winning_patches=np.array([0, 5, 3, 4, 3], dtype=np.int32),
    )


class HandmadeEncoder:
    """Sees the same in every picture."""

    def __init__(self, encoding: PatchEncoding) -> None:
        self._encoding = encoding

    @property
    def vocabulary(self) -> Vocabulary:
        return self._encoding.image.vocabulary

    @property
    def model_id(self) -> str:
        return "handmade-0123456789ab"

    def encode(self, items: Sequence[Image.Image], *, batch_size: int = 32) -> SparseBatch:
        return SparseBatch.from_vectors([self._encoding.image for _ in items], self.vocabulary)

    def encode_patches(self, images: Sequence[Image.Image]) -> list[PatchEncoding]:
        return [self._encoding for _ in images]


@pytest.fixture
def encoder(encoding: PatchEncoding) -> HandmadeEncoder:
    return HandmadeEncoder(encoding)


@pytest.fixture
def silent_encoder(words: Vocabulary) -> HandmadeEncoder:
    """An encoder that finds no word."""
    nothing = SparseBatch.from_words([{}], words)
    patches = SparseBatch.from_words([{} for _ in range(8)], words)
    none_won = np.empty(0, dtype=np.int32)
    return HandmadeEncoder(PatchEncoding(nothing.row(0), patches, PatchGrid(2, 4), none_won))


@pytest.fixture
def photo() -> Image.Image:
    """A picture of 400 x 200 pixels: patches of 100 x 100."""
    return Image.new("RGB", (400, 200), (128, 128, 128))
