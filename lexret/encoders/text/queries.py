"""Query vectors, made of the vectors of texts.

A text encoder gives a text hundreds of words by meaning; together they outvote the few that were
typed. For a query the vector is sharpened, and the typed words are raised:

    q = unit(unit(w ** power) + typed_weight * unit(t))

with w the text's weights and t 1 for each word that was typed. The vector of a text as a document
(picture -> text) stays w.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lexret.encoders.protocol import Encoder, QueryEncoder
from lexret.sparse import IdArray, LexicalVector, SparseBatch, distinct_ids
from lexret.vocabulary import Vocabulary


@dataclass(frozen=True)
class QueryForm:
    """Form of a model's queries: the two numbers that make one of a text's vector.

    Attributes:
        power: exponent of the weights, above 0; more than 1 lets the strong words stand out.
        typed_weight: length of the typed words' vector, which is added to the text's of length 1.
    """

    power: float = 1.0
    typed_weight: float = 0.0

    @classmethod
    def of_config(cls, text_config: Mapping[str, Any]) -> QueryForm:
        """Return the form that a model's text configuration names; models without one keep w."""
        return cls(
            float(text_config.get("query_power", 1.0)),
            float(text_config.get("query_typed_weight", 0.0)),
        )


def queries_of(encoder: Encoder[str], documents: SparseBatch, texts: Sequence[str]) -> SparseBatch:
    """Return the queries that an encoder makes of texts; the texts themselves, if it makes none.

    Args:
        documents: what the encoder made of the texts.
    """
    if isinstance(encoder, QueryEncoder):
        return encoder.queries_of(documents, texts)
    return documents


def as_queries(documents: SparseBatch, texts: Sequence[str], form: QueryForm) -> SparseBatch:
    """Return the query vectors of texts, of unit length.

    Args:
        documents: the texts' vectors, one row a text; an empty row stays empty.
    """
    rows = [_as_query(vector, text, form) for vector, text in zip(documents, texts, strict=True)]
    return SparseBatch.from_vectors(rows, documents.vocabulary)


def typed_words(text: str, vocabulary: Vocabulary) -> IdArray:
    """Return the distinct ids of the words that a text holds, rising."""
    return distinct_ids(np.array(vocabulary.match(text)[0], dtype=np.int32))


def _as_query(vector: LexicalVector, text: str, form: QueryForm) -> LexicalVector:
    if not len(vector):
        return vector
    weights = vector.weights.astype(np.float64) ** form.power
    weights /= np.sqrt(np.square(weights).sum())
    typed = typed_words(text, vector.vocabulary)
    if form.typed_weight and len(typed):
        term_ids = distinct_ids(vector.term_ids, typed)
        raised = np.zeros(len(term_ids))
        raised[np.searchsorted(term_ids, vector.term_ids)] = weights
        raised[np.searchsorted(term_ids, typed)] += form.typed_weight / np.sqrt(len(typed))
        weights = raised / np.sqrt(np.square(raised).sum())
    else:
        term_ids = vector.term_ids
    # Weights that float32 rounds to 0 are left out.
    kept = weights.astype(np.float32) > 0
    return LexicalVector(term_ids[kept], weights[kept].astype(np.float32), vector.vocabulary)
