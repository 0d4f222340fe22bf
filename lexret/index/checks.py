"""What every index asks of a query before it searches."""

from __future__ import annotations

from collections.abc import Callable

from lexret.errors import InputError
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


def check_query(
    fingerprint: str, vocabulary: Callable[[], Vocabulary], queries: SparseBatch, *, k: int
) -> None:
    """Hold queries against an index.

    Args:
        fingerprint: of the index's vocabulary.
        vocabulary: loads that vocabulary; called only where the fingerprints differ.
        queries: what is to be searched.
        k: how many hits are wanted.

    Raises:
        MismatchError: if the queries are of another vocabulary.
        InputError: if ``k`` is less than 1.
    """
    if k < 1:
        raise InputError(f"A search must ask for at least 1 hit; found k = {k}.")
    if queries.vocabulary.fingerprint != fingerprint:
        queries.vocabulary.require_same(vocabulary(), mine="the query", theirs="the index")
