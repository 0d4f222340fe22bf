"""Measures how time and memory grow with an index: building, committing, opening, searching.

    python index/bench_growth.py --folder /var/tmp/growth --sizes 10000,100000,1000000
    python index/bench_growth.py --folder /var/tmp/growth --sizes 10000000 --limit-mib 1500
    python index/bench_growth.py --folder /var/tmp/growth --sizes 10000000 --steps build --cold

One index grows from size to size. At each size it is measured by processes of their own, which may
hold no more private memory than --limit-mib: what they would need beyond that fails (RLIMIT_DATA,
which counts all that is not a file's; pages of files that are mapped belong to the page cache, and
the kernel takes them back). "private MiB" is the most RssAnon of /proc/self/status that was seen.

Documents are synthetic: 20,000 are drawn with words of Zipf's law (bench_data.py), and repeated
with a tenth of their words left out and their weights shaken, with the fields that `lexret index`
writes. What is printed is JSON, a size a line. Measured at a size again, an index is not built
again, so that building can go on where it ended. Times are processor time; with --cold, searches
are also timed by the clock while the page cache holds all of the index, half, or nothing (cold.py).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import bench_data
import numpy as np
from memory import limit_memory, sampled, status

POOL, SLICE, A_COMMIT, A_FOLDER = 20_000, 5_000, 1_000, 500
COMMITS, QUERIES_OF = 5, {10: 60, 200: 20}
WORDS_A_PICTURE = 242  # of the shipped model, over 300 photos: `lexret info`
MEBIBYTE = 1 << 20
Figures = dict[str, Any]


def main() -> None:
    """Run the benchmark, or, in a process of its own, one step of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="where the index is made")
    parser.add_argument("--sizes", default="10000,100000", help="numbers of documents, rising")
    parser.add_argument("--words", type=int, default=WORDS_A_PICTURE, help="words a document")
    parser.add_argument("--weights", choices=["exact", "8bit"], default="8bit")
    parser.add_argument("--bulk", type=int, default=50_000, help="documents a commit of building")
    parser.add_argument("--limit-mib", type=int, default=2048, help="private memory of a process")
    parser.add_argument("--steps", default=",".join(STEPS), help="what to measure")
    parser.add_argument("--cold", action="store_true", help="search with little of it cached, too")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        sys.stdout.write(json.dumps(_measured(arguments)) + "\n")
        return
    arguments.folder.mkdir(parents=True, exist_ok=True)
    steps = arguments.steps.split(",") + ["cold"] * arguments.cold
    for size in map(int, arguments.sizes.split(",")):
        figures = {step: _in_a_process(step, size) for step in steps}
        line = {
            "documents": size,
            "words a document": arguments.words,
            "limit MiB": arguments.limit_mib,
        }
        sys.stdout.write(json.dumps(line | figures) + "\n")
        sys.stdout.flush()


def _in_a_process(step: str, size: int) -> Figures:
    command = [sys.executable, *sys.argv, "--step", step, "--size", str(size)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    if done.returncode:
        return {"failed with status": done.returncode}
    figures: Figures = json.loads(done.stdout)
    return figures


def _measured(arguments: argparse.Namespace) -> Figures:
    limit_memory(arguments.limit_mib * MEBIBYTE)
    with sampled() as peak:
        figures = {**STEPS, "cold": cold}[arguments.step](arguments)
    return figures | {"private MiB": round(peak.num_bytes / MEBIBYTE)}


class Documents:
    """Maker of documents: vectors of a pool with noise, ids and fields by number."""

    def __init__(self, folder: Path, words: int) -> None:
        from lexret.vocabulary import Vocabulary

        self.vocabulary = Vocabulary(f"w{number}" for number in range(bench_data.NUM_WORDS))
        path = folder / f"pool-{words}.npz"
        if not path.exists():
            wanted = round(words / bench_data.KEPT)
            indptr, term_ids, weights = bench_data.make_documents(
                POOL, seed=0, words_a_document=wanted
            )
            np.savez(path, indptr=indptr, term_ids=term_ids, weights=weights)
        with np.load(path) as stored:
            self._pool = tuple(stored[name] for name in ("indptr", "term_ids", "weights"))

    def make(self, first: int, number: int) -> tuple[list[str], Any, dict[str, list[Any]]]:
        """Return ids, vectors and fields of some documents."""
        from lexret.sparse import SparseBatch

        rng = np.random.default_rng(first)
        order = rng.integers(0, POOL, number)
        indptr, term_ids, weights = bench_data.noisy(self._pool, order, rng)
        numbers = range(first, first + number)
        ids = [f"{n // A_FOLDER:06}/IMG_{n:08}.jpg" for n in numbers]
        fields: dict[str, list[Any]] = {
            "path": ids,
            "size": [2_000_000 + n % 999_983 for n in numbers],
            "mtime_ns": [1_700_000_000_000_000_000 + n for n in numbers],
            "sha256": [f"{n * 0x9E3779B97F4A7C15 % (1 << 64):016x}" * 4 for n in numbers],
            "width": [4000] * number,
            "height": [3000] * number,
            "_sidecar_ns": [0] * number,
            "exif": [n % 2 for n in numbers],
        }
        return ids, SparseBatch(indptr, term_ids, weights, self.vocabulary), fields


def build(arguments: argparse.Namespace) -> Figures:
    """Bring the index to a size; making the documents does not count."""
    from lexret.engine.index import EmbeddedIndex
    from lexret.engine.writer import EmbeddedIndexWriter

    documents, path = Documents(arguments.folder, arguments.words), arguments.folder / "index"
    has = len(EmbeddedIndex(path)) if path.exists() else 0
    if has >= arguments.size:
        return {"already there": has}
    taken = wall = 0.0
    writer = (
        EmbeddedIndexWriter.open(path)
        if has
        else EmbeddedIndexWriter.create(
            path, documents.vocabulary, model_id="bench", weights=arguments.weights
        )
    )
    with writer:
        for first in range(has, arguments.size, SLICE):
            ids, batch, fields = documents.make(first, min(SLICE, arguments.size - first))
            before, clock = time.process_time(), time.perf_counter()
            writer.add(ids, batch, fields=fields)
            if (first + SLICE) % arguments.bulk == 0 or first + SLICE >= arguments.size:
                writer.commit()
            taken += time.process_time() - before
            wall += time.perf_counter() - clock
    added = arguments.size - has
    return {"added": added, "documents a second": round(added / taken), "wall s": round(wall)}


def commit(arguments: argparse.Namespace) -> Figures:
    """Add 1,000 documents and commit, some times; then take some out and commit."""
    from lexret.engine.writer import EmbeddedIndexWriter

    documents, path = Documents(arguments.folder, arguments.words), arguments.folder / "index"
    adding, opening = [], []
    for turn in range(COMMITS):
        ids, batch, fields = documents.make(10**9 + turn * A_COMMIT, A_COMMIT)
        with EmbeddedIndexWriter.open(path) as writer:
            adding.append(_timed(partial(_add, writer, ids, batch, fields)))
            opening.append(_timed(writer.rollback))
            writer.delete(ids)
            removing = _timed(writer.commit)
    return {"add 1000": _median(adding), "open segments": _median(opening), "delete": removing}


def _add(writer: Any, ids: list[str], batch: Any, fields: dict[str, list[Any]]) -> None:
    writer.add(ids, batch, fields=fields)
    writer.commit()


def search(arguments: argparse.Namespace) -> Figures:
    """Open the index and search with the compiled engine."""
    from lexret.engine.index import EmbeddedIndex

    path = arguments.folder / "index"
    figures: Figures = {}
    opened: list[EmbeddedIndex] = []
    figures["open ms"] = _timed(lambda: opened.append(EmbeddedIndex(path, engine="compiled")))
    index = opened[0]
    for length, vectors in _queries(index.vocabulary).items():
        first = [_timed(partial(index.search, query)) for query in vectors]
        again = [_timed(partial(index.search, query)) for query in vectors]
        figures[f"{length} words ms"] = _median(again)
        figures[f"{length} words, unchecked ms"] = _median(first[1:])
    figures |= {"segments": len(index.segments), "bytes": index.num_bytes()}
    figures["bytes a posting"] = round(index.num_bytes() / index.num_postings, 2)
    return figures | {"documents": len(index), "resident MiB": status("VmRSS") // MEBIBYTE}


def cold(arguments: argparse.Namespace) -> Figures:
    """Search while the page cache holds all of the index, half, or nothing."""
    from cold import search_cold

    queries = _queries(Documents(arguments.folder, arguments.words).vocabulary)
    return search_cold(arguments.folder / "index", queries)


def _queries(vocabulary: Any) -> dict[int, list[Any]]:
    """Return the queries of each length."""
    from lexret.sparse import LexicalVector

    return {
        length: [
            LexicalVector(*query, vocabulary).as_batch()
            for query in bench_data.make_queries(length, seed=length)[:number]
        ]
        for length, number in QUERIES_OF.items()
    }


def plain(arguments: argparse.Namespace) -> Figures:
    """Search once without numba, as one `lexret search` does, with and without conditions."""
    from lexret.engine.index import EmbeddedIndex
    from lexret.engine.query.query import AnyOf, Holds, Query
    from lexret.sparse import LexicalVector

    index = EmbeddedIndex(arguments.folder / "index", engine="numpy")
    figures: Figures = {}
    for length in QUERIES_OF:
        query = bench_data.make_queries(length, seed=length)[0]
        vector = LexicalVector(*query, index.vocabulary)
        figures[f"{length} words ms"] = _timed(partial(index.search, vector.as_batch()))
        required = (AnyOf(((Holds(int(vector.term_ids[0])),),)),)
        asked = Query(vector=vector, required=required)
        figures[f"+1 of {length} words ms"] = _timed(partial(index.find, asked))
    return figures


def words(arguments: argparse.Namespace) -> Figures:
    """Count how many pictures hold each word, as the page does after a commit."""
    from lexret.engine.index import EmbeddedIndex
    from lexret.engine.writer import EmbeddedIndexWriter
    from lexret.library.browsing.word_counts import WordCounter

    documents, path = Documents(arguments.folder, arguments.words), arguments.folder / "index"
    levels_V = np.full(len(documents.vocabulary), 0.3, np.float32)
    counter, index = WordCounter(), EmbeddedIndex(path, engine="numpy")
    figures = {"at first ms": _timed(lambda: counter.count(index, levels_V))}
    ids, batch, fields = documents.make(2 * 10**9, A_COMMIT)
    with EmbeddedIndexWriter.open(path) as writer:
        writer.add(ids, batch, fields=fields)
        writer.commit()
        after = EmbeddedIndex(path, engine="numpy")
        figures["after a commit ms"] = _timed(lambda: counter.count(after, levels_V))
        writer.delete(ids)
        writer.commit()
    return figures


STEPS: dict[str, Callable[[argparse.Namespace], Figures]] = {
    "build": build,
    "search": search,
    "plain": plain,
    "words": words,
    "commit": commit,
}


def _timed(work: Callable[[], object]) -> float:
    """Return the milliseconds of processor time that something takes."""
    before = time.process_time()
    work()
    return round((time.process_time() - before) * 1000, 2)


def _median(times: list[float]) -> float:
    return round(statistics.median(times), 2)


if __name__ == "__main__":
    main()
