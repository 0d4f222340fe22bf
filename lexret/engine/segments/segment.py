"""Segment: some documents whose postings never change once they are written.

Documents are numbered from 0 in rising order of their ids (UTF-8 bytes), so the order of numbers
is the order that breaks ties. Postings are stored word by word.

Shapes: N documents, T terms of a query, D documents asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from lexret.engine.postings.blocks import BlockPostings
from lexret.engine.postings.plain import RAW, Postings, RawPostings
from lexret.engine.postings.topk import best
from lexret.engine.segments.checksums import CHECKSUMS_FILE, read_checksums
from lexret.engine.segments.layout import check_layout
from lexret.engine.segments.manifest import SEGMENTS_FOLDER, SegmentEntry
from lexret.engine.segments.stored_documents import Mask, StoredDocuments
from lexret.engine.store.checked import CheckedArray
from lexret.engine.store.sections import check_sections, open_sections
from lexret.errors import CorruptError, DamageError
from lexret.sparse import FloatArray, IdArray

if TYPE_CHECKING:
    from lexret.engine.postings.compiled import CompiledPostings

RAW_POSTINGS_FILE: Final = "postings.bin"
DOCUMENTS_FILE: Final = "documents.bin"

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LocalHit:
    """Hit in one segment: a document's number there, and its score."""

    document: int
    score: float


class Segment(StoredDocuments):
    """Segment opened through memory maps, which stay valid after its folder is removed.

    Args:
        folder: the index folder.
        entry: what the manifest says about the segment.

    Raises:
        DamageError: if a file has the wrong size or contradicts the manifest. Sizes, lists of words
            and deletions are checked here; everything else when it is read.
        FileNotFoundError: if a file is missing; another process may have merged it away.
    """

    def __init__(self, folder: Path, entry: SegmentEntry) -> None:
        self.entry = entry
        self.folder = folder / SEGMENTS_FOLDER / entry.name
        arrays: dict[str, CheckedArray] = {}
        sums = read_checksums(self.folder, entry)
        for file, sections in entry.files.items():
            if file != CHECKSUMS_FILE:
                arrays |= open_sections(self.folder / file, sections, sums)
        check_layout(entry, arrays, self.folder)
        self.posting_lists = self._open_postings(arrays)
        deleted = _read_deletions(self.folder, entry)
        super().__init__(entry.num_documents, entry.columns, arrays, deleted)

    def _open_postings(self, arrays: Mapping[str, CheckedArray]) -> Postings:
        num_documents, nnz = self.entry.num_documents, self.entry.num_postings
        if self.entry.codec == RAW:
            return RawPostings(arrays, num_documents, nnz, self.folder / RAW_POSTINGS_FILE)
        return BlockPostings(arrays, num_documents, nnz, self.folder)

    def verify(self) -> None:
        """Compare every array with its checksum; raises CorruptError if one differs."""
        for file, sections in self.entry.files.items():
            check_sections(self.folder / file, sections)
        deletions = self.entry.deletions
        if deletions is not None:
            check_sections(self.folder / deletions.file, {"bits": deletions.bits})

    @cached_property
    def compiled(self) -> CompiledPostings | None:
        """The compiled search over this segment; ``None`` if it has the codec of version 1.

        Raises:
            MissingError: if numba cannot be loaded.
        """
        from lexret.engine.postings.acceleration import compiled_postings  # loads numba

        if not isinstance(self.posting_lists, BlockPostings):
            return None
        return compiled_postings(self.posting_lists, self.deleted)

    def search(
        self, terms_T: IdArray, weights_T: FloatArray, *, k: int, compiled: bool = False
    ) -> list[LocalHit]:
        """Return the best ``k`` live documents that share a word, best first, ties by number.

        Args:
            compiled: use :mod:`lexret.engine.postings.compiled`, which gives the same answer.
        """
        if compiled and self.compiled is not None and len(terms_T):
            found = self.compiled.search(terms_T, weights_T, k)
            if found is not None:
                return list(map(LocalHit, found[0].tolist(), found[1].tolist()))
        scores_N = self.score(terms_T, weights_T)
        if self.deleted is not None:
            scores_N[self.deleted] = 0.0
        return [LocalHit(int(place), float(scores_N[place])) for place in best(scores_N, k)]

    def score(self, terms_T: IdArray, weights_T: FloatArray) -> Scores:
        """Return the dot product of every document with a query, (N,) float64.

        Products of single-precision weights are exact in double precision and are added in the
        order of the terms, so a score does not depend on which segment a document is in.
        """
        if not len(terms_T):
            return np.zeros(len(self), dtype=np.float64)
        scores_N, weights_T = np.zeros(len(self), np.float64), weights_T.astype(np.float64)
        for part in self.posting_lists.parts(terms_T):
            products = part.weights * np.repeat(weights_T, part.number_T)
            found = np.bincount(part.docs - part.start, products, part.stop - part.start)
            if len(found) > part.stop - part.start:
                raise CorruptError(f"{self.folder}: its postings name documents beyond the last.")
            scores_N[part.start : part.stop] = found
        return scores_N

    def holding(self, term: int, *, above: float) -> Mask:
        """Return which documents hold a word with more than some weight, (N,)."""
        held_N = np.zeros(len(self), dtype=bool)
        for part in self.posting_lists.parts(np.array([term], np.int32)):
            held_N[part.docs[part.weights > np.float32(above)]] = True
        return held_N

    def postings(self, term: int) -> tuple[IdArray, FloatArray]:
        """Return the documents that hold a word, rising and including deleted, and its weights."""
        return self.posting_lists.of(term)

    def weights_at(self, docs_D: IdArray, terms_T: IdArray) -> FloatArray:
        """Return the stored weights, (D, T) float32, 0 where a document lacks the word."""
        return self.posting_lists.weights_at(docs_D, terms_T)


def _read_deletions(folder: Path, entry: SegmentEntry) -> Mask | None:
    """Return (N,) which documents of a segment are deleted; ``None`` if none is."""
    deletions = entry.deletions
    if deletions is None:
        return None
    path = folder / deletions.file
    bits = open_sections(path, {"bits": deletions.bits})["bits"].whole()
    if bits.dtype != np.uint8 or len(bits) != -(-entry.num_documents // 8):
        raise DamageError(path, f"it is not of {entry.num_documents} documents")
    deleted = np.unpackbits(bits, count=entry.num_documents, bitorder="little").astype(bool)
    if np.count_nonzero(deleted) != deletions.num_deleted:
        raise DamageError(path, f"the index says that it deletes {deletions.num_deleted}")
    return deleted
