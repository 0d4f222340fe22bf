"""Small vectors and indexes for the tests of the index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexret.index.columns import FieldValue
from lexret.index.writer import EmbeddedIndexWriter
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

MakeBatch = Callable[..., SparseBatch]
MakeIndex = Callable[..., None]


@pytest.fixture(scope="session")
def words() -> Vocabulary:
    """Eight words, one of them a phrase."""
    return Vocabulary(["beach", "boat", "cat", "dog", "lake", "red", "sky", "traffic light"])


@pytest.fixture(scope="session")
def batch(words: Vocabulary) -> MakeBatch:
    """Make a batch of ``{word: weight}`` rows."""

    def make(*rows: Mapping[str, float]) -> SparseBatch:
        return SparseBatch.from_words(rows, words)

    return make


@pytest.fixture(scope="session")
def random_batch(words: Vocabulary) -> MakeBatch:
    """Make rows of random words; with ``levels``, weights are few distinct numbers (ties)."""

    def make(rng: np.random.Generator, num_rows: int, *, levels: int = 0) -> SparseBatch:
        shape = (num_rows, len(words))
        dense = rng.random(shape) * (rng.random(shape) < 0.4)
        if levels:
            dense = np.ceil(dense * levels) / levels
        return SparseBatch.from_dense(dense, words)

    return make


@pytest.fixture(scope="session")
def make_index(words: Vocabulary) -> MakeIndex:
    """Write a new index of one commit."""

    def make(
        path: Path,
        doc_ids: Sequence[str],
        vectors: SparseBatch,
        *,
        fields: Mapping[str, Sequence[FieldValue]] | None = None,
    ) -> None:
        with EmbeddedIndexWriter.create(path, words, model_id="test-0123456789ab") as writer:
            writer.add(doc_ids, vectors, fields=fields)
            writer.commit()

    return make


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
