"""Deletion and insertion with an encoder whose only word is one bright patch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from lexret.encoders.protocol import PatchEncoding, PatchGrid
from lexret.errors import InputError
from lexret.eval.patches.faithfulness import measure_faithfulness
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

GRID = PatchGrid(3, 3)


class Brightness:
    """Says "red" as strongly as the brightest of nine patches is red."""

    model_id = "brightness"
    vocabulary = Vocabulary(["red", "blue"])

    def _patches(self, image: Image.Image) -> np.ndarray:
        small = np.asarray(image.resize((3, 3), Image.Resampling.BOX), dtype=np.float32)
        return small[..., 0].reshape(9) / 255.0

    def encode(self, items: Sequence[Image.Image], *, batch_size: int = 32) -> SparseBatch:
        rows = np.array([[self._patches(picture).max(), 0.0] for picture in items])
        return SparseBatch.from_dense(rows, self.vocabulary)

    def encode_patches(self, images: Sequence[Image.Image]) -> list[PatchEncoding]:
        found = []
        for image, vector in zip(images, self.encode(images), strict=True):
            weights = self._patches(image)
            batch = SparseBatch.from_dense(
                np.stack([weights, np.zeros(9)], axis=1), self.vocabulary
            )
            winners = np.full(len(vector), weights.argmax(), np.int32)
            found.append(PatchEncoding(vector, batch, GRID, winners))
        return found


def picture(row: int, col: int) -> Image.Image:
    pixels = np.zeros((30, 30, 3), np.uint8)
    pixels[10 * row : 10 * row + 10, 10 * col : 10 * col + 10, 0] = 250
    return Image.fromarray(pixels)


def test_a_word_goes_with_its_patch_and_comes_with_it() -> None:
    told: list[tuple[int, int]] = []
    pictures = [picture(i // 3, i % 3) for i in range(9)]
    result = measure_faithfulness(pictures, Brightness(), progress=lambda *done: told.append(done))
    values = result.as_dict()
    # The one patch is covered first: the word falls to the plain colour's ninth at once.
    assert values["deletion"]["named_curve"][:2] == [1.0, pytest.approx(1 / 9, abs=0.01)]
    assert values["insertion"]["named_curve"][:2] == [pytest.approx(1 / 9, abs=0.01), 1.0]
    assert values["deletion"]["named"] < values["deletion"]["random"]
    assert values["insertion"]["named"] > values["insertion"]["random"]
    assert values["deletion"]["difference_interval"][1] < 0
    assert (values["num_words"], values["shares"][0], values["shares"][-1]) == (9, 0.0, 1.0)
    assert told[-1] == (9, 9)


def test_what_cannot_be_measured_is_an_error() -> None:
    with pytest.raises(InputError, match="20 steps are more than the 9 patches"):
        measure_faithfulness([picture(0, 0)], Brightness(), num_steps=20)
    with pytest.raises(InputError, match="None of the 1 pictures"):
        measure_faithfulness([Image.new("RGB", (30, 30))], Brightness())
