"""Contributions of words to a score, which is the sum of their products and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lexret.sparse import LexicalVector


@dataclass(frozen=True, slots=True)
class Contribution:
    """Contribution of one shared word to a score.

    Attributes:
        word: a word that both vectors hold.
        query_weight: its weight in the query.
        image_weight: its weight in the picture.
        product: ``query_weight * image_weight``, in double precision.
    """

    word: str
    query_weight: float
    image_weight: float
    product: float


def contribute(query: LexicalVector, image: LexicalVector) -> tuple[Contribution, ...]:
    """Split the dot product of a query and a picture into one product per shared word.

    Weights have single and products double precision, so every product is exact; their sum is
    the score.

    Returns:
        the shared words by falling product, then by word; empty if no word is shared.

    Raises:
        MismatchError: if the vectors are of different vocabularies.
    """
    query.vocabulary.require_same(image.vocabulary, mine="the query", theirs="the picture")
    term_ids, in_query, in_image = np.intersect1d(
        query.term_ids, image.term_ids, assume_unique=True, return_indices=True
    )
    names = query.vocabulary.words
    found = []
    shared = zip(
        term_ids.tolist(),
        query.weights[in_query].tolist(),
        image.weights[in_image].tolist(),
        strict=True,
    )
    for term_id, query_weight, image_weight in shared:
        product = query_weight * image_weight
        found.append(Contribution(names[term_id], query_weight, image_weight, product))
    return _strongest_first(found)


def add_up(parts: Sequence[tuple[Contribution, ...]]) -> tuple[Contribution, ...]:
    """Join the contributions of several parts of a query: a word's query weights add up."""
    if len(parts) == 1:
        return parts[0]
    words: dict[str, Contribution] = {}
    for shared in (shared for part in parts for shared in part):
        same = words.get(shared.word)
        weight = shared.query_weight + (same.query_weight if same else 0.0)
        product = weight * shared.image_weight
        words[shared.word] = Contribution(shared.word, weight, shared.image_weight, product)
    return _strongest_first(words.values())


def _strongest_first(found: Iterable[Contribution]) -> tuple[Contribution, ...]:
    return tuple(sorted(found, key=lambda shared: (-shared.product, shared.word)))
