"""A humble picture encoder, and the small vectors and indexes of the engine's tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary
from tests.engine.conftest import batch, make_index, random_batch, words

__all__ = ["batch", "make_index", "random_batch", "words"]


class ColourEncoder:
    """Names the colours of a picture: a whole, if humble, picture encoder.

    Args:
        precision: what it says it computes in.

    Attributes:
        num_encoded: pictures that went through it.
        sizes: of these pictures.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        model_id: str = "colours-1",
        *,
        precision: str = "float32",
    ) -> None:
        self._vocabulary, self._model_id = vocabulary, model_id
        self.precision = precision
        self.num_encoded = 0
        self.sizes: list[tuple[int, int]] = []

    @property
    def vocabulary(self) -> Vocabulary:
        return self._vocabulary

    @property
    def model_id(self) -> str:
        return self._model_id

    def encode(self, items: Sequence[Image.Image], *, batch_size: int = 32) -> SparseBatch:
        assert len(items) <= batch_size
        dense = np.zeros((len(items), len(self._vocabulary)), dtype=np.float32)
        for row, image in enumerate(items):
            dense[row, :3] = np.asarray(image).reshape(-1, 3).mean(axis=0)
        dense /= np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9)
        self.num_encoded += len(items)
        self.sizes += [image.size for image in items]
        return SparseBatch.from_dense(dense, self._vocabulary)


@pytest.fixture
def colours() -> ColourEncoder:
    """An encoder with the words red, green and blue."""
    return ColourEncoder(Vocabulary(["red", "green", "blue"]))
