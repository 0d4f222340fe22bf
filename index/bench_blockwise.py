"""Exact search the straight way: blocks of documents that fit a cache, one word after the other."""

from __future__ import annotations

import numpy as np
from numba import njit

BLOCK = 1 << 14


@njit(nogil=True)
def best(indptr, docs, weights, words, query, num_documents, k):  # type: ignore[no-untyped-def]
    """Return k documents and their single-precision scores, in no order."""
    scores = np.zeros(BLOCK, np.float32)
    places = indptr[words]
    found = np.zeros(k, np.int64)
    heap = np.zeros(k, np.float32)
    for start in range(0, num_documents, BLOCK):
        stop = min(num_documents, start + BLOCK)
        scores[:] = 0
        for t in range(len(words)):
            place, end = places[t], indptr[words[t] + 1]
            while place < end and docs[place] < stop:
                scores[docs[place] - start] += query[t] * weights[place]
                place += 1
            places[t] = place
        for i in range(stop - start):
            if scores[i] > heap[0]:
                _replace_least(heap, found, scores[i], start + i)
    return found, heap


@njit(nogil=True)
def _replace_least(heap, found, score, document):  # type: ignore[no-untyped-def]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= len(heap):
            break
        if child + 1 < len(heap) and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= score:
            break
        heap[place], found[place] = heap[child], found[child]
        place = child
    heap[place], found[place] = score, document
