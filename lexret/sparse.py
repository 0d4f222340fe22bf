"""Sparse lexical vectors; the rules of their arrays are known only here.

Shapes: N rows (pictures or texts), V words, nnz stored weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from lexret.arguments import require_several
from lexret.errors import InputError
from lexret.vocabulary import Vocabulary

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FloatArray = npt.NDArray[np.float32]
IdArray = npt.NDArray[np.int32]
OffsetArray = npt.NDArray[np.int64]
# What networks in torch compute in.
Precision = Literal["float32", "bfloat16"]
# What the vectors of an index are computed in.
VectorPrecision = Literal["float32", "bfloat16", "int8"]


def distinct_ids(*arrays: npt.NDArray[np.integer[Any]]) -> IdArray:
    """Return the distinct whole numbers of some arrays, rising, as int32.

    ``numpy.unique`` imports numpy's masked arrays, a tenth of a search from the shell.
    """
    return np.array(sorted({number for array in arrays for number in array.tolist()}), np.int32)


@dataclass(frozen=True, slots=True)
class WordWeight:
    """Word of a vector, and its weight."""

    word: str
    weight: float


@dataclass(frozen=True, eq=False)
class LexicalVector:
    """Sparse vector over a vocabulary.

    Attributes:
        term_ids: (nnz,) int32, strictly increasing.
        weights: (nnz,) float32, finite and greater than zero.
        vocabulary: what the ids mean.
    """

    term_ids: IdArray
    weights: FloatArray
    vocabulary: Vocabulary

    def words(self, k: int | None = None) -> list[WordWeight]:
        """Return the words by falling weight (ties by term id), at most ``k`` of them."""
        order = np.lexsort((self.term_ids, -self.weights))[:k]
        names = self.vocabulary.words
        found = zip(self.term_ids[order].tolist(), self.weights[order].tolist(), strict=True)
        return [WordWeight(names[term_id], weight) for term_id, weight in found]

    def weight_of(self, word: str) -> float:
        """Return the weight of a word, 0.0 if the vector does not hold it."""
        term_id = self.vocabulary.term_id(word)
        if term_id is None:
            return 0.0
        place = int(np.searchsorted(self.term_ids, term_id))
        found = place < len(self.term_ids) and self.term_ids[place] == term_id
        return float(self.weights[place]) if found else 0.0

    def as_batch(self) -> SparseBatch:
        """Return a batch whose only row is this vector."""
        indptr = np.array([0, len(self.term_ids)], dtype=np.int64)
        return SparseBatch(indptr, self.term_ids, self.weights, self.vocabulary)

    def __len__(self) -> int:
        return len(self.term_ids)


@dataclass(frozen=True, eq=False)
class SparseBatch:
    """Batch of N sparse vectors, in compressed sparse rows (CSR).

    Attributes:
        indptr: (N + 1,) int64, non-decreasing, starts at 0 and ends at nnz.
        term_ids: (nnz,) int32 in [0, V), strictly increasing within a row.
        weights: (nnz,) float32, finite and greater than zero.
        vocabulary: the V words.

    An empty row is legal and matches nothing.

    Raises:
        InputError: on construction, if an array breaks these rules.
    """

    indptr: OffsetArray
    term_ids: IdArray
    weights: FloatArray
    vocabulary: Vocabulary

    def __post_init__(self) -> None:
        wanted = ((self.indptr, np.int64), (self.term_ids, np.int32), (self.weights, np.float32))
        for array, dtype in wanted:
            if array.ndim != 1 or array.dtype != dtype:
                raise InputError(
                    f"A sparse batch array has shape {array.shape} and type {array.dtype}; "
                    f"expected one dimension of {np.dtype(dtype)}."
                )
        nnz = len(self.term_ids)
        if len(self.weights) != nnz:
            raise InputError(f"{nnz} term ids stand beside {len(self.weights)} weights.")
        ptr = self.indptr
        if len(ptr) < 1 or ptr[0] != 0 or ptr[-1] != nnz or bool((ptr[1:] < ptr[:-1]).any()):
            raise InputError(f"indptr must rise from 0 to {nnz}; found {ptr[:3]}...{ptr[-3:]}.")
        if nnz:
            self._check_entries(nnz)

    def _check_entries(self, nnz: int) -> None:
        ids, weights = self.term_ids, self.weights
        if int(ids.min()) < 0 or int(ids.max()) >= len(self.vocabulary):
            raise InputError(
                f"Term ids run from {self.term_ids.min()} to {self.term_ids.max()}; "
                f"expected 0 to {len(self.vocabulary) - 1}."
            )
        rises = ids[1:] > ids[:-1]
        if len(self.indptr) > 2:  # ids may fall from one row to the next
            starts = self.indptr[1:-1]
            rises[starts[(starts > 0) & (starts < nnz)] - 1] = True
        if not rises.all():
            raise InputError("Term ids must rise strictly within every row.")
        if not (weights.min() > 0 and weights.max() < np.inf):  # neither is true of NaN
            raise InputError("Weights must be finite and greater than zero.")

    @classmethod
    def from_dense(
        cls, weights_NV: npt.NDArray[Any], vocabulary: Vocabulary, *, max_words: int | None = None
    ) -> SparseBatch:
        """Build a batch from the positive weights of a dense array, such as a model's output.

        Args:
            weights_NV: (N, V) finite; entries <= 0 are dropped.
            max_words: how many of the strongest words to keep of a row (ties: the lower id stays).

        Raises:
            InputError: if the shape is wrong or a value is not finite.
        """
        dense = np.asarray(weights_NV, dtype=np.float32)
        if dense.ndim != 2 or dense.shape[1] != len(vocabulary):
            raise InputError(f"Expected shape (N, {len(vocabulary)}); found {dense.shape}.")
        if not np.isfinite(dense).all():
            raise InputError("A weight is NaN or infinite; the model's output cannot be used.")
        rows, term_ids = np.nonzero(dense > 0)
        indptr = np.zeros(len(dense) + 1, dtype=np.int64)
        np.cumsum(np.bincount(rows, minlength=len(dense)), out=indptr[1:])
        weights = dense[rows, term_ids]
        batch = cls(indptr, term_ids.astype(np.int32), weights, vocabulary)
        return batch if max_words is None else batch.strongest(max_words)

    @classmethod
    def from_vectors(cls, vectors: Sequence[LexicalVector], vocabulary: Vocabulary) -> SparseBatch:
        """Stack vectors of one vocabulary; an empty sequence gives a batch of no rows."""
        require_several(vectors, "vectors")
        for vector in vectors:
            vocabulary.require_same(vector.vocabulary, mine="the batch", theirs="a vector")
        indptr = np.zeros(len(vectors) + 1, dtype=np.int64)
        np.cumsum([len(vector) for vector in vectors], out=indptr[1:])
        if not vectors:
            return cls(indptr, np.empty(0, np.int32), np.empty(0, np.float32), vocabulary)
        term_ids = np.concatenate([vector.term_ids for vector in vectors])
        weights = np.concatenate([vector.weights for vector in vectors])
        return cls(indptr, term_ids, weights, vocabulary)

    @classmethod
    def from_words(cls, rows: Iterable[Mapping[str, float]], vocabulary: Vocabulary) -> SparseBatch:
        """Build a batch from ``{word: weight}`` rows.

        Raises:
            InputError: if a word is not in the vocabulary or a weight is not positive.
        """
        require_several(rows, "rows {word: weight}")
        vectors = []
        for row in rows:
            missing = [word for word in row if word not in vocabulary]
            if missing:
                raise InputError(f"Not in the vocabulary: {missing}.")
            pairs = sorted((vocabulary.term_id(word) or 0, weight) for word, weight in row.items())
            ids = np.array([term_id for term_id, _ in pairs], dtype=np.int32)
            weights = np.array([weight for _, weight in pairs], dtype=np.float32)
            vectors.append(LexicalVector(ids, weights, vocabulary))
        return cls.from_vectors(vectors, vocabulary)

    @classmethod
    def from_postings(
        cls,
        postings: Iterable[tuple[IdArray, FloatArray]],
        num_rows: int,
        vocabulary: Vocabulary,
    ) -> SparseBatch:
        """Build a batch from the lists of an inverted index.

        Args:
            postings: for each word in order, the rising rows that hold it and its weights there.
        """
        lists = list(postings)
        lengths = [len(rows) for rows, _ in lists]
        term_ids = np.repeat(np.arange(len(lists), dtype=np.int32), lengths)
        every_row = np.concatenate([np.empty(0, np.int32), *(rows for rows, _ in lists)])
        weights = np.concatenate([np.empty(0, np.float32), *(weights for _, weights in lists)])
        order = np.argsort(every_row, kind="stable")  # stable: words keep rising within a row
        indptr = np.zeros(num_rows + 1, dtype=np.int64)
        np.cumsum(np.bincount(every_row, minlength=num_rows), out=indptr[1:])
        return cls(indptr, term_ids[order], weights[order], vocabulary)

    @classmethod
    def concatenate(cls, batches: Sequence[SparseBatch], vocabulary: Vocabulary) -> SparseBatch:
        """Concatenate batches of one vocabulary."""
        return cls.from_vectors([row for batch in batches for row in batch], vocabulary)

    @property
    def nnz(self) -> int:
        """Number of stored weights."""
        return len(self.term_ids)

    def row(self, i: int) -> LexicalVector:
        """Return row ``i``, which shares the arrays."""
        start, end = self.indptr[i], self.indptr[i + 1]
        return LexicalVector(self.term_ids[start:end], self.weights[start:end], self.vocabulary)

    def strongest(self, k: int) -> SparseBatch:
        """Keep at most the ``k`` strongest words of every row (ties: the lower id stays).

        Raises:
            InputError: if ``k`` is less than 1.
        """
        if k < 1:
            raise InputError(f"A vector must keep at least 1 word; found {k}.")
        lengths = np.diff(self.indptr)
        rows = np.repeat(np.arange(len(self)), lengths)
        order = np.lexsort((self.term_ids, -self.weights, rows))
        rank = np.arange(self.nnz) - np.repeat(self.indptr[:-1], lengths)
        keep = np.sort(order[rank < k])
        indptr = np.zeros(len(self) + 1, dtype=np.int64)
        np.cumsum(np.minimum(lengths, k), out=indptr[1:])
        return SparseBatch(indptr, self.term_ids[keep], self.weights[keep], self.vocabulary)

    def normalized(self) -> SparseBatch:
        """Divide every row by its L2 norm; an empty row stays empty."""
        lengths = np.diff(self.indptr)
        rows = np.repeat(np.arange(len(self)), lengths)
        squares = np.bincount(rows, self.weights.astype(np.float64) ** 2, minlength=len(self))
        weights = self.weights / np.repeat(np.sqrt(squares), lengths)
        return SparseBatch(self.indptr, self.term_ids, weights.astype(np.float32), self.vocabulary)

    def to_scipy(self) -> csr_matrix:
        """Return an (N, V) float32 scipy CSR matrix that shares the arrays."""
        from scipy.sparse import csr_matrix

        shape = (len(self), len(self.vocabulary))
        return csr_matrix((self.weights, self.term_ids, self.indptr), shape=shape)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __iter__(self) -> Iterator[LexicalVector]:
        return (self.row(i) for i in range(len(self)))
