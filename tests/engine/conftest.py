"""Small vectors and indexes for the tests of the index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from lexret.engine.store.columns import FieldValue
from lexret.engine.writer import EmbeddedIndexWriter
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
