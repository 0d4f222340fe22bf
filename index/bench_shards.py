"""Measures searches over one index, and over the same documents in 2 and 4, searched as one.

    python index/bench_shards.py --folder /var/tmp/shards --docs 1000000

Compiled searches of several indexes that read much go on in as many threads as there are
processors. Each query is asked of all layouts in turn, each with threads and without, so that
whatever else the machine does meets them alike. Told are, by the clock: the median in milliseconds
with threads, and how many times faster that is than without, by the medians and by the fastest.
"machine" is the same for work that needs nothing but processors, hashing in two threads or in one:
what the machine gave at that time. Where that is near 1, nothing could be faster.

Documents are those of bench_growth.py. The answers must be the same to the last bit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import bench_data
from bench_growth import SLICE, WORDS_A_PICTURE, Documents

LAYOUTS = (1, 2, 4)
REPEATS = 9
QUERIES_OF = {10: 8, 100: 8, 200: 8}
HASHED = bytes(8_000_000)


def main() -> None:
    """Build what is missing, and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="where the indexes are made")
    parser.add_argument("--docs", type=int, default=1_000_000)
    parser.add_argument("--words", type=int, default=WORDS_A_PICTURE, help="words a document")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    documents = Documents(arguments.folder, arguments.words)
    indexes = {total: _opened(arguments, documents, total) for total in LAYOUTS}
    for length, number in QUERIES_OF.items():
        queries = bench_data.make_queries(length, seed=length)[:number]
        line = {"words": length, **_measured(indexes, queries)}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def _opened(arguments: argparse.Namespace, documents: Documents, total: int) -> Any:
    """Open the documents in so many indexes, which are built where they are not there."""
    from lexret.engine.index import EmbeddedIndex
    from lexret.engine.joined import join_indexes
    from lexret.engine.writer import EmbeddedIndexWriter

    places = [arguments.folder / f"{arguments.docs}-{total}-{n}" for n in range(total)]
    for number, place in enumerate(places):
        if place.exists():
            continue
        with EmbeddedIndexWriter.create(
            place, documents.vocabulary, model_id="bench", weights="8bit"
        ) as writer:
            for first in range(number * SLICE, arguments.docs, total * SLICE):
                ids, batch, fields = documents.make(first, min(SLICE, arguments.docs - first))
                writer.add(ids, batch, fields={"path": fields["path"], "size": fields["size"]})
            writer.commit()
    parts = [EmbeddedIndex(place) for place in places]
    if total == 1:
        return EmbeddedIndex(places[0], engine="compiled")
    return join_indexes(parts, engine="compiled")


def _measured(indexes: dict[int, Any], queries: list[bench_data.Query]) -> dict[str, Any]:
    from lexret.engine.query.query import Query
    from lexret.sparse import LexicalVector

    times: dict[tuple[int | str, bool], list[list[float]]] = {}
    for number, (term_ids, weights) in enumerate(queries):
        vector = LexicalVector(term_ids, weights, indexes[1].vocabulary)
        query = Query(vector=vector)
        asked: dict[int | str, Callable[[], object]] = {
            total: partial(index.find, query) for total, index in indexes.items()
        }
        expected = indexes[1].find(query)
        for repeat in range(REPEATS + 1):  # the first one warms up
            for threads in (False, True) if repeat % 2 else (True, False):
                for what, ask in {**asked, "machine": partial(_hash, threads)}.items():
                    taken, found = _timed(ask, threads)
                    assert what == "machine" or found == expected, "other answers"
                    if repeat:
                        kept = times.setdefault((what, threads), [[] for _ in queries])
                        kept[number].append(taken)
    line: dict[str, Any] = {}
    for what in (*indexes, "machine"):
        by, alone = times[what, True], times[what, False]
        line[f"{what} ms"] = round(1000 * _middle(by, statistics.median), 2)
        for name, of in (("faster", statistics.median), ("faster, fastest", min)):
            line[f"{what} {name}"] = round(_middle(alone, of) / _middle(by, of), 2)
    return line


def _timed(ask: Callable[[], object], threads: bool) -> tuple[float, object]:
    from lexret.engine import searcher

    with mock.patch.object(searcher, "WORTH_THREADS", 0 if threads else sys.maxsize):
        before = time.perf_counter()
        found = ask()
        return time.perf_counter() - before, found


def _hash(threads: bool) -> None:
    pieces = [HASHED] * 2
    if threads:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(_digest, pieces))
    else:
        for piece in pieces:
            _digest(piece)


def _digest(piece: bytes) -> bytes:
    return hashlib.sha256(piece).digest()


def _middle(times: list[list[float]], of: Callable[[list[float]], float]) -> float:
    return statistics.median(of(repeats) for repeats in times)


if __name__ == "__main__":
    main()
