"""What the search benchmark searches: synthetic vectors of Zipf's law, or real ones with noise.

Shapes: N documents, V words, D dimensions, Q queries.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

NUM_WORDS = 17_000
WORDS_A_DOCUMENT = 300
QUERY_LENGTHS = (10, 200)
NUM_QUERIES = 200
K = 10
DOCUMENTS_A_BLOCK = 20_000
DENSE_DIMENSIONS = 512
# Of real documents that are repeated: spread of the logarithm of weights, share of words kept.
NOISE = 0.2
KEPT = 0.9

Csr = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float32]]
Query = tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]
Dense = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Collection:
    """Documents and the queries of each length."""

    num_words: int
    documents: Csr
    queries: dict[int, list[Query]]


def synthetic(num_documents: int) -> Collection:
    """Draw documents of Zipfian words, and queries like them."""
    queries = {length: make_queries(length, seed=length) for length in QUERY_LENGTHS}
    return Collection(NUM_WORDS, make_documents(num_documents, seed=0), queries)


def make_documents(
    num_documents: int, *, seed: int, words_a_document: int = WORDS_A_DOCUMENT
) -> Csr:
    """Draw documents: word r is used with a probability of 30% falling with 1 / (r + c)."""
    rng = np.random.default_rng(seed)
    use = _use_of_words(words_a_document)
    indptr, words, weights = [np.zeros(1, np.int64)], [], []
    for start in range(0, num_documents, DOCUMENTS_A_BLOCK):
        size = min(DOCUMENTS_A_BLOCK, num_documents - start)
        columns = []
        for word in range(NUM_WORDS):
            columns.append(rng.choice(size, rng.binomial(size, use[word]), replace=False))
        lengths = [len(column) for column in columns]
        rows = np.concatenate(columns)
        ids = np.repeat(np.arange(NUM_WORDS, dtype=np.int32), lengths)
        order = np.lexsort((ids, rows))
        indptr.append(indptr[-1][-1] + np.cumsum(np.bincount(rows, minlength=size)))
        words.append(ids[order])
        weights.append(rng.lognormal(-1.0, 0.6, len(ids)).astype(np.float32))
    return np.concatenate(indptr), np.concatenate(words), np.concatenate(weights)


def _use_of_words(words_a_document: int = WORDS_A_DOCUMENT) -> npt.NDArray[np.float64]:
    """Return the probability of each word, so that they add up to the words of a document."""
    rank = np.arange(1, NUM_WORDS + 1)
    low, high = 1.0, 1e7
    for _ in range(60):
        scale = (low * high) ** 0.5
        total = np.minimum(0.3, scale / rank / 100).sum()
        low, high = (scale, high) if total < words_a_document else (low, scale)
    return np.minimum(0.3, low / rank / 100)


def make_queries(length: int, *, seed: int) -> list[Query]:
    """Draw queries whose words are as frequent as in documents."""
    rng = np.random.default_rng(seed)
    use = _use_of_words()
    queries = []
    for _ in range(NUM_QUERIES):
        words = np.sort(rng.choice(NUM_WORDS, length, replace=False, p=use / use.sum()))
        weights = rng.lognormal(-1.0, 0.6, length).astype(np.float32)
        queries.append((words.astype(np.int32), weights))
    return queries


def real(source: Path, num_documents: int) -> Collection:
    """Repeat real vectors with noise: each word kept with 90%, its weight times e^(0.2 normal).

    Queries are the strongest words of other such noisy vectors: as many as the query's length
    says, or all where there are fewer.

    Args:
        source: an index of lexret, or an .npz of a batch: indptr, term_ids, weights, num_words.
    """
    num_words, rows = _read(source)
    rng = np.random.default_rng(0)
    order = np.concatenate(
        [rng.permutation(len(rows[0]) - 1) for _ in range(-(-num_documents // (len(rows[0]) - 1)))]
    )[:num_documents]
    documents = noisy(rows, order, rng)
    queries = {}
    for length in QUERY_LENGTHS:
        drawn = noisy(rows, rng.integers(0, len(rows[0]) - 1, NUM_QUERIES), rng)
        queries[length] = [_strongest(drawn, row, length) for row in range(NUM_QUERIES)]
    return Collection(num_words, documents, queries)


def _read(source: Path) -> tuple[int, Csr]:
    if source.suffix == ".npz":
        with np.load(source, allow_pickle=False) as arrays:
            csr = arrays["indptr"], arrays["term_ids"], arrays["weights"]
            return int(arrays["num_words"]), csr
    from lexret.engine import open_index
    from lexret.engine.vectors import CorrectedVectors
    from lexret.library.folders import index_within

    stored = CorrectedVectors(open_index(index_within(source)))
    batches = [block.vectors for block in stored.blocks()]
    indptr = np.concatenate([[0], np.cumsum(np.concatenate([np.diff(b.indptr) for b in batches]))])
    words = np.concatenate([batch.term_ids for batch in batches])
    weights = np.concatenate([batch.weights for batch in batches])
    return len(stored.vocabulary), (indptr.astype(np.int64), words, weights)


def noisy(rows: Csr, order: npt.NDArray[np.int64], rng: np.random.Generator) -> Csr:
    """Return the rows in that order, some of their words dropped, all of their weights shaken."""
    indptr, words, weights = rows
    lengths = np.diff(indptr)[order]
    ends = np.cumsum(lengths)
    places = np.repeat(indptr[order] - (ends - lengths), lengths) + np.arange(ends[-1])
    kept = rng.random(len(places)) < KEPT
    places, owners = places[kept], np.repeat(np.arange(len(order)), lengths)[kept]
    new_indptr = np.zeros(len(order) + 1, dtype=np.int64)
    np.cumsum(np.bincount(owners, minlength=len(order)), out=new_indptr[1:])
    shaken = weights[places] * rng.lognormal(0.0, NOISE, len(places)).astype(np.float32)
    return new_indptr, words[places], shaken


def _strongest(rows: Csr, row: int, length: int) -> Query:
    part = slice(rows[0][row], rows[0][row + 1])
    words, weights = rows[1][part], rows[2][part]
    best = np.sort(np.argsort(-weights, kind="stable")[:length])
    return words[best], weights[best]


def write(data: Path, collection: Collection, *, with_dense: bool) -> None:
    """Store documents, queries and the exact best scores of every query, for other processes."""
    indptr, words, weights = collection.documents
    np.save(data / "indptr.npy", indptr)
    np.save(data / "words.npy", words)
    np.save(data / "weights.npy", weights)
    (data / "meta.json").write_text(json.dumps({"num_words": collection.num_words}))
    num_documents = len(indptr) - 1
    shape = (num_documents, collection.num_words)
    projection_VD = _projection(collection.num_words) if with_dense else None
    dense_ND = None
    if projection_VD is not None:
        dense_ND = _project_documents(collection.documents, projection_VD)
        np.save(data / "dense.npy", dense_ND)

    from scipy.sparse import csr_matrix

    by_word = csr_matrix((weights.astype(np.float64), words, indptr), shape).tocsc()
    for length, queries in collection.queries.items():
        _save_queries(data, length, queries)
        scores = (by_word[:, ids] @ values.astype(np.float64) for ids, values in queries)
        _save_best(data / f"exact{length}.npy", scores)
        if projection_VD is not None and dense_ND is not None:
            dense_QD = np.stack([_unit(values @ projection_VD[ids]) for ids, values in queries])
            np.save(data / f"dense{length}.npy", dense_QD)
            _save_best(data / f"exact-dense{length}.npy", (dense_ND @ query for query in dense_QD))


def _save_queries(data: Path, length: int, queries: Sequence[Query]) -> None:
    ends = np.cumsum([0, *(len(words) for words, _ in queries)])
    words = np.concatenate([words for words, _ in queries])
    weights = np.concatenate([weights for _, weights in queries])
    np.savez(data / f"queries{length}.npz", ends=ends, words=words, weights=weights)


def _save_best(path: Path, scores_of_queries: Iterable[npt.NDArray[Any]]) -> None:
    """Store the best K scores of each query, (Q, K), 0 where there are fewer."""
    exact = np.zeros((NUM_QUERIES, K))
    for row, scores in enumerate(scores_of_queries):
        best = np.sort(scores)[::-1][:K]
        exact[row, : len(best)] = best
    np.save(path, exact)


def load_documents(data: Path) -> Csr:
    """Read the documents that :func:`write` stored."""
    indptr, words, weights = (np.load(data / f"{p}.npy") for p in ("indptr", "words", "weights"))
    return indptr, words, weights


def load_queries(data: Path, length: int) -> list[Query]:
    """Read the queries of a length."""
    with np.load(data / f"queries{length}.npz", allow_pickle=False) as stored:
        ends, words, weights = stored["ends"], stored["words"], stored["weights"]
    return [(words[a:b], weights[a:b]) for a, b in pairwise(ends.tolist())]


def num_words_of(data: Path) -> int:
    """Read how many words the collection has."""
    return int(json.loads((data / "meta.json").read_text())["num_words"])


def _projection(num_words: int) -> Dense:
    """Return a random projection (V, D): inner products stay, roughly."""
    rng = np.random.default_rng(1)
    scale = DENSE_DIMENSIONS**-0.5
    normal = rng.standard_normal((num_words, DENSE_DIMENSIONS), dtype=np.float32)
    return normal * np.float32(scale)


def _project_documents(documents: Csr, projection_VD: Dense) -> Dense:
    from scipy.sparse import csr_matrix

    indptr, words, weights = documents
    shape = (len(indptr) - 1, len(projection_VD))
    rows_ND: Dense = csr_matrix((weights, words, indptr), shape) @ projection_VD
    norms = np.linalg.norm(rows_ND, axis=1, keepdims=True)
    unit_ND: Dense = (rows_ND / np.maximum(norms, 1e-9)).astype(np.float32)
    return unit_ND


def _unit(vector: Dense) -> Dense:
    unit: Dense = (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)
    return unit
