"""Measures engines side by side on synthetic learned-sparse vectors, one process an engine.

Example:
    python index/bench_search.py --docs 10000 --engines lexret,scipy --json

Data: 17,000 words with Zipfian use (the top words in up to 30% of the documents), about 300 words
a document, log-normal weights; queries of 10 and of 200 words, drawn like documents. Recall is
the share of the exact top k (by score, so that ties do not count against anybody).
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

NUM_WORDS = 17_000
WORDS_A_DOCUMENT = 300
QUERY_LENGTHS = (10, 200)
NUM_QUERIES = 200
K = 10
DOCUMENTS_A_BLOCK = 20_000

Csr = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Latency:
    """Of one query length: milliseconds a query, and the share of the exact top k found."""

    p50_ms: float
    p95_ms: float
    recall: float


@dataclass(frozen=True)
class Result:
    """One engine on one collection; ``rss_bytes`` is what it keeps in memory while it answers."""

    engine: str
    docs: int
    build_s: float
    disk_bytes: int
    bytes_per_posting: float
    rss_bytes: int
    queries: dict[str, Latency]


class Engine(Protocol):
    """What is measured: scores of the best k, best first."""

    def build(self, documents: Csr) -> None: ...
    def open(self) -> None: ...
    def search(
        self, words: npt.NDArray[np.int32], weights: npt.NDArray[np.float32]
    ) -> list[float]: ...
    def disk_bytes(self) -> int: ...


def make_documents(num_documents: int, *, seed: int) -> Csr:
    """Draw documents: word r is used with a probability of 30% falling with 1 / (r + c)."""
    rng = np.random.default_rng(seed)
    use = _use_of_words()
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


def _use_of_words() -> npt.NDArray[np.float64]:
    """Return the probability of each word, so that they add up to the words of a document."""
    rank = np.arange(1, NUM_WORDS + 1)
    low, high = 1.0, 1e7
    for _ in range(60):
        scale = (low * high) ** 0.5
        total = np.minimum(0.3, scale / rank / 100).sum()
        low, high = (scale, high) if total < WORDS_A_DOCUMENT else (low, scale)
    return np.minimum(0.3, low / rank / 100)


def make_queries(
    length: int, *, seed: int
) -> list[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]]:
    """Draw queries whose words are as frequent as in documents."""
    rng = np.random.default_rng(seed)
    use = _use_of_words()
    queries = []
    for _ in range(NUM_QUERIES):
        words = np.sort(rng.choice(NUM_WORDS, length, replace=False, p=use / use.sum()))
        weights = rng.lognormal(-1.0, 0.6, length).astype(np.float32)
        queries.append((words.astype(np.int32), weights))
    return queries


class LexretEngine:
    """lexret's embedded index, one commit."""

    def __init__(self, folder: Path) -> None:
        from lexret.vocabulary import Vocabulary

        self._path = folder / "lexret"
        self._vocabulary = Vocabulary(f"w{number}" for number in range(NUM_WORDS))

    def build(self, documents: Csr) -> None:
        from lexret.index import EmbeddedIndexWriter
        from lexret.sparse import SparseBatch

        indptr, words, weights = documents
        with EmbeddedIndexWriter.create(self._path, self._vocabulary, model_id="bench") as writer:
            for start in range(0, len(indptr) - 1, DOCUMENTS_A_BLOCK):
                stop = min(start + DOCUMENTS_A_BLOCK, len(indptr) - 1)
                part = slice(indptr[start], indptr[stop])
                block = indptr[start : stop + 1] - indptr[start]
                batch = SparseBatch(block, words[part], weights[part], self._vocabulary)
                writer.add([f"{number:08d}" for number in range(start, stop)], batch)
            writer.commit()

    def open(self) -> None:
        from lexret.index import open_index

        self._index = open_index(self._path)

    def search(self, words: npt.NDArray[np.int32], weights: npt.NDArray[np.float32]) -> list[float]:
        from lexret.sparse import LexicalVector

        query = LexicalVector(words, weights, self._vocabulary).as_batch()
        return [hit.score for hit in self._index.search(query, k=K)[0]]

    def disk_bytes(self) -> int:
        return self._index.num_bytes()


class ScipyEngine:
    """scipy's CSC column slices, added up; in memory."""

    def __init__(self, folder: Path) -> None:
        self._bytes = 0

    def build(self, documents: Csr) -> None:
        from scipy.sparse import csr_matrix

        indptr, words, weights = documents
        self._matrix = csr_matrix(
            (weights, words, indptr), shape=(len(indptr) - 1, NUM_WORDS)
        ).tocsc()
        arrays = (self._matrix.data, self._matrix.indices, self._matrix.indptr)
        self._bytes = sum(array.nbytes for array in arrays)

    def open(self) -> None:
        pass

    def search(self, words: npt.NDArray[np.int32], weights: npt.NDArray[np.float32]) -> list[float]:
        scores = self._matrix[:, words] @ weights
        best = np.argpartition(scores, -K)[-K:] if len(scores) > K else np.arange(len(scores))
        return sorted((float(score) for score in scores[best] if score > 0), reverse=True)

    def disk_bytes(self) -> int:
        return self._bytes


ENGINES: dict[str, Callable[[Path], Engine]] = {"lexret": LexretEngine, "scipy": ScipyEngine}


def measure(name: str, data: Path) -> Result:
    """Build one engine and time its queries; runs in a process of its own."""
    before = _resident_bytes()
    documents: Csr = tuple(np.load(data / f"{part}.npy") for part in ("indptr", "words", "weights"))
    num_documents, num_postings = len(documents[0]) - 1, len(documents[1])
    with tempfile.TemporaryDirectory() as folder:
        engine = ENGINES[name](Path(folder))
        started = time.perf_counter()
        engine.build(documents)
        build_s = time.perf_counter() - started
        del documents
        engine.open()
        queries = {}
        for length in QUERY_LENGTHS:
            exact = np.load(data / f"exact{length}.npy")
            queries[str(length)] = _time_queries(engine, make_queries(length, seed=length), exact)
        return Result(
            engine=name,
            docs=num_documents,
            build_s=round(build_s, 3),
            disk_bytes=engine.disk_bytes(),
            bytes_per_posting=round(engine.disk_bytes() / num_postings, 3),
            rss_bytes=_resident_bytes() - before,
            queries=queries,
        )


def _time_queries(
    engine: Engine,
    queries: Sequence[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]],
    exact: npt.NDArray[np.float64],
) -> Latency:
    times, found, wanted = [], 0, 0
    for words, weights in queries[:10]:
        engine.search(words, weights)
    for (words, weights), best in zip(queries, exact, strict=True):
        started = time.perf_counter()
        scores = engine.search(words, weights)
        times.append((time.perf_counter() - started) * 1000)
        least = best[best > 0].min() if (best > 0).any() else np.inf
        found += min(K, sum(score >= least * (1 - 1e-5) for score in scores))
        wanted += int((best > 0).sum())
    p50, p95 = np.percentile(times, [50, 95])
    return Latency(round(float(p50), 3), round(float(p95), 3), round(found / max(1, wanted), 4))


def _resident_bytes() -> int:
    """Return what the process has in memory, mapped files included (Linux)."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def write_data(data: Path, num_documents: int) -> None:
    """Store documents and the exact best scores of every query for the engines' processes."""
    from scipy.sparse import csr_matrix

    documents = make_documents(num_documents, seed=0)
    for part, values in zip(("indptr", "words", "weights"), documents, strict=True):
        np.save(data / f"{part}.npy", values)
    indptr, words, weights = documents
    matrix = csr_matrix((weights.astype(np.float64), words, indptr), (num_documents, NUM_WORDS))
    by_word = matrix.tocsc()
    for length in QUERY_LENGTHS:
        exact = np.zeros((NUM_QUERIES, K))
        for row, (ids, values) in enumerate(make_queries(length, seed=length)):
            scores = np.sort(by_word[:, ids] @ values.astype(np.float64))[::-1][:K]
            exact[row, : len(scores)] = scores
        np.save(data / f"exact{length}.npy", exact)


def run(name: str, data: Path) -> dict[str, object]:
    """Measure an engine in a fresh process."""
    command = [sys.executable, __file__, "--measure", name, "--data", str(data)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, object] = json.loads(done.stdout)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", type=int, default=10_000, help="number of documents")
    parser.add_argument("--engines", default=",".join(ENGINES), help="names, with commas between")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        sys.stdout.write(json.dumps(asdict(measure(options.measure, options.data))))
        return
    names = options.engines.split(",")
    for name in [name for name in names if name not in ENGINES]:
        sys.stderr.write(f"left out: {name} (there are: {', '.join(ENGINES)})\n")
    with tempfile.TemporaryDirectory() as folder:
        write_data(Path(folder), options.docs)
        results = [run(name, Path(folder)) for name in names if name in ENGINES]
    if options.json:
        sys.stdout.write(json.dumps(results, indent=1) + "\n")
        return
    for result in results:
        sys.stdout.write(f"{result}\n")


if __name__ == "__main__":
    main()
