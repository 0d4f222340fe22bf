"""Writer of compressed postings, which :mod:`lexret.engine.postings.blocks` reads.

Shapes: L lists of the words at hand, S long ones of them, P their postings, N documents, R dense
rows, or runs of a chunk.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.engine.postings.blocks import CHUNK, EIGHT_BITS, RUN, BlockPostings
from lexret.engine.postings.plain import Offsets, PostingBlock
from lexret.engine.postings.weight_codes import largest_error, to_codes
from lexret.engine.store.checked import AnyArray, CheckedArray, Sums
from lexret.engine.store.sections import ArrayFileWriter, Section, SectionWriter, open_sections
from lexret.sparse import IdArray

LISTS_FILE: Final = "lists.bin"
LOWS_FILE: Final = "lows.bin"
SIDES_FILE: Final = "sides.bin"
WEIGHTS_FILE: Final = "weights.bin"
DENSE_FILE: Final = "dense.bin"

# Bytes per posting that a segment may take; dense rows use what postings and ids leave of them.
_BYTES_A_POSTING: Final = {4: 5.85, 1: 2.85}
# Only words in at least this share of the documents get one, in segments of at least this many.
_LEAST_SHARE: Final = 1 / 8
_LEAST_DOCUMENTS: Final = 4096
# So many weights of a dense row are rounded at a time.
_ROUNDED_TOGETHER: Final = 1 << 20


class BlockWriter:
    """Writer of the files of one segment's postings.

    Args:
        folder: the segment's folder, which exists.
        codec: ``blocks-f4`` or ``blocks-u1``.
    """

    def __init__(self, folder: Path, codec: str, num_documents: int, indptr: Offsets) -> None:
        self._folder, self._num_documents, self._indptr = folder, num_documents, indptr
        self._has_codes = codec == EIGHT_BITS
        self._num_chunks = max(1, -(-num_documents // CHUNK))
        last = num_documents - (self._num_chunks - 1) * CHUNK
        self._runs_C = np.full(self._num_chunks, CHUNK // RUN, np.int64)
        self._runs_C[-1] = -(-last // RUN)
        #: See :func:`lexret.engine.postings.weight_codes.largest_error`.
        self.weight_error = 0.0
        #: Checksums of the blocks of all arrays, once they are written: array -> (blocks,).
        self.block_sums: dict[str, Sums] = {}

    def write(self, blocks: Iterator[PostingBlock]) -> dict[str, dict[str, Section]]:
        """Write all postings, word by word, and return the arrays of each file."""
        weight_type = "<u1" if self._has_codes else "<f4"
        kinds = {LOWS_FILE: ("lows", "<u1"), SIDES_FILE: ("sides", "<u1"),
                 WEIGHTS_FILE: ("weights", weight_type)}  # fmt: skip
        counts: list[npt.NDArray[np.uint32]] = []
        split: list[npt.NDArray[np.uint8]] = []
        first = done = 0
        with ExitStack() as stack:
            streams = [
                stack.enter_context(closing(ArrayFileWriter(self._folder / file, *kind)))
                for file, kind in kinds.items()
            ]
            lows, sides, weights = streams
            for block in blocks:
                done += len(block.docs)
                last = int(np.searchsorted(self._indptr, done, side="right")) - 1
                found = self._lists(first, last, block.docs)
                counts.append(found[0])
                split.append(found[1])
                lows.append((block.docs & (RUN - 1)).astype(np.uint8))
                sides.append(found[2])
                weights.append(self._encode(block.weights))
                first = last
            num_empty = (len(self._indptr) - 1 - first) * self._num_chunks
            counts.append(np.zeros(num_empty, np.uint32))
            split.append(np.zeros(num_empty, np.uint8))
            files = {stream.path.name: stream.finish() for stream in streams}
            for stream in streams:
                self.block_sums |= stream.block_sums()
        return self._write_rest(files, np.concatenate(counts), np.concatenate(split))

    def _lists(
        self, first: int, last: int, docs_P: IdArray
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Return (L,) lengths, (L,) which lists are split, and their side bytes."""
        num_lists = (last - first) * self._num_chunks
        lengths = np.diff(self._indptr[first : last + 1])
        list_P = np.repeat(np.arange(last - first) * self._num_chunks, lengths) + (docs_P >> 16)
        counts_L = np.bincount(list_P, minlength=num_lists)
        runs_L = np.tile(self._runs_C, last - first)
        # Runs are counted in long lists only: there are few, however many words there are.
        long_L = counts_L > runs_L
        most = int(self._runs_C.max())
        row_L = np.cumsum(long_L) - 1
        in_long_P = long_L[list_P]
        places = row_L[list_P[in_long_P]] * most + ((docs_P[in_long_P] >> 8) & 0xFF)
        runs_SR = np.bincount(places, minlength=int(long_L.sum()) * most).reshape(-1, most)
        # The count of a run in which every document holds the word does not fit into a byte.
        fits_S = runs_SR.max(1, initial=0) < RUN
        split_L = long_L.copy()
        split_L[long_L] = fits_S
        side_lengths_L = np.where(split_L, runs_L, counts_L)
        sides = np.empty(int(side_lengths_L.sum()), np.uint8)
        of_split = np.repeat(split_L, side_lengths_L)
        there_SR = np.arange(most) < runs_L[split_L][:, None]
        sides[of_split] = runs_SR[fits_S][there_SR]
        sides[~of_split] = (docs_P[~split_L[list_P]] >> 8) & 0xFF
        return counts_L.astype(np.uint32), split_L.astype(np.uint8), sides

    def _encode(self, weights: npt.NDArray[np.float32]) -> AnyArray:
        if not self._has_codes:
            return weights
        codes = to_codes(weights)
        self.weight_error = max(self.weight_error, largest_error(weights, codes))
        return codes

    def _write_rest(
        self,
        files: dict[str, dict[str, Section]],
        counts_L: npt.NDArray[np.uint32],
        split_L: npt.NDArray[np.uint8],
    ) -> dict[str, dict[str, Section]]:
        """Write the lists, and the dense rows, which are computed from what was just written."""
        postings = self._reopen(files, {"counts": counts_L, "split": split_L})
        num_bytes = counts_L.nbytes + split_L.nbytes
        num_bytes += sum(section.end for file in files.values() for section in file.values())
        terms_R = self._dense_terms(num_bytes)
        rows = ArrayFileWriter(self._folder / DENSE_FILE, "dense.rows", "<u1")
        scales_R = np.empty(len(terms_R), np.float32)
        try:
            for number, term in enumerate(terms_R.tolist()):
                scales_R[number], row = _dense_row(*postings.of(term), self._num_documents)
                rows.append(row)
            dense = rows.finish()
            self.block_sums |= rows.block_sums()
        finally:
            rows.close()
        kept: dict[str, AnyArray] = {"counts": counts_L, "split": split_L}
        kept |= {"dense.terms": terms_R, "dense.scales": scales_R}
        kinds = {"counts": "<u4", "split": "<u1", "dense.terms": "<i4", "dense.scales": "<f4"}
        writer = SectionWriter(
            self._folder / LISTS_FILE, {name: (kinds[name], len(kept[name])) for name in kept}
        )
        try:
            for name, values in kept.items():
                writer.append(name, values)
            lists = writer.finish()
            self.block_sums |= writer.block_sums()
        finally:
            writer.close()
        return files | {LISTS_FILE: lists, DENSE_FILE: dense}

    def _reopen(
        self, files: dict[str, dict[str, Section]], held: dict[str, AnyArray]
    ) -> BlockPostings:
        """Open the postings that were just written, which have no dense rows yet."""
        held |= {"dense.terms": np.empty(0, np.int32), "dense.scales": np.empty(0, np.float32)}
        held["dense.rows"] = np.empty(0, np.uint8)
        lists = self._folder / LISTS_FILE
        arrays = {
            name: CheckedArray(values, [zlib.crc32(values.data)], lists, name)
            for name, values in held.items()
        }
        for file, sections in files.items():
            arrays |= open_sections(self._folder / file, sections, self.block_sums)
        return BlockPostings(arrays, self._num_documents, int(self._indptr[-1]), self._folder)

    def _dense_terms(self, num_bytes: int) -> IdArray:
        """Return the most frequent words, as many as the bytes for dense rows allow, rising."""
        if self._num_documents < _LEAST_DOCUMENTS:
            return np.empty(0, np.int32)
        allowed = _BYTES_A_POSTING[1 if self._has_codes else 4] * int(self._indptr[-1])
        most = int(max(0.0, allowed - num_bytes) / self._num_documents)
        frequency_V = np.diff(self._indptr)
        frequent = np.flatnonzero(frequency_V >= self._num_documents * _LEAST_SHARE)
        best = frequent[np.argsort(-frequency_V[frequent], kind="stable")[:most]]
        return np.sort(best).astype(np.int32)


def _dense_row(
    docs: IdArray, weights: npt.NDArray[np.float32], num_documents: int
) -> tuple[np.float32, npt.NDArray[np.uint8]]:
    """Return a scale and (N,) the least multiples of it that are not below the weights."""
    scale = np.float32(weights.max() / np.float32(255))
    if float(scale) * 255 < float(weights.max()):
        scale = np.nextafter(scale, np.float32(np.inf), dtype=np.float32)
    row = np.zeros(num_documents, np.uint8)
    for start in range(0, len(docs), _ROUNDED_TOGETHER):
        part = slice(start, start + _ROUNDED_TOGETHER)
        row[docs[part]] = np.ceil(weights[part].astype(np.float64) / float(scale)).clip(1, 255)
    return scale, row
