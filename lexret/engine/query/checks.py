"""Checks that every index makes of a query before it searches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lexret.errors import InputError
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary


def check_query(
    fingerprint: str, vocabulary: Callable[[], Vocabulary], queries: SparseBatch, *, k: int
) -> None:
    """Check that queries fit an index.

    Args:
        fingerprint: of the index's vocabulary.
        vocabulary: loads that vocabulary; called only where the fingerprints differ.
        queries: what is to be searched.
        k: how many hits are wanted.

    Raises:
        MismatchError: if the queries are of another vocabulary.
        InputError: if ``k`` is less than 1, or the queries are no batch of vectors.
    """
    if not isinstance(queries, SparseBatch):
        raise InputError(
            f"A search takes a SparseBatch, one row a query; found {type(queries).__name__}. A "
            "model's encode_queries(['a dog']) makes one of texts, and as_batch() of one vector."
        )
    check_vectors(fingerprint, vocabulary, [queries], k=k)


def check_is_query(query: object) -> None:
    """Raise InputError for anything but a :class:`Query`, such as a text."""
    if not hasattr(query, "vectors"):
        raise InputError(
            f"Expected a Query; found {type(query).__name__}. Of a text, Library.search makes one; "
            "a vector is searched by search(vector.as_batch())."
        )


def check_vectors(
    fingerprint: str,
    vocabulary: Callable[[], Vocabulary],
    vectors: Sequence[LexicalVector | SparseBatch],
    *,
    k: int,
) -> None:
    """Check vectors as :func:`check_query` does; they need not be one batch."""
    if k < 1:
        raise InputError(f"A search must ask for at least 1 hit; found k = {k}.")
    for vector in vectors:
        if vector.vocabulary.fingerprint != fingerprint:
            vector.vocabulary.require_same(vocabulary(), mine="the query", theirs="the index")


def check_terms(term_ids: Sequence[int], *, num_words: int) -> None:
    """Raise InputError if a term id is outside of a vocabulary of so many words."""
    for term_id in term_ids:
        if not 0 <= term_id < num_words:
            raise InputError(f"Term id {term_id} was found; expected 0 to {num_words - 1}.")
