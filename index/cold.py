"""Searches while the page cache holds all of an index, half of it, or nothing of it.

Before each query, pieces of the index's files are taken out of the cache until it holds no more
than the state allows. Which ones is drawn at random: a system that is short of memory would keep
what was used last, so with half of the index it does no worse. Times are by the clock, as a disk
takes no processor time.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from memory import status
from page_cache import FolderCache, bytes_from_disk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lexret.sparse import SparseBatch

STATES = {"all": 1.0, "half": 0.5, "nothing": 0.0}
MEBIBYTE = 1 << 20


def search_cold(path: Path, queries: Mapping[int, Sequence[SparseBatch]]) -> dict[str, Any]:
    """Return how long searches of each length take in each state of the cache.

    Args:
        path: the index.
        queries: number of words -> queries.
    """
    from lexret.engine.index import EmbeddedIndex

    for asked in queries.values():  # loads numba, or compiles for the first time
        EmbeddedIndex(path, engine="compiled").search(asked[-1])
    cache = FolderCache(path)
    cache.shrink(0)
    wall, read = time.perf_counter(), bytes_from_disk()
    index = EmbeddedIndex(path, engine="compiled")
    figures: dict[str, Any] = {"open, nothing cached": _taken(wall, read)}
    for length, asked in queries.items():
        cache.shrink(0)
        wall, read = time.perf_counter(), bytes_from_disk()
        index.search(asked[0])  # compares what it reads with checksums
        figures[f"first of {length} words, nothing cached"] = _taken(wall, read)
    cache.load()
    for asked in queries.values():
        for query in asked:
            index.search(query)
    for state, share in STATES.items():
        prepare = partial(cache.shrink, round(share * cache.num_bytes))
        held = prepare() / cache.num_bytes
        figures[state] = {"share cached": round(held, 2)}
        for length, asked in queries.items():
            figures[state][f"{length} words"] = _asked(index, asked, prepare)
    return figures | {"resident MiB": status("VmRSS") // MEBIBYTE}


def _asked(index: Any, queries: Sequence[SparseBatch], prepare: Any) -> dict[str, float]:
    """Ask one query after another; return quantiles of their times, and what they read."""
    times, processor, read = [], [], 0
    for query in queries:
        prepare()
        before = bytes_from_disk()
        wall, busy = time.perf_counter(), time.process_time()
        index.search(query)
        times.append((time.perf_counter() - wall) * 1000)
        processor.append((time.process_time() - busy) * 1000)
        read += bytes_from_disk() - before
    p50, p95 = np.quantile(times, [0.5, 0.95]).tolist()
    return {
        "p50 ms": round(p50, 2),
        "p95 ms": round(p95, 2),
        "queries a second": round(len(queries) * 1000 / sum(times), 1),
        "processor ms": round(float(np.median(processor)), 2),
        "MiB read": round(read / len(queries) / MEBIBYTE, 1),
    }


def _taken(wall: float, read: int) -> dict[str, float]:
    """Return what was taken since a time, when so many bytes had been read."""
    return {
        "ms": round((time.perf_counter() - wall) * 1000, 1),
        "MiB read": round((bytes_from_disk() - read) / MEBIBYTE, 1),
    }
