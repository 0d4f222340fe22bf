"""Compiled search over compressed postings, in numba.

Chunks of 65,536 documents are scored one by one in single precision, within the cache: frequent
words from their dense rows, which bound weights from above, other words posting by posting. Only
documents that may be among the best are scored again, exactly, in double precision and in the
order of the words, so scores and order are those of :mod:`lexret.engine.segments.segment`.

Shapes: T words of a query, L lists, N documents, C chunks, D candidates.
"""

from __future__ import annotations

import threading
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from lexret.engine.postings.blocks import BlockPostings
from lexret.engine.postings.weight_codes import VALUES
from lexret.errors import CorruptError
from lexret.sparse import FloatArray, IdArray

_CHUNK: Final = 1 << 16
_GROUP: Final = 64
# What stands for the dense row of a word whose stored bytes were not compared with their checksums.
_UNCHECKED_ROW: Final = -2
# How a compiled search ends: with certain hits, or else why without.
_CERTAIN: Final = 0
_UNDECIDED: Final = 1
_UNCHECKED: Final = 2
_DAMAGED: Final = 3
_NO_CODES: Final = np.empty(0, np.uint8)
_NO_WEIGHTS: Final = np.empty(0, np.float32)
# Read-only like memory-mapped arrays: numba would compile a second time for writable ones.
_NO_CODES.setflags(write=False)
_NO_WEIGHTS.setflags(write=False)

_options = {"nogil": True, "cache": True, "boundscheck": False}


class CompiledPostings:
    """Compiled search over one segment's postings; threads may share it."""

    def __init__(self, postings: BlockPostings, deleted: npt.NDArray[np.bool_] | None) -> None:
        self._postings = postings
        coded = postings.has_codes
        self._lists = (
            postings.counts_L,
            postings.is_split_L,
            postings.starts_L1,
            postings.side_starts_L1,
            postings.lows.values,
            postings.sides.values,
            _NO_WEIGHTS if coded else postings.weights_or_codes.values,
            postings.weights_or_codes.values if coded else _NO_CODES,
        )
        # The compiled search looks up every word's row anyway, so finding the unchecked words there
        # costs nothing. A word's row is filled in once its bytes were checked.
        self._row_V = np.full(len(postings.dense_row_V), _UNCHECKED_ROW, np.int32)
        self._deleted = np.empty(0, np.bool_) if deleted is None else deleted
        self._per_thread = threading.local()

    def search(
        self, terms_T: IdArray, weights_T: FloatArray, k: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]] | None:
        """Return the best ``k`` documents, best first, ties by number, and their scores.

        ``None`` if single precision cannot decide (few hits, or weights of extreme size); then the
        caller searches with numpy.

        Raises:
            CorruptError: if the postings are damaged.
        """
        p = self._postings
        num_documents = p.dense_RN.shape[1]
        if k > num_documents // _GROUP:  # the cut is taken from the best of these groups
            return None
        so_far = p.disk.before(lambda: p.prefetch(terms_T, rows=True))
        found = self._run(terms_T, weights_T, k)
        if found[2] == _UNCHECKED:
            p.require(terms_T)
            p.require_dense(terms_T)
            self._row_V[terms_T] = p.dense_row_V[terms_T]
            found = self._run(terms_T, weights_T, k)
        p.disk.after(so_far)
        docs, scores, end = found
        if end == _DAMAGED:
            raise CorruptError(f"{p.where}: its postings name documents beyond the last.")
        return (docs, scores) if end == _CERTAIN else None

    def _run(
        self, terms_T: IdArray, weights_T: FloatArray, k: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], int]:
        p = self._postings
        found: tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], int] = _search(
            self._accumulator(), terms_T, weights_T, self._row_V, p.dense_scales_R, p.dense_RN,
            self._lists, VALUES, p.num_chunks, p.runs_C, self._deleted, k,
        )  # fmt: skip
        return found

    def _accumulator(self) -> FloatArray:
        """Return an array for a chunk's scores, one per thread: allocating one takes longer."""
        if not hasattr(self._per_thread, "accumulator"):
            self._per_thread.accumulator = np.zeros(_CHUNK, np.float32)
        found: FloatArray = self._per_thread.accumulator
        return found


@njit(**_options)
def _add_list(acc, lists, number, num_runs, weight, table):  # type: ignore[no-untyped-def]
    """Add one list's products. Unsigned places avoid a test for negative ones at every posting."""
    _, split, starts, side_starts, lows, sides, weights, codes = lists
    start, end = starts[number], starts[number + 1]
    list_lows = lows[start:end]
    list_sides = sides[side_starts[number] : side_starts[number + 1]]
    if len(table):
        if split[number]:
            _add_split_codes(acc, list_lows, list_sides, codes[start:end], table, num_runs)
        else:
            _add_plain_codes(acc, list_lows, list_sides, codes[start:end], table)
    elif split[number]:
        _add_split(acc, list_lows, list_sides, weights[start:end], weight, num_runs)
    else:
        _add_plain(acc, list_lows, list_sides, weights[start:end], weight)


@njit(**_options)
def _add_split(acc, lows, sides, weights, weight, num_runs):  # type: ignore[no-untyped-def]
    place, size = np.uint32(0), np.uint32(len(lows))
    for run in range(num_runs):
        base = np.uint32(run << 8)
        stop = min(place + np.uint32(sides[run]), size)
        while place < stop:
            acc[base | np.uint32(lows[place])] += weight * weights[place]
            place += np.uint32(1)


@njit(**_options)
def _add_plain(acc, lows, sides, weights, weight):  # type: ignore[no-untyped-def]
    for i in range(np.uint32(len(lows))):
        place = np.uint32(i)
        local = (np.uint32(sides[place]) << np.uint32(8)) | np.uint32(lows[place])
        acc[local] += weight * weights[place]


@njit(**_options)
def _add_split_codes(acc, lows, sides, codes, table, num_runs):  # type: ignore[no-untyped-def]
    place, size = np.uint32(0), np.uint32(len(lows))
    for run in range(num_runs):
        base = np.uint32(run << 8)
        stop = min(place + np.uint32(sides[run]), size)
        while place < stop:
            acc[base | np.uint32(lows[place])] += table[codes[place]]
            place += np.uint32(1)


@njit(**_options)
def _add_plain_codes(acc, lows, sides, codes, table):  # type: ignore[no-untyped-def]
    for i in range(np.uint32(len(lows))):
        place = np.uint32(i)
        local = (np.uint32(sides[place]) << np.uint32(8)) | np.uint32(lows[place])
        acc[local] += table[codes[place]]


@njit(**_options)
def _add_rows(acc, rows, numbers, factors, start, stop):  # type: ignore[no-untyped-def]
    size = stop - start
    num_fours = len(numbers) // 4
    for four in range(num_fours):
        i = four * 4
        a, b = rows[numbers[i], start:stop], rows[numbers[i + 1], start:stop]
        c, d = rows[numbers[i + 2], start:stop], rows[numbers[i + 3], start:stop]
        fa, fb, fc, fd = factors[i], factors[i + 1], factors[i + 2], factors[i + 3]
        for j in range(size):
            acc[j] += (fa * np.float32(a[j]) + fb * np.float32(b[j])) + (
                fc * np.float32(c[j]) + fd * np.float32(d[j])
            )
    for i in range(num_fours * 4, len(numbers)):
        a, fa = rows[numbers[i], start:stop], factors[i]
        for j in range(size):
            acc[j] += fa * np.float32(a[j])


@njit(**_options)
def _num_above(group, cut):  # type: ignore[no-untyped-def]
    """Count a group's bounds above the cut; unlike their maximum, this is vectorised."""
    count = np.uint32(0)
    for i in range(_GROUP):
        count += np.uint32(group[i] > cut)
    return count


@njit(**_options)
def _sift_in(heap, value):  # type: ignore[no-untyped-def]
    """Replace the smallest value of a binary heap by a larger one."""
    place, size = 0, len(heap)
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = value


@njit(**_options)
def _search(  # type: ignore[no-untyped-def]
    acc, terms, weights, dense_rows, scales, rows, lists, values, num_chunks, runs, deleted, k
):
    """Return the best k documents, their scores, and how it ended; nothing unchecked is read."""
    is_dense = np.zeros(len(terms), np.bool_)
    for t in range(len(terms)):
        if dense_rows[terms[t]] == _UNCHECKED_ROW:
            return np.empty(0, np.int64), np.empty(0, np.float64), _UNCHECKED
        is_dense[t] = dense_rows[terms[t]] >= 0
    row_numbers = dense_rows[terms[is_dense]]
    factors = scales[row_numbers] * weights[is_dense]
    slack = factors.astype(np.float64).sum()
    sparse_weights = weights[~is_dense]
    num_values = len(values) if len(lists[-1]) else 0
    tables = values[:num_values].reshape(1, num_values) * sparse_weights.reshape(-1, 1)
    found, count = _candidates(
        acc, terms[~is_dense], sparse_weights, tables, row_numbers, factors, rows, lists,
        num_chunks, runs, rows.shape[1], deleted, k, slack, (len(terms) + 8) * 2.0**-23,
    )  # fmt: skip
    if count < 0 or not np.isfinite(slack):
        return found[:0], np.empty(0, np.float64), _UNDECIDED
    docs = found[:count]
    if count and docs[-1] >= rows.shape[1]:  # they are rising
        return found[:0], np.empty(0, np.float64), _DAMAGED
    scores = _exact_scores(docs, terms, weights, lists, values, num_chunks)
    order = np.argsort(-scores, kind="mergesort")[:k]
    return docs[order], scores[order], _CERTAIN


@njit(**_options)
def _candidates(  # type: ignore[no-untyped-def]
    acc, terms, weights, tables, row_numbers, factors, rows, lists, num_chunks, runs,
    num_documents, deleted, k, slack, relative,
):  # fmt: skip
    """Return documents that may be among the best k, rising, and their number; -1: undecided."""
    heap = np.zeros(k, np.float32)  # the largest group maxima, of distinct documents
    found = np.empty(1024, np.int64)
    bounds = np.empty(1024, np.float32)
    count = 0
    cut = np.float32(0)
    for chunk in range(num_chunks):
        start = chunk * _CHUNK
        stop = min(start + _CHUNK, num_documents)
        acc[:] = 0
        _add_rows(acc, rows, row_numbers, factors, start, stop)
        for t in range(len(terms)):
            number = np.int64(terms[t]) * num_chunks + chunk
            if lists[0][number]:
                _add_list(acc, lists, number, runs[chunk], weights[t], tables[t])
        for i in range(start, stop if len(deleted) else start):
            if deleted[i]:
                acc[i - start] = 0
        for base in range(0, stop - start, _GROUP):
            group = acc[base : base + _GROUP]
            if _num_above(group, cut):
                cut = _raise_cut(heap, group.max(), cut, slack, relative)
                count, found, bounds = _collect(group, start + base, cut, count, found, bounds)
    # If the cut is not above zero, documents of tiny scores could have been lost.
    if not cut > 0:
        return found, -1
    count = _thin(found, bounds, count, cut)
    return found, count if np.isfinite(bounds[:count]).all() else -1


@njit(**_options)
def _raise_cut(heap, maximum, cut, slack, relative):  # type: ignore[no-untyped-def]
    """Add a group's maximum, and return what a bound must reach to be among the best."""
    if maximum > heap[0]:
        _sift_in(heap, maximum)
        least = (np.float64(heap[0]) * (1 - relative) - slack) * (1 - relative) - 1e-30
        if least > cut:
            return np.float32(least * (1 - 1e-6))
    return cut


@njit(**_options)
def _collect(group, first, cut, count, found, bounds):  # type: ignore[no-untyped-def]
    """Add a group's documents that reach the cut to the candidates."""
    if count + _GROUP > len(found):
        count = _thin(found, bounds, count, cut)
        if count * 2 > len(found):
            found = np.concatenate((found, np.empty_like(found)))
            bounds = np.concatenate((bounds, np.empty_like(bounds)))
    for i in range(_GROUP):
        if group[i] >= cut and group[i] > 0:
            found[count] = first + i
            bounds[count] = group[i]
            count += 1
    return count, found, bounds


@njit(**_options)
def _thin(found, bounds, count, cut):  # type: ignore[no-untyped-def]
    """Drop candidates below the cut, and return how many remain."""
    kept = 0
    for i in range(count):
        if bounds[i] >= cut:
            found[kept] = found[i]
            bounds[kept] = bounds[i]
            kept += 1
    return kept


@njit(**_options)
def _exact_scores(docs, terms, weights, lists, values, num_chunks):  # type: ignore[no-untyped-def]
    """Return the exact scores of some rising documents, summed in the order of the words."""
    _, split, starts, side_starts, lows, sides, stored, codes = lists
    scores = np.zeros(len(docs), np.float64)
    for t in range(len(terms)):
        i = 0
        while i < len(docs):
            chunk = docs[i] >> 16
            number = np.int64(terms[t]) * num_chunks + chunk
            place, end = starts[number], starts[number + 1]
            side = side_starts[number]
            run = 0
            while i < len(docs) and docs[i] >> 16 == chunk:
                local = docs[i] & 0xFFFF
                if split[number]:
                    while run < local >> 8:
                        place += sides[side + run]
                        run += 1
                    at = place
                    stop = min(place + sides[side + run], end)
                    while at < stop and lows[at] < local & 0xFF:
                        at += 1
                    is_there = at < stop and lows[at] == local & 0xFF
                else:
                    first = starts[number]
                    while (
                        place < end
                        and ((np.int64(sides[side + place - first]) << 8) | lows[place]) < local
                    ):
                        place += 1
                    at = place
                    is_there = (
                        place < end
                        and ((np.int64(sides[side + place - first]) << 8) | lows[place]) == local
                    )
                if is_there:
                    held = values[codes[at]] if len(codes) else stored[at]
                    scores[i] += np.float64(weights[t]) * np.float64(held)
                i += 1
    return scores
