"""The compiled search over compressed postings: numba, loaded when a run is long enough to earn it.

One chunk of 65,536 documents after the other is scored in single precision, in cache: frequent
words from their dense rows, which bound weights from above, the others posting by posting. Only
documents that may be among the best are scored again, exactly, in double precision and in the
order of the words, so that scores and order are those of :mod:`lexret.index.segment`.

Shapes: T words of a query, L lists, N documents, C chunks, D candidates.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from lexret.index.block_postings import BlockPostings
from lexret.index.weight_codes import VALUES
from lexret.sparse import FloatArray, IdArray

_CHUNK: Final = 1 << 16
_GROUP: Final = 64
_NO_CODES: Final = np.empty(0, np.uint8)
_NO_WEIGHTS: Final = np.empty(0, np.float32)

_options = {"nogil": True, "cache": True, "boundscheck": False}


class CompiledPostings:
    """Answers queries from one segment's postings; safe to share by threads."""

    def __init__(self, postings: BlockPostings, deleted: npt.NDArray[np.bool_] | None) -> None:
        self._postings = postings
        coded = postings.has_codes
        self._lists = (
            postings.counts_L,
            postings.is_split_L,
            postings.starts_L1,
            postings.side_starts_L1,
            postings.lows,
            postings.sides,
            _NO_WEIGHTS if coded else postings.stored,
            postings.stored if coded else _NO_CODES,
        )
        self._deleted = np.empty(0, np.bool_) if deleted is None else deleted
        self._num_documents = postings.dense_RN.shape[1]

    def search(
        self, terms_T: IdArray, weights_T: FloatArray, k: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]] | None:
        """Return candidates and their exact scores: the best ``k`` are among them.

        ``None`` where single precision cannot tell (few hits, or weights of extreme size): the
        plain way is to be taken then.
        """
        p = self._postings
        row_T = p.dense_row_V[terms_T]
        is_dense_T = row_T >= 0
        dense = terms_T[is_dense_T], weights_T[is_dense_T], row_T[is_dense_T]
        factors = (p.dense_scales_R[dense[2]] * dense[1]).astype(np.float32)
        slack = float(factors.astype(np.float64).sum())
        if not np.isfinite(slack):
            return None
        sparse_T = terms_T[~is_dense_T].astype(np.int64)
        found, count = _candidates(
            sparse_T, weights_T[~is_dense_T], dense[2].astype(np.int64), factors, p.dense_RN,
            self._lists, VALUES, p.num_chunks, p.runs_C, self._num_documents, self._deleted,
            k, slack, (len(terms_T) + 8) * 2.0**-23,
        )  # fmt: skip
        if count < 0:
            return None
        docs_D = found[:count]
        scores_D = _exact_scores(
            docs_D, terms_T.astype(np.int64), weights_T.astype(np.float64), self._lists, VALUES,
            p.num_chunks, p.runs_C,
        )  # fmt: skip
        return docs_D, scores_D


@njit(**_options)
def _add_list(acc, lists, number, num_runs, weight, values):  # type: ignore[no-untyped-def]
    _, split, starts, side_starts, lows, sides, weights, codes = lists
    place, end = starts[number], starts[number + 1]
    side = side_starts[number]
    if len(codes):
        table = values * weight
        if split[number]:
            for run in range(num_runs):
                base = run << 8
                stop = min(place + sides[side + run], end)
                for i in range(place, stop):
                    acc[base | lows[i]] += table[codes[i]]
                place = stop
        else:
            for i in range(end - place):
                local = (np.int64(sides[side + i]) << 8) | lows[place + i]
                acc[local] += table[codes[place + i]]
    elif split[number]:
        for run in range(num_runs):
            base = run << 8
            stop = min(place + sides[side + run], end)
            for i in range(place, stop):
                acc[base | lows[i]] += weight * weights[i]
            place = stop
    else:
        for i in range(end - place):
            local = (np.int64(sides[side + i]) << 8) | lows[place + i]
            acc[local] += weight * weights[place + i]


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


@njit(nogil=True, cache=True, boundscheck=False, fastmath={"nnan", "nsz"})
def _group_maxima(acc, maxima, num_groups):  # type: ignore[no-untyped-def]
    for group in range(num_groups):
        base = group * _GROUP
        best = np.float32(0)
        for i in range(_GROUP):
            best = max(best, acc[base + i])
        maxima[group] = best


@njit(**_options)
def _sift_in(heap, value):  # type: ignore[no-untyped-def]
    """Replace the least of a binary heap by a larger value."""
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
def _candidates(  # type: ignore[no-untyped-def]
    terms, weights, row_numbers, factors, rows, lists, values, num_chunks, runs, num_documents,
    deleted, k, slack, relative,
):  # fmt: skip
    """Return documents that may be among the best k, rising, and how many; -1: cannot tell."""
    acc = np.zeros(_CHUNK, np.float32)
    maxima = np.zeros(_CHUNK // _GROUP, np.float32)
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
            number = terms[t] * num_chunks + chunk
            if lists[0][number]:
                _add_list(acc, lists, number, runs[chunk], weights[t], values)
        for i in range(start, stop if len(deleted) else start):
            if deleted[i]:
                acc[i - start] = 0
        num_groups = (stop - start + _GROUP - 1) // _GROUP
        _group_maxima(acc, maxima, num_groups)
        for group in range(num_groups):
            if maxima[group] > cut:
                cut = _raise_cut(heap, maxima[group], cut, slack, relative)
                base = group * _GROUP
                count, found, bounds = _collect(acc, base, start, cut, count, found, bounds)
    # Where the cut is not above zero, documents of tiny scores could have been lost.
    if not cut > 0:
        return found, -1
    count = _thin(found, bounds, count, cut)
    return found, count if np.isfinite(bounds[:count]).all() else -1


@njit(**_options)
def _raise_cut(heap, maximum, cut, slack, relative):  # type: ignore[no-untyped-def]
    """Take in a group's maximum, and return what a bound must reach to be among the best."""
    if maximum > heap[0]:
        _sift_in(heap, maximum)
        least = (np.float64(heap[0]) * (1 - relative) - slack) * (1 - relative) - 1e-30
        if least > cut:
            return np.float32(least * (1 - 1e-6))
    return cut


@njit(**_options)
def _collect(acc, base, start, cut, count, found, bounds):  # type: ignore[no-untyped-def]
    """Add a group's documents that reach the cut to the candidates."""
    if count + _GROUP > len(found):
        count = _thin(found, bounds, count, cut)
        if count * 2 > len(found):
            found = np.concatenate((found, np.empty_like(found)))
            bounds = np.concatenate((bounds, np.empty_like(bounds)))
    for i in range(base, base + _GROUP):
        if acc[i] >= cut and acc[i] > 0:
            found[count] = start + i
            bounds[count] = acc[i]
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
def _exact_scores(docs, terms, weights, lists, values, num_chunks, runs):  # type: ignore[no-untyped-def]
    """Return the scores of some rising documents, summed in the order of the words."""
    _, split, starts, side_starts, lows, sides, stored, codes = lists
    scores = np.zeros(len(docs), np.float64)
    for t in range(len(terms)):
        i = 0
        while i < len(docs):
            chunk = docs[i] >> 16
            number = terms[t] * num_chunks + chunk
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
                    scores[i] += weights[t] * np.float64(held)
                i += 1
    return scores
