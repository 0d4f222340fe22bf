"""The compiled search says what the plain one says, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lexret.index import EmbeddedIndexWriter, open_index
from lexret.index.acceleration import Pace
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

pytest.importorskip("numba")

NUM_WORDS = 60


def zipf_batch(
    rng: np.random.Generator, num_rows: int, vocabulary: Vocabulary, levels: int = 0
) -> SparseBatch:
    """Rows of words from everywhere to rare; with ``levels``, weights are few (ties)."""
    use = np.minimum(1.0, 3.0 / np.arange(1, NUM_WORDS + 1))
    dense = rng.lognormal(-1, 0.6, (num_rows, NUM_WORDS)) * (
        rng.random((num_rows, NUM_WORDS)) < use
    )
    if levels:
        dense = np.ceil(dense * levels) / levels
    return SparseBatch.from_dense(dense.astype(np.float32), vocabulary)


@pytest.mark.parametrize("weights", ["exact", "8bit"])
@pytest.mark.parametrize("levels", [0, 2])
def test_both_ways_agree_over_chunks_deletions_and_ties(
    tmp_path: Path, weights: str, levels: int
) -> None:
    rng = np.random.default_rng(levels)
    vocabulary = Vocabulary(f"w{i}" for i in range(NUM_WORDS))
    num_documents = 70_000
    ids = [f"{i:06d}" for i in range(num_documents)]
    with EmbeddedIndexWriter.create(
        tmp_path, vocabulary, model_id="test-1", weights=weights
    ) as writer:
        writer.add(ids, zipf_batch(rng, num_documents, vocabulary, levels))
        writer.commit()
        writer.delete(ids[::7])
        writer.commit()
    queries = zipf_batch(rng, 40, vocabulary, levels)
    plain = open_index(tmp_path, engine="numpy")
    compiled = open_index(tmp_path, engine="compiled", threads=2)
    (segment,) = compiled._segments
    assert len(segment.stored.dense_terms_R) > 3
    for k in (1, 10, 300):
        assert compiled.search(queries, k=k) == plain.search(queries, k=k)


def test_weights_of_extreme_size_and_few_hits_take_the_plain_way(tmp_path: Path) -> None:
    vocabulary = Vocabulary(["small", "large", "rare"])
    num_documents = 2000
    dense = np.zeros((num_documents, 3), np.float32)
    dense[:, 0] = np.linspace(1, 2, num_documents) * 1e-30
    dense[:, 1] = np.linspace(1, 2, num_documents) * 3e37
    dense[5, 2] = 1.0
    with EmbeddedIndexWriter.create(tmp_path, vocabulary, model_id="test-1") as writer:
        writer.add(
            [f"{i:04d}" for i in range(num_documents)], SparseBatch.from_dense(dense, vocabulary)
        )
        writer.commit()
    plain = open_index(tmp_path, engine="numpy")
    compiled = open_index(tmp_path, engine="compiled")
    queries = SparseBatch.from_words(
        [{"small": 1e-20}, {"large": 30.0}, {"rare": 1.0}, {"small": 1.0, "rare": 1e-30}],
        vocabulary,
    )
    assert compiled.search(queries, k=5) == plain.search(queries, k=5)
    assert all(plain.search(queries, k=5))


def test_the_compiled_way_is_taken_when_it_is_worth_it() -> None:
    pace = Pace("auto")
    assert pace.asks
    assert not pace.counted(1000)
    assert pace.counted(100_000_000)
    assert not pace.asks
    assert (Pace("numpy").asks, Pace("numpy").is_worth_it) == (False, False)
    assert (Pace("compiled").asks, Pace("compiled").is_worth_it) == (False, True)
