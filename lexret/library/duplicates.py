"""Finds pictures that an index holds twice: the same content, or nearly the same vector.

Shapes: N pictures, V words, M buckets of words, P pairs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from lexret.engine.index import EmbeddedIndex
from lexret.engine.protocol import Document
from lexret.engine.vectors import read_documents
from lexret.errors import InputError
from lexret.library.folders import picture_path, picture_root
from lexret.library.records import KnownPicture
from lexret.sparse import FloatArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

NUM_BUCKETS: Final = 256
ROWS_AT_ONCE: Final = 1024
PAIRS_AT_ONCE: Final = 1 << 13
# Rounding of the bounds (single precision) and of the cosines (double).
BOUND_TOLERANCE: Final = 1e-4
COSINE_TOLERANCE: Final = 1e-9

Pairs = npt.NDArray[np.int64]
Cosines = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A picture of a group.

    Attributes:
        doc_id: its id.
        path: its file.
        picture: what the index knows of its file.
        similarity: the greatest cosine of its vector and that of another one of the group.
    """

    doc_id: str
    path: Path
    picture: KnownPicture
    similarity: float


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Pictures that are the same, the one to keep first.

    That is the one of the most pixels; of equals the largest file, then the oldest, then the one
    of the shortest path.
    """

    pictures: tuple[Duplicate, ...]

    @property
    def extra(self) -> tuple[Duplicate, ...]:
        """All but the first."""
        return self.pictures[1:]


def same_content(index: EmbeddedIndex) -> list[DuplicateGroup]:
    """Return the groups of pictures whose files hold the same bytes, by SHA-256.

    One file that several paths lead to, through links, counts once.

    Raises:
        CorruptError: if a document of the index is no picture.
    """
    by_content: dict[str, list[Duplicate]] = {}
    base = picture_root(index.manifest, index.path)
    for document in index.documents():
        duplicate = _duplicate(base, document)
        by_content.setdefault(duplicate.picture.sha256, []).append(duplicate)
    return _groups(group for group in by_content.values() if len(group) > 1)


def nearly_same(index: EmbeddedIndex, *, min_cosine: float) -> list[DuplicateGroup]:
    """Return the groups of pictures whose vectors have at least some cosine, exactly.

    A picture belongs to a group if its cosine with any one of it is high enough, so that the
    cosine of two of a group may be lower. Pictures without words are like none.

    The words are cut into M buckets. By Cauchy and Schwarz, in each bucket, the cosine of x and y
    is at most sum_m |x_m| |y_m|, with |x_m| the length of the part of x that lies in bucket m: a
    product of short dense rows, which leaves few pairs to be compared. Takes N**2 * M
    multiplications, and 8 bytes a posting and 4 M bytes a picture of memory.

    Args:
        min_cosine: greater than 0, at most 1.

    Raises:
        InputError: if ``min_cosine`` lies outside of these bounds.
        CorruptError: if a document of the index is no picture.
    """
    if not 0 < min_cosine <= 1:
        raise InputError(f"A cosine of {min_cosine} was asked for; expected 0 < cosine <= 1.")
    vectors, duplicates = _load(index)
    first_P, second_P, cosines_P = [], [], []
    for pairs_P2 in _candidates(_bucket_norms(vectors), min_cosine=min_cosine):
        cosines = _cosines(vectors, pairs_P2)
        kept = cosines >= min_cosine - COSINE_TOLERANCE
        first_P.append(pairs_P2[kept, 0])
        second_P.append(pairs_P2[kept, 1])
        cosines_P.append(np.minimum(cosines[kept], 1.0))
    if not first_P:
        return []
    first, second, cosines = map(np.concatenate, (first_P, second_P, cosines_P))
    best_N = np.zeros(len(duplicates))
    for side in (first, second):
        np.maximum.at(best_N, side, cosines)
    members = _components(len(duplicates), first, second)
    return _groups(
        [replace(duplicates[row], similarity=float(best_N[row])) for row in rows]
        for rows in members
    )


def _duplicate(base: Path | None, document: Document) -> Duplicate:
    path = picture_path(base, document.doc_id)
    return Duplicate(document.doc_id, path, KnownPicture.of(document), 1.0)


def _groups(groups: Iterable[Sequence[Duplicate]]) -> list[DuplicateGroup]:
    """Put the one to keep first, and drop further paths to one and the same file."""
    result = []
    for group in groups:
        files: dict[str, Duplicate] = {}
        for duplicate in sorted(group, key=_rank):
            files.setdefault(os.path.realpath(duplicate.path), duplicate)
        if len(files) > 1:
            result.append(DuplicateGroup(tuple(files.values())))
    return sorted(result, key=lambda group: group.pictures[0].doc_id)


def _rank(duplicate: Duplicate) -> tuple[int, int, int, int, str]:
    picture = duplicate.picture
    pixels = picture.width * picture.height
    return (
        -pixels, -picture.size, picture.mtime_ns, len(duplicate.doc_id), duplicate.doc_id,
    )  # fmt: skip


def _load(index: EmbeddedIndex) -> tuple[csr_matrix, list[Duplicate]]:
    """Return all vectors, (N, V) float32, each of length 1 or 0, and what they belong to."""
    from scipy.sparse import csr_matrix, vstack

    duplicates: list[Duplicate] = []
    parts = []
    base = picture_root(index.manifest, index.path)
    for chunk in read_documents(index):
        duplicates += [_duplicate(base, document) for document in chunk.documents]
        parts.append(chunk.vectors.normalized().to_scipy())
    if not parts:
        return csr_matrix((0, len(index.vocabulary)), dtype=np.float32), duplicates
    return vstack(parts, format="csr", dtype=np.float32), duplicates


def _bucket_norms(vectors: csr_matrix) -> FloatArray:
    """Return the lengths of the vectors' parts in each bucket, (N, M) float32.

    Frequent words are dealt out first, so that as few as can be share a bucket.
    """
    num_rows, num_words = vectors.shape
    frequency_V = np.bincount(vectors.indices, minlength=num_words)
    bucket_V = np.empty(num_words, dtype=np.int64)
    bucket_V[np.argsort(-frequency_V, kind="stable")] = np.arange(num_words) % NUM_BUCKETS
    norms_NM = np.empty((num_rows, NUM_BUCKETS), dtype=np.float32)
    for start in range(0, num_rows, ROWS_AT_ONCE):
        part = vectors[start : start + ROWS_AT_ONCE]
        rows = np.repeat(np.arange(part.shape[0]), np.diff(part.indptr))
        places = rows * NUM_BUCKETS + bucket_V[part.indices]
        squares = np.bincount(
            places, part.data.astype(np.float64) ** 2, part.shape[0] * NUM_BUCKETS
        )
        norms_NM[start : start + ROWS_AT_ONCE] = np.sqrt(squares).reshape(-1, NUM_BUCKETS)
    return norms_NM


def _candidates(norms_NM: FloatArray, *, min_cosine: float) -> Iterator[Pairs]:
    """Yield pairs of rows, (P, 2), the first before the second, whose cosine may be enough."""
    limit = min_cosine - BOUND_TOLERANCE
    for start in range(0, len(norms_NM), ROWS_AT_ONCE):
        rows_RM = norms_NM[start : start + ROWS_AT_ONCE]
        for other in range(start, len(norms_NM), ROWS_AT_ONCE):
            bounds_RR = rows_RM @ norms_NM[other : other + ROWS_AT_ONCE].T
            pairs_P2 = np.argwhere(bounds_RR >= limit) + np.array([start, other])
            pairs_P2 = pairs_P2[pairs_P2[:, 0] < pairs_P2[:, 1]]
            for first in range(0, len(pairs_P2), PAIRS_AT_ONCE):
                yield pairs_P2[first : first + PAIRS_AT_ONCE]


def _cosines(vectors: csr_matrix, pairs_P2: Pairs) -> Cosines:
    first, second = (vectors[pairs_P2[:, side]].astype(np.float64) for side in (0, 1))
    squares = [np.asarray(side.multiply(side).sum(axis=1)).ravel() for side in (first, second)]
    products = np.asarray(first.multiply(second).sum(axis=1)).ravel()
    cosines: Cosines = products / np.sqrt(squares[0] * squares[1])
    return cosines


def _components(num_rows: int, first: Pairs, second: Pairs) -> Iterator[list[int]]:
    """Yield the sets of rows that pairs connect."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(first), dtype=bool), (first, second)), (num_rows, num_rows))
    _, label_N = connected_components(links, directed=False)
    groups: dict[int, list[int]] = {}
    for row in np.unique(np.concatenate([first, second])).tolist():
        groups.setdefault(int(label_N[row]), []).append(row)
    yield from groups.values()
