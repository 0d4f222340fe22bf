"""The compiled search says what the plain one says, to the last bit."""

from __future__ import annotations

import threading
import zlib
from pathlib import Path

import numpy as np
import pytest

from lexret.engine import EmbeddedIndexWriter, open_index
from lexret.engine.postings.acceleration import EngineSwitch
from lexret.engine.query.query import Query
from lexret.engine.store.checked import CheckedArray
from lexret.errors import CorruptError, InputError, MissingError
from lexret.sparse import LexicalVector, SparseBatch
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
    (segment,) = compiled.segments
    assert len(segment.posting_lists.dense_terms_R) > 3
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
    switch, ready, prepared = EngineSwitch("auto"), threading.Event(), []

    def prepare() -> None:
        ready.wait(60)
        prepared.append(True)

    assert switch.is_undecided
    assert not switch.count(1000, prepare)
    assert not switch.count(100_000_000, prepare)  # searches do not wait for it
    assert not switch.count(100_000_000, prepare)
    ready.set()
    switch.wait()
    assert switch.count(1, prepare)
    assert (switch.is_undecided, prepared) == (False, [True])
    for engine, use_compiled in (("numpy", False), ("compiled", True)):
        fixed = EngineSwitch(engine)
        assert (fixed.is_undecided, fixed.use_compiled) == (False, use_compiled)


def test_an_index_that_reads_much_searches_compiled_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lexret.engine.postings.acceleration._WORTH_LOADING", 10)
    vocabulary = small_index(tmp_path)
    index, plain = open_index(tmp_path), open_index(tmp_path, engine="numpy")
    query = SparseBatch.from_words([{"w0": 1.0, "w30": 0.5}], vocabulary)
    before = [index.search(query, k=5) for _ in range(12)]
    index._searcher.switch.wait()
    assert index._searcher.switch.use_compiled
    assert index.search(query, k=5) == before[0] == before[-1] == plain.search(query, k=5)


def small_index(path: Path) -> Vocabulary:
    rng = np.random.default_rng(0)
    vocabulary = Vocabulary(f"w{i}" for i in range(NUM_WORDS))
    with EmbeddedIndexWriter.create(path, vocabulary, model_id="test-1") as writer:
        writer.add([f"{i:06d}" for i in range(5000)], zipf_batch(rng, 5000, vocabulary))
        writer.commit()
    return vocabulary


@pytest.mark.parametrize("k", [79, 5000, 2**62])
def test_any_number_of_hits_may_be_asked_for(tmp_path: Path, k: int) -> None:
    vocabulary = small_index(tmp_path)
    queries = zipf_batch(np.random.default_rng(1), 3, vocabulary)
    plain = open_index(tmp_path, engine="numpy").search(queries, k=k)
    assert open_index(tmp_path, engine="compiled").search(queries, k=k) == plain


@pytest.mark.parametrize(
    ("term_ids", "weights"), [([1, 1000], [1, 1]), ([-5, 1], [1, 1]), ([2, 1], [1, 1]), ([1], [-1])]
)
def test_a_query_made_by_hand_that_breaks_the_rules_is_refused(
    tmp_path: Path, term_ids: list[int], weights: list[float]
) -> None:
    vocabulary = small_index(tmp_path)
    vector = LexicalVector(np.array(term_ids, np.int32), np.array(weights, np.float32), vocabulary)
    for engine in ("numpy", "compiled"):
        with pytest.raises(InputError):
            open_index(tmp_path, engine=engine).find(Query(vector=vector))


def test_documents_beyond_the_last_are_noticed(tmp_path: Path) -> None:
    vocabulary = small_index(tmp_path)
    index = open_index(tmp_path, engine="compiled")
    (segment,) = index.segments
    lows = segment.posting_lists.lows.values.copy()
    lows[:] = 150  # the last run has 136 documents
    path = segment.folder / "lows.bin"
    segment.posting_lists.lows = CheckedArray(lows, [zlib.crc32(lows)], path, "lows")
    rare = SparseBatch.from_words([{"w0": 1.0, "w30": 1.0, "w40": 1.0, "w50": 5.0}], vocabulary)
    with pytest.raises(CorruptError, match="beyond the last"):
        index.search(rare, k=20)


def test_numba_that_cannot_be_loaded_leaves_the_plain_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(name: str) -> None:
        raise RuntimeError("cannot cache function")

    monkeypatch.setattr("lexret.engine.postings.acceleration.importlib.import_module", fail)
    switch = EngineSwitch("auto")
    switch.count(10**9, lambda: None)
    switch.wait()
    assert (switch.is_undecided, switch.use_compiled) == (False, False)
    assert "cannot cache function" in caplog.text
    small_index(tmp_path)
    with pytest.raises(MissingError, match="NUMBA_CACHE_DIR"):
        open_index(tmp_path, engine="compiled")


def test_unknown_engines_and_no_threads_are_refused(tmp_path: Path) -> None:
    small_index(tmp_path)
    with pytest.raises(InputError, match="numba"):
        open_index(tmp_path, engine="numba")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least 1 thread"):
        open_index(tmp_path, threads=0)
