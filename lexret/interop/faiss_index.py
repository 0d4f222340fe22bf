"""FAISS index of dense vectors, for comparison: Flat, HNSW and IVF (``lexret[dense]``).

Shapes: N documents, Q queries, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lexret.arguments import require_several
from lexret.engine.protocol import SearchHit
from lexret.engine.store.columns import encode_text
from lexret.errors import InputError, MissingPackageError
from lexret.sparse import FloatArray

FaissKind = Literal["flat", "hnsw", "ivf"]
# FAISS warns if a list has fewer vectors to learn its centre from.
_VECTORS_A_LIST = 39


@dataclass(frozen=True, slots=True)
class FaissSettings:
    """Settings by which FAISS trades memory and recall for time.

    Attributes:
        kind: ``flat`` compares with every vector, exactly; ``hnsw`` walks a graph of neighbours;
            ``ivf`` looks into the lists whose centres are nearest.
        num_neighbours: links of a vector in the graph (its lowest level has twice as many).
        ef_construction: candidates kept while the graph is built.
        ef_search: candidates kept while it is searched; never fewer than k.
        num_lists: lists; None: 4 sqrt(N), as FAISS's guidelines say, or fewer if each would have
            too few vectors to learn from.
        num_probes: lists that a query searches.
    """

    kind: FaissKind = "flat"
    num_neighbours: int = 32
    ef_construction: int = 200
    ef_search: int = 128
    num_lists: int | None = None
    num_probes: int = 16


class FaissIndex:
    """FAISS index of dense vectors by inner product, in memory.

    FAISS uses as many threads as ``faiss.omp_set_num_threads`` says.

    Args:
        doc_ids: distinct ids, one per row.
        vectors_ND: float32, finite.

    Raises:
        MissingPackageError: if faiss is not installed.
        InputError: if ids are repeated, or do not match the vectors.
    """

    def __init__(
        self,
        doc_ids: Sequence[str],
        vectors_ND: FloatArray,
        settings: FaissSettings = FaissSettings(),
    ) -> None:
        require_several(doc_ids, "document ids")
        faiss = _import_faiss()
        _check(vectors_ND)
        if len(doc_ids) != len(vectors_ND) or len(set(doc_ids)) != len(doc_ids):
            raise InputError(
                f"{len(set(doc_ids))} distinct ids among {len(doc_ids)} stand beside "
                f"{len(vectors_ND)} vectors; expected one distinct id a vector."
            )
        order = sorted(range(len(doc_ids)), key=lambda row: _sort_key(doc_ids[row]))
        self._doc_ids = [doc_ids[row] for row in order]
        self._dimension = int(vectors_ND.shape[1])
        self._settings = settings
        rows_ND = np.ascontiguousarray(vectors_ND[order])
        self._index = _make(faiss, settings, rows_ND)
        if len(rows_ND):
            self._index.add(rows_ND)

    def __len__(self) -> int:
        """Number of documents."""
        return len(self._doc_ids)

    @property
    def dimension(self) -> int:
        """Number of dimensions, D."""
        return self._dimension

    @property
    def faiss_index(self) -> Any:
        """FAISS's index, in which number n is the n-th id in rising order."""
        return self._index

    def search(self, queries_QD: FloatArray, *, k: int = 10) -> list[list[SearchHit]]:
        """Return ``k`` documents for each query, by falling inner product, then rising id.

        Only ``flat`` is exact; the others may miss documents, and may find fewer than ``k``. Which
        of the documents that tie for the last place are among them is undefined.

        Raises:
            InputError: if ``k`` is less than 1, or the queries have another shape.
        """
        if k < 1:
            raise InputError(f"A search must ask for at least 1 hit; found k = {k}.")
        _check(queries_QD)
        if queries_QD.shape[1] != self.dimension:
            raise InputError(
                f"The queries have {queries_QD.shape[1]} dimensions, the index {self.dimension}."
            )
        if not len(self) or not len(queries_QD):
            return [[] for _ in queries_QD]
        wanted = min(k, len(self))
        if self._settings.kind == "hnsw":
            self._index.hnsw.efSearch = max(self._settings.ef_search, wanted)
        scores_Qk, numbers_Qk = self._index.search(np.ascontiguousarray(queries_QD), wanted)
        return [
            self._hits(scores, numbers)
            for scores, numbers in zip(scores_Qk.tolist(), numbers_Qk.tolist(), strict=True)
        ]

    def _hits(self, scores: list[float], numbers: list[int]) -> list[SearchHit]:
        pairs = zip(scores, numbers, strict=True)
        found = sorted((-score, number) for score, number in pairs if number >= 0)
        return [
            SearchHit(self._doc_ids[number], 0.0 - negative, rank)
            for rank, (negative, number) in enumerate(found, start=1)
        ]


def _make(faiss: Any, settings: FaissSettings, vectors_ND: FloatArray) -> Any:
    """Return an empty index, trained if its kind learns from the vectors."""
    dimension, inner = vectors_ND.shape[1], faiss.METRIC_INNER_PRODUCT
    if settings.kind == "flat":
        return faiss.IndexFlatIP(dimension)
    if settings.kind == "hnsw":
        index = faiss.IndexHNSWFlat(dimension, settings.num_neighbours, inner)
        index.hnsw.efConstruction = settings.ef_construction
        return index
    most = max(1, len(vectors_ND) // _VECTORS_A_LIST)
    num_lists = settings.num_lists or min(round(4 * len(vectors_ND) ** 0.5), most)
    num_lists = max(1, min(num_lists, len(vectors_ND)))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dimension), dimension, num_lists, inner)
    index.nprobe = settings.num_probes
    if len(vectors_ND):
        index.train(vectors_ND)
    return index


def _check(vectors: FloatArray) -> None:
    if vectors.ndim != 2 or vectors.dtype != np.float32 or not np.isfinite(vectors).all():
        raise InputError(
            f"Dense vectors have shape {vectors.shape} and type {vectors.dtype}; expected (N, D) "
            "float32, all of them finite."
        )


def _sort_key(doc_id: str) -> bytes:
    return encode_text(doc_id, what="Document id")


def _import_faiss() -> Any:
    try:
        import faiss
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            "Dense indexes need the package faiss, which is not installed. Install it with: "
            "pip install 'faiss-cpu>=1.8'"
        ) from error
    return faiss
