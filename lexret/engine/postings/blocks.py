"""Codec of compressed postings: documents in chunks of 65,536, about 1.2 bytes per document number.

A list holds the postings of one word in one chunk; list ``t * C + c`` is that of word t in chunk c.
The low byte of every document number is in ``lows``. For a long list, ``sides`` counts its postings
in each run of 256 documents ("split"); for a short one it holds the second byte of every document
number ("plain"). Weights are float32, or codes of :mod:`lexret.engine.postings.weight_codes`. The
format is described in index/FORMAT.md.

Shapes: V words, C chunks, L = V * C lists, N documents, R dense rows, D documents asked about,
T terms, Q of them, P pairs of a document and a term, S postings looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lexret.engine.postings.plain import Offsets, PostingBlock, PostingsPart, check_offsets
from lexret.engine.postings.weight_codes import from_codes
from lexret.engine.store.checked import AnyArray, CheckedArray
from lexret.engine.store.prefetch import DiskWatch
from lexret.errors import CorruptError
from lexret.sparse import FloatArray, IdArray, distinct_ids

EXACT: Final = "blocks-f4"
EIGHT_BITS: Final = "blocks-u1"
CHUNK: Final = 1 << 16
RUN: Final = 1 << 8

# When weights are looked up, about this many postings of plain lists, or pairs of a document and a
# split list, are read together.
_LOOKED_AT: Final = 1 << 20
# So many postings of several words are read together, if they are not all in one chunk.
_READ_TOGETHER: Final = 1 << 21
# Lists of more postings than this on average are read one by one.
_WORTH_ONE_BY_ONE: Final = 4096


class BlockPostings:
    """Compressed postings of a segment; see :class:`lexret.engine.postings.plain.Postings`.

    Attributes:
        counts_L: number of postings of every list.
        is_split_L: which lists are split.
        lows, sides: see above.
        weights_or_codes: of each posting its weight, or the code of it.
        dense_rows: the elements of ``dense_RN``.
        dense_terms_R: the words that have a row in ``dense_RN``, rising.
        dense_scales_R, dense_RN: bounds from above: a weight is at most scale * row (rounding to
            single precision aside), and larger than scale * (row - 1); 0 in the row means that the
            document lacks the word.
        disk: watches whether searches read from the disk, and prefetches if they do.

    What stands about lists and words is checked at once; postings are checked when they are read,
    and those who read ``values`` of ``lows``, ``sides``, ``weights_or_codes`` or ``dense_RN``
    themselves call :meth:`require` or :meth:`require_dense` before.

    Raises:
        CorruptError: if the arrays contradict each other; ``where`` names the folder.
        DamageError: if an array does not agree with its checksums.
    """

    def __init__(
        self,
        arrays: Mapping[str, CheckedArray],
        num_documents: int,
        num_postings: int,
        where: object,
    ) -> None:
        self.where = where
        self.num_chunks = max(1, -(-num_documents // CHUNK))
        self.counts_L: npt.NDArray[np.uint32] = arrays["counts"].whole()
        self.is_split_L: npt.NDArray[np.uint8] = arrays["split"].whole()
        self.lows, self.sides = arrays["lows"], arrays["sides"]
        self.weights_or_codes = arrays["weights"]
        self.dense_terms_R: IdArray = arrays["dense.terms"].whole()
        self.dense_scales_R: FloatArray = arrays["dense.scales"].whole()
        last = num_documents - (self.num_chunks - 1) * CHUNK
        self.runs_C = np.full(self.num_chunks, CHUNK // RUN, np.int64)
        self.runs_C[-1] = -(-last // RUN)
        if len(self.counts_L) % self.num_chunks or len(self.counts_L) != len(self.is_split_L):
            raise CorruptError(f"{where}: its lists are damaged.")
        self._num_words = len(self.counts_L) // self.num_chunks
        self.dense_rows = rows = arrays["dense.rows"]
        check_offsets(self.indptr, num_postings, where)
        if (
            not len(self.lows) == len(self.weights_or_codes) == num_postings
            or len(self.sides) != self.side_starts_L1[-1]
            or len(rows) != len(self.dense_terms_R) * num_documents
            or len(self.dense_scales_R) != len(self.dense_terms_R)
        ):
            raise CorruptError(f"{where}: its postings are damaged.")
        rising = np.concatenate([[-1], self.dense_terms_R, [self._num_words]])
        if not (rising[1:] > rising[:-1]).all():
            raise CorruptError(f"{where}: its dense rows are damaged.")
        self.dense_RN: npt.NDArray[np.uint8] = rows.values.reshape(
            len(self.dense_terms_R), num_documents
        )
        self._is_sound_V = np.zeros(self._num_words, np.bool_)
        self.disk = DiskWatch()

    @cached_property
    def starts_L1(self) -> Offsets:
        """(L + 1,) where each list's postings begin."""
        starts = np.zeros(len(self.counts_L) + 1, np.int64)
        np.cumsum(self.counts_L, dtype=np.int64, out=starts[1:])
        return starts

    @cached_property
    def side_starts_L1(self) -> Offsets:
        """(L + 1,) where each list's part of ``sides`` begins."""
        runs_L = np.tile(self.runs_C, self._num_words)
        starts = np.zeros(len(self.counts_L) + 1, np.int64)
        np.cumsum(np.where(self.is_split_L, runs_L, self.counts_L), out=starts[1:])
        return starts

    @cached_property
    def indptr(self) -> Offsets:
        """(V + 1,) where each word's postings begin."""
        return self.starts_L1[:: self.num_chunks]

    @property
    def has_codes(self) -> bool:
        """Whether weights are stored in 8 bits."""
        return self.weights_or_codes.values.dtype == np.uint8

    def require(self, terms_T: IdArray) -> None:
        """Check all postings of some words; raises DamageError."""
        sound_T = self._is_sound_V[terms_T]
        if np.count_nonzero(sound_T) == len(terms_T):
            return
        for array, starts, stops in self._runs_of(terms_T[~sound_T]):
            array.require_each(starts, stops)
        self._is_sound_V[terms_T] = True

    def prefetch(self, terms_T: IdArray, *, rows: bool = False) -> None:
        """Ask the system to read all postings of some words from the disk, without waiting for it.

        Args:
            rows: read the dense rows of words that have one, too. The compiled search reads them,
                and of the postings of such words only those of the best documents; but these lie
                here and there, and waiting for each takes longer than reading all.
        """
        for array, starts, stops in self._runs_of(terms_T):
            array.prefetch_each(starts, stops)
        if rows:
            row_T = self.dense_row_V[terms_T].astype(np.int64)
            starts = row_T[row_T >= 0] * self.dense_RN.shape[1]
            self.dense_rows.prefetch_each(starts, starts + self.dense_RN.shape[1])

    def _runs_of(self, terms_T: IdArray) -> Sequence[tuple[CheckedArray, Offsets, Offsets]]:
        """Return where the postings of words are: arrays, and (T,) starts and stops in each."""
        lists = terms_T.astype(np.int64) * self.num_chunks
        starts, stops = self.starts_L1[lists], self.starts_L1[lists + self.num_chunks]
        sides = self.side_starts_L1[lists], self.side_starts_L1[lists + self.num_chunks]
        return (
            (self.lows, starts, stops),
            (self.weights_or_codes, starts, stops),
            (self.sides, *sides),
        )

    def require_dense(self, terms_T: IdArray) -> None:
        """Check the dense rows of those of some words that have one; raises DamageError."""
        num_documents = self.dense_RN.shape[1]
        for row in self.dense_row_V[terms_T].tolist():
            if row >= 0:
                self.dense_rows.require(row * num_documents, (row + 1) * num_documents)

    @cached_property
    def dense_row_V(self) -> IdArray:
        """(V,) the dense row of each word, -1 if it has none."""
        row_V = np.full(self._num_words, -1, np.int32)
        row_V[self.dense_terms_R] = np.arange(len(self.dense_terms_R), dtype=np.int32)
        return row_V

    def of(self, term: int) -> tuple[IdArray, FloatArray]:
        """See :meth:`lexret.engine.postings.plain.Postings.of`."""
        return self._run(term * self.num_chunks, (term + 1) * self.num_chunks)

    def block(self, first: int, last: int) -> PostingBlock:
        """See :meth:`lexret.engine.postings.plain.Postings.block`."""
        return PostingBlock(*self._run(first * self.num_chunks, last * self.num_chunks))

    def weights_of(self, first: int, last: int) -> FloatArray:
        """See :meth:`lexret.engine.postings.plain.Postings.weights_of`."""
        start, end = int(self.indptr[first]), int(self.indptr[last])
        return self._weights(self.weights_or_codes.part(start, end))

    def weights_at(self, docs_D: IdArray, terms_T: IdArray) -> FloatArray:
        """See :meth:`lexret.engine.postings.plain.Postings.weights_at`."""
        docs_U = distinct_ids(docs_D).astype(np.int64)
        weights_UT = np.zeros((len(docs_U), len(terms_T)), np.float32)
        terms_T = terms_T.astype(np.int64)
        for chunk in sorted(set((docs_U // CHUNK).tolist())):
            within = slice(*np.searchsorted(docs_U, [chunk * CHUNK, (chunk + 1) * CHUNK]))
            lists_T = terms_T * self.num_chunks + chunk
            split_T = self.is_split_L[lists_T].astype(bool)
            local_U, in_chunk_UT = docs_U[within] % CHUNK, weights_UT[within]
            for columns in _pieces(np.flatnonzero(~split_T), self.counts_L[lists_T]):
                self._read_plain(local_U, lists_T, columns, in_chunk_UT)
            for columns in _pieces(np.flatnonzero(split_T), np.full(len(terms_T), len(local_U))):
                self._read_split(local_U, lists_T, columns, in_chunk_UT)
        return weights_UT[np.searchsorted(docs_U, docs_D)]

    def parts(self, terms_T: IdArray) -> Iterator[PostingsPart]:
        """See :meth:`lexret.engine.postings.plain.Postings.parts`."""
        so_far = self.disk.before(lambda: self.prefetch(terms_T))
        yield from self._parts(terms_T)
        self.disk.after(so_far)

    def _parts(self, terms_T: IdArray) -> Iterator[PostingsPart]:
        counts_VC = self.counts_L.reshape(self._num_words, self.num_chunks)
        ends_C = np.cumsum(counts_VC[terms_T].sum(0, dtype=np.int64))
        first = 0
        while first < self.num_chunks:
            before = int(ends_C[first - 1]) if first else 0
            last = int(np.searchsorted(ends_C, before + _READ_TOGETHER, side="right"))
            last = max(first + 1, last)
            stop = min(last * CHUNK, self.dense_RN.shape[1])
            yield PostingsPart(first * CHUNK, stop, *self._in_chunks(terms_T, first, last))
            first = last

    def _in_chunks(
        self, terms_T: IdArray, first: int, last: int
    ) -> tuple[IdArray, FloatArray, npt.NDArray[np.int64]]:
        """Return documents and weights of words in some chunks, and (T,) how many each has."""
        starts_T = terms_T.astype(np.int64) * self.num_chunks
        lists_L = (starts_T[:, None] + np.arange(first, last)).ravel()
        counts_L = self.counts_L[lists_L].astype(np.int64)
        number_T = counts_L.reshape(len(terms_T), last - first).sum(1)
        if number_T.sum() > _WORTH_ONE_BY_ONE * len(terms_T):  # long lists: views beat gathering
            runs = [self._run(start + first, start + last) for start in starts_T.tolist()]
            docs, weights = (np.concatenate(arrays) for arrays in zip(*runs, strict=True))
            return docs, weights, number_T
        self.require(terms_T)
        place_S = np.repeat(self.starts_L1[lists_L], counts_L) + counted_up(counts_L)
        sides_L = self.side_starts_L1[lists_L + 1] - self.side_starts_L1[lists_L]
        side_S = np.repeat(self.side_starts_L1[lists_L], sides_L) + counted_up(sides_L)
        docs = self._docs_of(lists_L, self.lows.values[place_S], self.sides.values[side_S])
        weights = self.weights_or_codes.values[place_S]
        return docs, self._weights(weights), number_T

    def _run(self, first: int, last: int) -> tuple[IdArray, FloatArray]:
        """Return documents and weights of some consecutive lists."""
        start, end = int(self.starts_L1[first]), int(self.starts_L1[last])
        side_start, side_end = int(self.side_starts_L1[first]), int(self.side_starts_L1[last])
        lows, sides = self.lows.part(start, end), self.sides.part(side_start, side_end)
        docs = self._docs_of(np.arange(first, last), lows, sides)
        return docs, self._weights(self.weights_or_codes.part(start, end))

    def _docs_of(
        self,
        lists_L: npt.NDArray[np.int64],
        lows: npt.NDArray[np.uint8],
        sides: npt.NDArray[np.uint8],
    ) -> IdArray:
        """Return the document numbers that some lists' low and side bytes stand for."""
        counts_L = self.counts_L[lists_L].astype(np.int64)
        split_L = self.is_split_L[lists_L].astype(bool)
        chunks_L = lists_L % self.num_chunks
        # How many postings each byte of ``sides`` is for, and what goes before their low byte.
        lengths_L = np.where(split_L, self.runs_C[chunks_L], counts_L)
        is_count = np.repeat(split_L, lengths_L)
        second = np.where(is_count, counted_up(lengths_L), sides)
        before = (np.repeat(chunks_L, lengths_L) << 16) + (second << 8)
        number = np.where(is_count, sides, 1)
        if int(number.sum(dtype=np.int64)) != len(lows):
            raise CorruptError(f"{self.where}: the runs of its lists are damaged.")
        docs: IdArray = (np.repeat(before, number) + lows).astype(np.int32)
        return docs

    def _weights(self, stored: AnyArray) -> FloatArray:
        return from_codes(stored) if self.has_codes else stored

    def _read_plain(
        self, local_D: Offsets, lists_T: Offsets, columns_Q: Offsets, weights_DT: FloatArray
    ) -> None:
        """Fill in some columns from plain lists, whose postings are read once for all documents."""
        lists_Q = lists_T[columns_Q]
        number_Q = self.counts_L[lists_Q].astype(np.int64)
        counted_S, which_S = counted_up(number_Q), np.repeat(np.arange(len(lists_Q)), number_Q)
        self.lows.require_each(self.starts_L1[lists_Q], self.starts_L1[lists_Q + 1])
        self.sides.require_each(self.side_starts_L1[lists_Q], self.side_starts_L1[lists_Q + 1])
        place_S = self.starts_L1[lists_Q][which_S] + counted_S
        side_S = self.side_starts_L1[lists_Q][which_S] + counted_S
        row_of = np.full(CHUNK, -1, np.int32)
        row_of[local_D] = np.arange(len(local_D), dtype=np.int32)
        row_S = row_of[
            self.sides.values[side_S].astype(np.uint16) * RUN + self.lows.values[place_S]
        ]
        held_S = np.flatnonzero(row_S >= 0)
        weights = self._weights(self.weights_or_codes.at(place_S[held_S]))
        weights_DT[row_S[held_S], columns_Q[which_S[held_S]]] = weights

    def _read_split(
        self, local_D: Offsets, lists_T: Offsets, columns_Q: Offsets, weights_DT: FloatArray
    ) -> None:
        """Fill in some columns from split lists, reading of each only the runs of the documents."""
        row_P, column_P = np.divmod(np.arange(len(local_D) * len(columns_Q)), len(columns_Q))
        column_P, local_P = columns_Q[column_P], local_D[row_P]
        lists_P = lists_T[column_P]
        lengths_P = local_P // RUN + 1  # the runs before the document's, and that run
        ends_P = np.cumsum(lengths_P)
        places = np.repeat(self.side_starts_L1[lists_P], lengths_P) + counted_up(lengths_P)
        sides_P = self.side_starts_L1[lists_P]
        self.sides.require_each(sides_P, sides_P + lengths_P)
        counts = self.sides.values[places].astype(np.int64)
        number_P = counts[ends_P - 1]
        first_P = self.starts_L1[lists_P] - number_P
        first_P += np.add.reduceat(counts, ends_P - lengths_P)
        which_S = np.repeat(np.arange(len(lists_P)), number_P)
        place_S = first_P[which_S] + counted_up(number_P)
        self.lows.require_each(first_P, first_P + number_P)
        held_S = np.flatnonzero(self.lows.values[place_S] == (local_P % RUN)[which_S])
        held_P = which_S[held_S]
        weights = self._weights(self.weights_or_codes.at(place_S[held_S]))
        weights_DT[row_P[held_P], column_P[held_P]] = weights


def _pieces(columns_Q: Offsets, costs_T: npt.NDArray[Any]) -> Iterator[Offsets]:
    """Cut columns into pieces that cost about as much as may be read together."""
    costs_Q = np.cumsum(costs_T[columns_Q], dtype=np.int64)
    steps = np.arange(_LOOKED_AT, int(costs_Q[-1]) if len(costs_Q) else 0, _LOOKED_AT)
    for piece in np.split(columns_Q, np.searchsorted(costs_Q, steps)):
        if len(piece):
            yield piece


def counted_up(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return 0, 1, ... within each of some runs that follow one another."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) - np.repeat(ends - lengths, lengths)
