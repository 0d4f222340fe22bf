"""Compressed postings say what was put into them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexret.engine import EmbeddedIndex, EmbeddedIndexWriter, open_index
from lexret.engine.postings import blocks
from lexret.engine.postings.weight_codes import (
    MAX_ERROR,
    VALUES,
    from_codes,
    largest_error,
    to_codes,
)
from lexret.errors import CorruptError, InputError
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


def write(path: Path, batch: SparseBatch, *, weights: str = "exact") -> EmbeddedIndex:
    ids = [f"{i:07d}" for i in range(len(batch))]
    with EmbeddedIndexWriter.create(
        path, batch.vocabulary, model_id="test-1", weights=weights
    ) as writer:
        writer.add(ids, batch)
        writer.commit()
    return open_index(path)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    num_documents=st.sampled_from([1, 255, 256, 257, 600, 70_000]),
    shares=st.lists(st.sampled_from([0.0, 0.001, 0.02, 0.3, 0.9, 1.0]), min_size=1, max_size=6),
)
def test_postings_and_single_weights_come_back(
    tmp_path_factory: pytest.TempPathFactory, seed: int, num_documents: int, shares: list[float]
) -> None:
    rng = np.random.default_rng(seed)
    there = rng.random((num_documents, len(shares))) < shares
    dense = (rng.lognormal(-1, 0.6, there.shape) * there).astype(np.float32)
    vocabulary = Vocabulary(f"w{i}" for i in range(len(shares)))
    index = write(tmp_path_factory.mktemp("index"), SparseBatch.from_dense(dense, vocabulary))
    index.verify()
    (segment,) = index.segments
    for term in range(len(shares)):
        docs, weights = segment.postings(term)
        wanted = np.flatnonzero(dense[:, term])
        assert docs.tolist() == wanted.tolist()
        assert weights.tolist() == dense[wanted, term].tolist()
    some = np.unique(rng.integers(num_documents, size=20)).astype(np.int32)
    every = np.arange(len(shares), dtype=np.int32)
    assert np.array_equal(segment.weights_at(some, every), dense[some])
    mixed = rng.permutation(np.concatenate([some, some[:3]]))
    assert np.array_equal(segment.weights_at(mixed, every[::-1]), dense[mixed][:, ::-1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_LOOKED_AT", 50)
        assert np.array_equal(segment.weights_at(mixed, every), dense[mixed])


def test_a_word_of_every_picture_is_stored(tmp_path: Path) -> None:
    dense = np.ones((70_000, 2), np.float32)
    dense[1::2, 1] = 0
    index = write(tmp_path, SparseBatch.from_dense(dense, Vocabulary(["all", "half"])))
    (segment,) = index.segments
    assert segment.postings(0)[0].tolist() == list(range(70_000))
    assert segment.postings(1)[0].tolist() == list(range(0, 70_000, 2))


def test_dense_rows_bound_weights_from_above(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    dense = rng.lognormal(-1, 0.6, (5000, 30)) * (rng.random((5000, 30)) < 0.3)
    dense = dense.astype(np.float32)
    index = write(tmp_path, SparseBatch.from_dense(dense, Vocabulary(f"w{i}" for i in range(30))))
    stored = index.segments[0].posting_lists
    terms, scales = stored.dense_terms_R, stored.dense_scales_R[:, None]
    assert 3 <= len(terms) < 30
    bound = stored.dense_RN * scales.astype(np.float64)
    exact = dense[:, terms].T
    assert (bound >= exact * (1 - 1e-7)).all()
    assert (bound - exact <= scales * (1 + 1e-6)).all()
    assert ((stored.dense_RN > 0) == (exact > 0)).all()


def test_codes_keep_their_values_and_their_error_is_bounded() -> None:
    assert np.array_equal(to_codes(VALUES[1:]), np.arange(1, 256))
    weights = np.random.default_rng(0).lognormal(-1, 0.5, 100_000).clip(0, 9).astype(np.float32)
    codes = to_codes(weights)
    assert 0 < largest_error(weights, codes) <= MAX_ERROR * (1 + 1e-6)
    assert np.array_equal(to_codes(from_codes(codes)), codes)
    beyond = np.array([1e-9, 1e9], np.float32)
    assert to_codes(beyond).tolist() == [1, 255]
    assert largest_error(beyond[:1], to_codes(beyond[:1])) < 2 * MAX_ERROR
    assert largest_error(beyond[1:], to_codes(beyond[1:])) > 0.9


def test_merging_rounds_8_bit_weights_only_once_and_keeps_their_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    vocabulary = Vocabulary(f"w{i}" for i in range(5))
    dense = rng.lognormal(-1, 0.6, (40, 5)).astype(np.float32)
    whole = write(tmp_path / "whole", SparseBatch.from_dense(dense, vocabulary), weights="8bit")
    with EmbeddedIndexWriter.create(
        tmp_path / "parts", vocabulary, model_id="test-1", weights="8bit"
    ) as writer:
        for row in range(40):  # more commits than a level holds: they are merged
            writer.add([f"{row:07d}"], SparseBatch.from_dense(dense[row : row + 1], vocabulary))
            writer.commit()
    parts = open_index(tmp_path / "parts")
    assert len(parts.manifest.segments) < 40
    every = list(range(5))
    assert np.array_equal(
        parts.weights(parts.doc_ids(), every), whole.weights(whole.doc_ids(), every)
    )
    errors = [segment.weight_error for segment in parts.manifest.segments]
    assert max(errors) == whole.manifest.segments[0].weight_error > 0


def test_bytes_a_posting_stay_below_what_is_promised(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    use = np.minimum(0.4, 8.0 / np.arange(1, 401))
    dense = rng.lognormal(-1, 0.6, (6000, 400)) * (rng.random((6000, 400)) < use)
    batch = SparseBatch.from_dense(
        dense.astype(np.float32), Vocabulary(f"w{i}" for i in range(400))
    )
    for weights, most in (("exact", 5.85), ("8bit", 2.85)):
        index = write(tmp_path / weights, batch, weights=weights)
        files = index.manifest.segments[0].files
        size = sum(
            section.end for name, one in files.items() if name != "documents.bin"
            for section in list(one.values())[-1:]
        )  # fmt: skip
        assert size / index.num_postings <= most
        assert len(index.segments[0].posting_lists.dense_terms_R) > 0


def test_damaged_runs_are_noticed_when_they_are_read(tmp_path: Path) -> None:
    dense = np.ones((600, 1), np.float32)
    dense[::3] = 0
    write(tmp_path, SparseBatch.from_dense(dense, Vocabulary(["a"])))
    (file,) = tmp_path.rglob("sides.bin")
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(content)
    with pytest.raises(CorruptError, match="damaged"):
        open_index(tmp_path).segments[0].postings(0)
    with pytest.raises(CorruptError, match="checksum"):
        open_index(tmp_path).verify()


def test_an_unknown_kind_of_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exact"):
        EmbeddedIndexWriter.create(tmp_path, Vocabulary(["a"]), model_id="m-1", weights="4bit")


@pytest.mark.parametrize("weights", ["exact", "8bit"])
def test_scores_are_the_same_in_parts_and_take_less_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str
) -> None:
    rng = np.random.default_rng(3)
    dense = rng.lognormal(-1, 0.6, (140_000, 6)) * (rng.random((140_000, 6)) < 0.6)
    batch = SparseBatch.from_dense(dense, Vocabulary(f"w{i}" for i in range(6)))
    (segment,) = write(tmp_path / "index", batch, weights=weights).segments
    terms, query = np.array([0, 2, 3, 5], np.int32), np.array([0.3, 1.7, 0.01, 2.0], np.float32)
    segment.score(terms, query)  # what is read at all is checked now

    def peak() -> tuple[int, bytes]:
        tracemalloc.start()
        scores = segment.score(terms, query)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found, scores.tobytes()

    at_once, scores = peak()
    assert len(list(segment.posting_lists.parts(terms))) == 1
    monkeypatch.setattr(blocks, "_READ_TOGETHER", 1)
    in_parts, same = peak()
    assert [(part.start, part.stop) for part in segment.posting_lists.parts(terms)] == [
        (0, 65_536), (65_536, 131_072), (131_072, 140_000)
    ]  # fmt: skip
    assert same == scores
    monkeypatch.setattr(blocks, "_WORTH_ONE_BY_ONE", 1 << 30)
    assert segment.score(terms, query).tobytes() == scores
    held = segment.holding(2, above=0.5)
    assert (
        held.tolist() == (segment.weights_at(np.arange(140_000), terms[1:2])[:, 0] > 0.5).tolist()
    )
    # All of the postings against those of the largest chunk, and 8 bytes a document.
    assert in_parts < 0.6 * at_once


def test_ids_that_lie_together_are_looked_for_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = Vocabulary(["a"])
    batch = SparseBatch.from_words([{"a": 1.0}] * 4000, words)
    with EmbeddedIndexWriter.create(tmp_path / "index", words, model_id="m") as writer:
        writer.add([f"{number:05d}" for number in range(0, 8000, 2)], batch)
        writer.commit()
    (segment,) = open_index(tmp_path / "index").segments
    read: list[int] = []
    monkeypatch.setattr(
        type(segment),
        "id_at",
        lambda self, place: read.append(place) or f"{2 * place:05d}".encode(),
    )
    new = [b"03001" + b"%04d" % number for number in range(200)]
    assert segment.find(new) == [-1] * 200
    assert len(read) < 30  # two searches, whatever is asked for
    apart = [b"%05d" % number for number in range(1, 8000, 800)]
    assert segment.find(apart) == [-1] * 10
    assert len(read) < 300
    assert segment.find([b"03002", b"00000", b"07998", b"9"]) == [1501, 0, 3999, -1]
    assert segment.find([]) == []
    some = [f"{number:05d}".encode() for number in range(500, 2500)]
    assert segment.find(some) == [-1 if n % 2 else n // 2 for n in range(500, 2500)]
