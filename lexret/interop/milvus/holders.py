"""Documents by conditions alone, where nothing scores: those that hold words, and all others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lexret.engine.protocol import SearchHit
from lexret.engine.query.query import AnyOf, Holds, Query
from lexret.engine.store.columns import decode_text
from lexret.errors import InputError
from lexret.interop.engines.milvus import MAX_HITS
from lexret.interop.milvus.candidates import CandidateIndex

Find = Callable[[Query, int], list[SearchHit]]


def find_by_conditions(index: CandidateIndex, query: Query, k: int, find: Find) -> list[SearchHit]:
    """Return the first ``k`` documents that meet a query's conditions, by rising id.

    Args:
        find: answers a query without words from the index's own fields.

    Raises:
        InputError: if more documents hold a word than Milvus tells.
    """
    excluded = set(query.without).union(*(_meeting(index, c) for c in query.excluded))
    if not query.required:
        others = replace(query, excluded=(), without=tuple(sorted(excluded)))
        return find(others, k)
    wanted = set.intersection(*(_meeting(index, c) for c in query.required)) - excluded
    ids = sorted(wanted, key=lambda doc_id: doc_id.encode("utf-8", "surrogateescape"))
    kept = []
    for doc_id in ids:
        fields = index.document(doc_id).fields
        if all(c.meets(doc_id, fields.get) != c.negated for c in query.filters):
            kept.append(doc_id)
        if len(kept) == k:
            break
    return [SearchHit(doc_id, 0.0, rank) for rank, doc_id in enumerate(kept, start=1)]


def _meeting(index: CandidateIndex, condition: AnyOf) -> set[str]:
    """Return the documents that meet a condition."""
    found: set[str] = set()
    for alternative in condition.alternatives:
        if not alternative:
            raise InputError("A condition without a word is met by all; leave it out.")
        found |= set.intersection(*(_holders(index, holds) for holds in alternative))
    return found


def _holders(index: CandidateIndex, holds: Holds) -> set[str]:
    """Return the documents that hold a word with more than a weight.

    Its weight is the inner product with the word alone, which is exact in single precision.
    """
    (told,) = index.collection.search([{holds.term_id: 1.0}], limit=MAX_HITS)
    if len(told) == MAX_HITS and told[-1][1] > holds.above:
        word = index.vocabulary.words[holds.term_id]
        raise InputError(
            f"More than {MAX_HITS:,} pictures hold {word!r}, the most that the backend milvus "
            f"tells. Without words to look for, +{word} and -{word} cannot be answered; add words."
        )
    rows = [row for row, weight in told if weight > holds.above]
    return {decode_text(found.doc_id) for found in index.candidates(rows) if found is not None}
