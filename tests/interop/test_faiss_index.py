"""FAISS indexes compared with a plain matrix product."""

from __future__ import annotations

import importlib.util
import sys
from typing import get_args

import numpy as np
import pytest

from lexret.errors import InputError, MissingPackageError
from lexret.interop.faiss_index import FaissIndex, FaissKind, FaissSettings

needs_faiss = pytest.mark.skipif(
    importlib.util.find_spec("faiss") is None, reason="lexret[dense]: no faiss"
)


def unit_vectors(num_rows: int, *, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(num_rows, 16)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@needs_faiss
@pytest.mark.parametrize("kind", get_args(FaissKind))
def test_every_kind_finds_what_a_matrix_product_finds(kind: FaissKind) -> None:
    vectors, queries = unit_vectors(300), unit_vectors(20, seed=1)
    ids = [f"{number}.jpg" for number in range(300)]
    settings = FaissSettings(kind=kind, num_probes=1000)
    index = FaissIndex(ids, vectors, settings)
    scores = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    for row, hits in enumerate(index.search(queries, k=5)):
        best = sorted(range(300), key=lambda column: -scores[row, column])[:5]
        assert [hit.doc_id for hit in hits] == [ids[column] for column in best]
        assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5]
        assert [hit.score for hit in hits] == pytest.approx(scores[row, best].tolist(), abs=1e-5)
    assert len(index) == 300
    assert index.dimension == 16


@needs_faiss
@pytest.mark.parametrize("kind", get_args(FaissKind))
def test_equal_vectors_come_in_the_order_of_their_ids(kind: FaissKind) -> None:
    index = FaissIndex(["b", "ä", "a"], np.ones((3, 4), np.float32), FaissSettings(kind=kind))
    (hits,) = index.search(np.ones((1, 4), np.float32), k=10)
    assert [hit.doc_id for hit in hits] == ["a", "b", "ä"]


@needs_faiss
@pytest.mark.parametrize("kind", get_args(FaissKind))
def test_nothing_is_found_among_nothing(kind: FaissKind) -> None:
    index = FaissIndex([], np.empty((0, 4), np.float32), FaissSettings(kind=kind))
    assert index.search(np.ones((2, 4), np.float32)) == [[], []]


@needs_faiss
def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="distinct id"):
        FaissIndex(["a", "a"], unit_vectors(2))
    with pytest.raises(InputError, match="float32"):
        FaissIndex(["a"], np.ones((1, 4)))  # type: ignore[arg-type]
    index = FaissIndex(["a"], unit_vectors(1))
    with pytest.raises(InputError, match="dimensions"):
        index.search(np.ones((1, 4), np.float32))
    with pytest.raises(InputError, match="at least 1"):
        index.search(unit_vectors(1), k=0)
    with pytest.raises(InputError, match="finite"):
        index.search(np.full((1, 16), np.nan, np.float32))


def test_without_faiss_the_install_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingPackageError, match="pip install 'faiss-cpu"):
        FaissIndex(["a"], unit_vectors(1))
