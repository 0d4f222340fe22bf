"""Words that pictures of an index hold because they are keywords of theirs."""

from __future__ import annotations

from lexret.engine.index import EmbeddedIndex
from lexret.engine.shared_text import find_documents
from lexret.library.asking.query_fields import VOUCHED


def words_of_keywords(index: EmbeddedIndex, doc_id: str) -> frozenset[str]:
    """Return the words that a picture holds because a person gave it such keywords.

    What was corrected by hand is not among them, nor what is muted.
    """
    if VOUCHED not in index.columns:
        return frozenset()
    words: set[str] = set()
    for document in find_documents(index, [doc_id]):
        told = document.value(VOUCHED)
        if isinstance(told, str):
            words |= {line.partition(" ")[2] for line in told.split("\n")}
    correction = index.corrections.of(doc_id)
    return frozenset(words - set(correction.added) - correction.removed - index.corrections.muted)
