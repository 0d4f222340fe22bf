"""Search with reasons: hits, and what each word adds to their scores."""

from __future__ import annotations

from dataclasses import dataclass

from lexret.explain.contributions import Contribution, contribute
from lexret.index.embedded import EmbeddedIndex
from lexret.sparse import LexicalVector


@dataclass(frozen=True, slots=True)
class Answer:
    """One hit and why it was found.

    Attributes:
        doc_id: the document; of a picture, its path relative to the indexed folder.
        score: dot product of query and picture.
        rank: from 1.
        words: the shared words by falling product; the products add up to the score.
    """

    doc_id: str
    score: float
    rank: int
    words: tuple[Contribution, ...]


def answer(index: EmbeddedIndex, query: LexicalVector, *, k: int = 10) -> list[Answer]:
    """Search an index with one query and explain every hit.

    Raises:
        MismatchError: if the query is of another vocabulary.
        InputError: if ``k`` is less than 1.
    """
    (hits,) = index.search(query.as_batch(), k=k)
    weights_DT = index.weights([hit.doc_id for hit in hits], query.term_ids)
    answers = []
    for hit, weights_T in zip(hits, weights_DT, strict=True):
        held = weights_T > 0
        image = LexicalVector(query.term_ids[held], weights_T[held], query.vocabulary)
        answers.append(Answer(hit.doc_id, hit.score, hit.rank, contribute(query, image)))
    return answers
