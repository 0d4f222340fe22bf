"""Measures engines side by side on learned-sparse vectors, one process an engine, one thread each.

Example:
    python index/bench_search.py --docs 10000 --engines lexret,scipy --json
    python index/bench_search.py --docs 100000 --real ./images --engines lexret,lucene

Data: 17,000 words with Zipfian use (the top words in up to 30% of the documents), about 300 words
a document, log-normal weights; queries of 10 and of 200 words, drawn like documents. Or, with
--real, the vectors of an index, repeated with noise. Recall is the share of the exact top k (by
score, so that ties do not count against anybody): of the sparse vectors, for FAISS of its own
dense ones. A quarter of the queries of a length runs once more before, to warm up; Milvus Lite is
asked 20 of the 200.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import bench_data
import numpy as np
import numpy.typing as npt
from bench_data import NUM_QUERIES, QUERY_LENGTHS, K, Query
from bench_engines import (
    BlockwiseEngine,
    Engine,
    FaissEngine,
    FaissHnswEngine,
    FaissIvfEngine,
    LexretEightBitEngine,
    LexretEngine,
    LexretNumpyEngine,
    LexretShardsEngine,
    LuceneEngine,
    MilvusEngine,
    Packages,
    ScipyEngine,
    num_queries_of,
)
from bench_peers import Bm25sEngine, QdrantEdgeEngine, SeismicEngine, SpladeIndexEngine

WARM_UP = NUM_QUERIES // 4
ONE_THREAD = ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")
# A score is as good as the last of the exact ones where it differs by less than single precision.
SAME = 1e-5

# Seconds of a query by the clock and of this process's processors, and the documents found.
Timed = list[tuple[float, float, Sequence[int]]]


@dataclass(frozen=True)
class Latency:
    """Of one query length: milliseconds a query, and the share of the exact top k found.

    ``cpu_ms`` is the processor time of the process, the median: what to compare by where the
    machine has other work.
    """

    p50_ms: float
    p95_ms: float
    cpu_ms: float
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


# Each is made from a folder for its files and the folder of what bench_data wrote.
ENGINES: dict[str, type[Any]] = {
    "lexret": LexretEngine,
    "lexret-8bit": LexretEightBitEngine,
    "lexret-numpy": LexretNumpyEngine,
    "lexret-shards": LexretShardsEngine,
    "blockwise": BlockwiseEngine,
    "scipy": ScipyEngine,
    "lucene": LuceneEngine,
    "milvus-lite": MilvusEngine,
    "faiss-flat": FaissEngine,
    "faiss-hnsw": FaissHnswEngine,
    "faiss-ivf": FaissIvfEngine,
    "bm25s": Bm25sEngine,
    "splade-index": SpladeIndexEngine,
    "seismic": SeismicEngine,
    "qdrant-edge": QdrantEdgeEngine,
}


def left_out(name: str) -> str | None:
    """Return why an engine cannot run here; None if it can."""
    if name not in ENGINES:
        return f"unknown (there are: {', '.join(ENGINES)})"
    packages: Packages = ENGINES[name].packages
    missing = [how for module, how in packages if importlib.util.find_spec(module) is None]
    if missing:
        return "not installed (" + ", ".join(f"pip install {how}" for how in missing) + ")"
    return None


def measure(name: str, data: Path) -> Result:
    """Build one engine and time its queries; runs in a process of its own."""
    before = _resident_bytes()
    documents = bench_data.load_documents(data)
    num_documents, num_postings = len(documents[0]) - 1, len(documents[1])
    with tempfile.TemporaryDirectory() as folder:
        engine: Engine = ENGINES[name](Path(folder), data)
        started = time.perf_counter()
        engine.build(documents)
        build_s = time.perf_counter() - started
        del documents
        engine.open()
        num_queries = num_queries_of(engine)
        timed = {
            length: _time_queries(engine, bench_data.load_queries(data, length)[:num_queries])
            for length in QUERY_LENGTHS
        }
        return Result(
            engine=name,
            docs=num_documents,
            build_s=round(build_s, 3),
            disk_bytes=engine.disk_bytes(),
            bytes_per_posting=round(engine.disk_bytes() / num_postings, 3),
            rss_bytes=_resident_bytes() - before,
            queries={
                str(length): _summary(found, data, length, dense=engine.dense)
                for length, found in timed.items()
            },
        )


def _time_queries(engine: Engine, queries: Sequence[Query]) -> Timed:
    for words, weights in queries[: min(WARM_UP, len(queries) // 4)]:
        engine.search(words, weights)
    timed: Timed = []
    for words, weights in queries:
        started, used = time.perf_counter(), time.process_time()
        found = engine.search(words, weights)
        seconds, processor = time.perf_counter() - started, time.process_time() - used
        timed.append((seconds, processor, found))
    return timed


def _summary(timed: Timed, data: Path, length: int, *, dense: bool) -> Latency:
    exact = np.load(data / (f"exact-dense{length}.npy" if dense else f"exact{length}.npy"))
    score = _dense_scorer(data, length) if dense else _sparse_scorer(data, length)
    found = wanted = 0
    for query, ((_, _, documents), best) in enumerate(zip(timed, exact, strict=False)):
        least = best[best > 0].min() if (best > 0).any() else np.inf
        scores = [score(query, document) for document in set(documents)]
        found += min(K, sum(one >= least - SAME * abs(least) for one in scores))
        wanted += int((best > 0).sum())
    p50, p95 = np.percentile([seconds * 1000 for seconds, _, _ in timed], [50, 95])
    cpu = float(np.median([processor * 1000 for _, processor, _ in timed]))
    recall = round(found / max(1, wanted), 4)
    return Latency(round(float(p50), 3), round(float(p95), 3), round(cpu, 3), recall)


def _sparse_scorer(data: Path, length: int) -> Callable[[int, int], float]:
    indptr, words, weights = (
        np.load(data / f"{part}.npy", mmap_mode="r") for part in ("indptr", "words", "weights")
    )
    queries = bench_data.load_queries(data, length)
    dense_V: npt.NDArray[np.float64] = np.zeros(bench_data.num_words_of(data))

    def score(query: int, document: int) -> float:
        ids, values = queries[query]
        dense_V[ids] = values
        part = slice(indptr[document], indptr[document + 1])
        result = float(dense_V[words[part]] @ weights[part].astype(np.float64))
        dense_V[ids] = 0.0
        return result

    return score


def _dense_scorer(data: Path, length: int) -> Callable[[int, int], float]:
    vectors_ND = np.load(data / "dense.npy", mmap_mode="r")
    queries_QD = np.load(data / f"dense{length}.npy")
    return lambda query, document: float(vectors_ND[document] @ queries_QD[query])


def _resident_bytes() -> int:
    """Return what the process has in memory, mapped files included (Linux)."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def run(name: str, data: Path) -> dict[str, object] | None:
    """Measure an engine in a fresh process of one thread; None where that failed."""
    command = [sys.executable, __file__, "--measure", name, "--data", str(data)]
    env = os.environ | {f"{library}_NUM_THREADS": "1" for library in ONE_THREAD}
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, env=env)
    if done.returncode != 0:
        sys.stderr.write(f"left out: {name} failed with status {done.returncode}, see above\n")
        return None
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", type=int, default=10_000, help="number of documents")
    every = ", ".join(ENGINES)
    parser.add_argument("--engines", default="lexret,scipy",
                        help=f"names, with commas between, or all: {every}")  # fmt: skip
    parser.add_argument("--real", type=Path, metavar="SOURCE",
                        help="repeat the vectors of an index, or of an .npz of indptr, term_ids, "
                        "weights and num_words, with noise")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        sys.stdout.write(json.dumps(asdict(measure(options.measure, options.data))) + "\n")
        return
    names = list(ENGINES) if options.engines == "all" else options.engines.split(",")
    reasons = {name: left_out(name) for name in names}
    for name, reason in reasons.items():
        if reason is not None:
            sys.stderr.write(f"left out: {name}: {reason}\n")
    names = [name for name in names if reasons[name] is None]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        collection = (
            bench_data.real(options.real, options.docs)
            if options.real
            else bench_data.synthetic(options.docs)
        )
        bench_data.write(data, collection, with_dense=any(one.startswith("faiss") for one in names))
        del collection
        results = [run(name, data) for name in names]
    done = [result for result in results if result is not None]
    if options.json:
        sys.stdout.write(json.dumps(done, indent=1) + "\n")
    else:
        for result in done:
            sys.stdout.write(f"{result}\n")
    if len(done) < len(results):
        sys.exit(1)


if __name__ == "__main__":
    main()
