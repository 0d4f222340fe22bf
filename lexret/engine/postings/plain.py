"""Postings of one segment, word by word: the protocol of all codecs, and the first, plain arrays.

Shapes: V words, N documents, D documents asked about, T terms, S postings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from lexret.engine.store.checked import CheckedArray
from lexret.errors import CorruptError
from lexret.sparse import FloatArray, IdArray

RAW: Final = "raw-i4-f4"

Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PostingBlock:
    """Postings of some consecutive words; documents rise within a word."""

    docs: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]


@dataclass(frozen=True)
class PostingsPart:
    """Postings of some words in documents from ``start`` up to, but excluding, ``stop``.

    Attributes:
        docs: (S,) documents, word by word, and rising within a word.
        weights: (S,) their weights.
        number_T: how many postings each word has here.
    """

    start: int
    stop: int
    docs: IdArray
    weights: FloatArray
    number_T: npt.NDArray[np.int64]


class Postings(Protocol):
    """Postings of a segment; documents rise within a word."""

    @property
    def indptr(self) -> Offsets:
        """(V + 1,) the postings of word t run from ``indptr[t]`` up to ``indptr[t + 1]``."""
        ...

    def of(self, term: int) -> tuple[IdArray, FloatArray]:
        """Return the documents that hold a word, and its weights there."""
        ...

    def parts(self, terms_T: IdArray) -> Iterator[PostingsPart]:
        """Yield the postings of some words, so many documents at a time that a part is small."""
        ...

    def block(self, first: int, last: int) -> PostingBlock:
        """Return the postings of the words from ``first`` up to, but excluding, ``last``."""
        ...

    def weights_of(self, first: int, last: int) -> FloatArray:
        """Return the weights of :meth:`block` alone."""
        ...

    def weights_at(self, docs_D: IdArray, terms_T: IdArray) -> FloatArray:
        """Return the stored weights, (D, T) float32, 0 where a document lacks the word."""
        ...


class RawPostings:
    """Uncompressed postings: 8 bytes each, as in version 1 of the format.

    Raises:
        CorruptError: if the arrays contradict each other; ``where`` names the file.
    """

    def __init__(
        self,
        arrays: Mapping[str, CheckedArray],
        num_documents: int,
        num_postings: int,
        where: object,
    ) -> None:
        self._num_documents = num_documents
        self.indptr: Offsets = arrays["indptr"].whole()
        self._docs, self._weights = arrays["docs"], arrays["weights"]
        check_offsets(self.indptr, num_postings, where)
        if not len(self._docs) == len(self._weights) == num_postings:
            raise CorruptError(f"{where}: its postings are damaged.")

    def of(self, term: int) -> tuple[IdArray, FloatArray]:
        """See :meth:`Postings.of`."""
        start, end = int(self.indptr[term]), int(self.indptr[term + 1])
        return self._docs.part(start, end), self._weights.part(start, end)

    def parts(self, terms_T: IdArray) -> Iterator[PostingsPart]:
        """See :meth:`Postings.parts`; here, one part has all documents."""
        found = [self.of(term) for term in terms_T.tolist()]
        docs, weights = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        number_T = self.indptr[terms_T + 1] - self.indptr[terms_T]
        yield PostingsPart(0, self._num_documents, docs, weights, number_T)

    def block(self, first: int, last: int) -> PostingBlock:
        """See :meth:`Postings.block`."""
        start, end = int(self.indptr[first]), int(self.indptr[last])
        return PostingBlock(self._docs.part(start, end), self._weights.part(start, end))

    def weights_of(self, first: int, last: int) -> FloatArray:
        """See :meth:`Postings.weights_of`."""
        return self._weights.part(int(self.indptr[first]), int(self.indptr[last]))

    def weights_at(self, docs_D: IdArray, terms_T: IdArray) -> FloatArray:
        """See :meth:`Postings.weights_at`; one binary search runs in all words' lists at once."""
        shape = (len(docs_D), len(terms_T))
        if not len(self._docs):
            return np.zeros(shape, dtype=np.float32)
        docs, weights = self._docs.whole(), self._weights.whole()
        last = len(docs) - 1
        wanted = np.broadcast_to(docs_D[:, None], shape)
        low = np.broadcast_to(self.indptr[terms_T], shape).copy()
        high = np.broadcast_to(self.indptr[terms_T + 1], shape).copy()
        ends = high.copy()
        while (open_ := low < high).any():
            middle = (low + high) // 2
            before = docs[np.minimum(middle, last)] < wanted
            low = np.where(open_ & before, middle + 1, low)
            high = np.where(open_ & ~before, middle, high)
        place = np.minimum(low, last)
        found = (low < ends) & (docs[place] == wanted)
        return np.where(found, weights[place], np.float32(0))


def word_ranges(indptr: Offsets, num_postings: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of words with about so many postings each, and at least one word.

    Args:
        indptr: (V + 1,) where each word's postings begin.
    """
    first, num_words = 0, len(indptr) - 1
    while first < num_words:
        limit = indptr[first] + num_postings
        last = max(first + 1, int(np.searchsorted(indptr, limit, side="right")) - 1)
        yield first, min(last, num_words)
        first = min(last, num_words)


def check_offsets(indptr: Offsets, num_postings: int, where: object) -> None:
    """Raise CorruptError if offsets do not rise from 0 to the number of postings."""
    rises = len(indptr) > 0 and indptr[0] == 0 and indptr[-1] == num_postings
    if not (rises and bool((np.diff(indptr) >= 0).all())):
        raise CorruptError(f"{where}: its word offsets are damaged.")
