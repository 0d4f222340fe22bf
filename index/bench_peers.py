"""Other sparse engines of PyPI as the search benchmark runs them: one thread, query by query."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from bench_data import Csr, K, num_words_of
from bench_engines import Packages


class _ColumnEngine:
    """Holds the collection word by word, in memory, as the engines below want it."""

    dense = False
    _bytes = 0

    def __init__(self, folder: Path, data: Path) -> None:
        self._num_words = num_words_of(data)

    def _columns(self, documents: Csr) -> dict[str, Any]:
        from scipy.sparse import csr_matrix

        indptr, words, weights = documents
        shape = (len(indptr) - 1, self._num_words)
        matrix = csr_matrix((weights, words, indptr), shape=shape).tocsc()
        starts = matrix.indptr.astype(np.int64)
        arrays = (matrix.data, matrix.indices, starts)
        self._bytes = sum(int(array.nbytes) for array in arrays)
        return {
            "data": matrix.data,
            "indices": matrix.indices.astype(np.int32),
            "indptr": starts,
            "num_docs": shape[0],
        }

    def disk_bytes(self) -> int:
        """Bytes in memory, which is what it would store."""
        return self._bytes


class Bm25sEngine(_ColumnEngine):
    """bm25s with numba. It has no query weights: all are 1, and recall shows what that costs."""

    packages: Packages = (("bm25s", "bm25s"), ("numba", "numba"), ("scipy", "scipy"))

    def build(self, documents: Csr) -> None:
        import bm25s

        self._engine = bm25s.BM25(backend="numba")
        self._engine.scores = self._columns(documents)
        self._engine.nonoccurrence_array = None

    def open(self) -> None:
        from bm25s.numba import selection

        self._topk = selection.topk

    def search(self, words: Any, weights: Any) -> list[int]:
        scores = self._engine.get_scores_from_ids(words)
        found: list[int] = self._topk(scores, k=K, sorted=True, backend="numba")[1].tolist()
        return found


class SpladeIndexEngine(_ColumnEngine):
    """splade-index with numba; its own entry wants a whole model, so its retrieval is called."""

    packages: Packages = (
        ("splade_index", "--no-deps splade-index"),
        ("numba", "numba"),
        ("scipy", "scipy"),
    )

    def build(self, documents: Csr) -> None:
        self._scores = self._columns(documents)

    def open(self) -> None:
        from splade_index.numba.retrieve_utils import _retrieve_numba_functional

        self._retrieve = _retrieve_numba_functional

    def search(self, words: Any, weights: Any) -> list[int]:
        numbers, _ = self._retrieve(
            query_tokens_ids=[words],
            query_tokens_weights=[weights],
            scores=self._scores,
            k=K,
            sorted=True,
            return_as="tuple",
            show_progress=False,
            n_threads=1,
            dtype="float32",
            int_dtype="int32",
        )
        found: list[int] = numbers[0].tolist()
        return found


class SeismicEngine:
    """Seismic, approximate: lists cut to 3,500 on average, clusters skipped by their summaries."""

    packages: Packages = (("seismic", "pyseismic-lsr"),)
    dense = False

    def __init__(self, folder: Path, data: Path) -> None:
        self._folder = folder
        self._num_words = num_words_of(data)

    def build(self, documents: Csr) -> None:
        import seismic

        names = np.array([f"w{n}" for n in range(self._num_words)], seismic.get_seismic_string())
        self._names = names
        indptr, words, weights = documents
        dataset = seismic.SeismicDataset()
        for row in range(len(indptr) - 1):
            part = slice(indptr[row], indptr[row + 1])
            dataset.add_document(str(row), names[words[part]], weights[part])
        self._index = seismic.SeismicIndex.build_from_dataset(dataset, doc_cut=300, num_threads=1)
        self._index.save(str(self._folder / "seismic"))

    def open(self) -> None:
        pass

    def search(self, words: Any, weights: Any) -> list[int]:
        hits = self._index.search(
            query_id="q",
            query_components=self._names[words],
            query_values=weights,
            k=K,
            query_cut=len(words),
            heap_factor=0.8,
        )
        return [int(doc_id) for _, _, doc_id in hits]

    def disk_bytes(self) -> int:
        return sum(one.stat().st_size for one in self._folder.glob("seismic*"))


class QdrantEdgeEngine:
    """qdrant-edge, Qdrant's engine without its server; exact, float32."""

    packages: Packages = (("qdrant_edge", "qdrant-edge-py"),)
    dense = False
    _POINTS_AT_ONCE = 1000

    def __init__(self, folder: Path, data: Path) -> None:
        self._folder = folder / "qdrant"
        self._folder.mkdir()

    def build(self, documents: Csr) -> None:
        import qdrant_edge as qdrant

        self._qdrant = qdrant
        config = qdrant.EdgeConfig(
            sparse_vectors={"words": qdrant.EdgeSparseVectorParams()}, max_search_threads=1
        )
        self._shard = qdrant.EdgeShard.create(str(self._folder), config)
        indptr, words, weights = documents
        points = []
        for row in range(len(indptr) - 1):
            part = slice(indptr[row], indptr[row + 1])
            vector = qdrant.SparseVector(words[part].tolist(), weights[part].tolist())
            points.append(qdrant.Point(row, {"words": vector}))
            if len(points) == self._POINTS_AT_ONCE or row == len(indptr) - 2:
                self._shard.update(qdrant.UpdateOperation.upsert_points(points))
                points = []
        self._shard.optimize()
        self._shard.flush()

    def open(self) -> None:
        pass

    def search(self, words: Any, weights: Any) -> list[int]:
        vector = self._qdrant.SparseVector(words.tolist(), weights.tolist())
        query = self._qdrant.Query.Nearest(vector, using="words")
        hits = self._shard.query(self._qdrant.QueryRequest(limit=K, query=query))
        return [hit.id for hit in hits]

    def disk_bytes(self) -> int:
        """Bytes taken, not the longer lengths of files that it reserves with holes in them."""
        return sum(512 * one.stat().st_blocks for one in self._folder.rglob("*") if one.is_file())
