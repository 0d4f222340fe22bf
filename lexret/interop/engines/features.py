"""Elasticsearch and OpenSearch: bodies of their REST interfaces.

PUT  /NAME           :func:`index_body`
POST /_bulk          lines of :func:`bulk_lines`
POST /NAME/_search   one of :func:`rank_feature_query` (both), :func:`sparse_vector_query`
                     (Elasticsearch 8.15 or later), :func:`neural_sparse_query` (OpenSearch 2.14 or
                     later, with its plugin neural-search)

Both store a weight in Lucene's FeatureField: 9 significant bits, cut off, so that a weight loses up
to 0.4% (:func:`as_stored`). The score is the sum over the query's words of query weight times
stored weight, in float32.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal

import numpy as np

from lexret.errors import InputError
from lexret.interop.engines.shared import (
    FIELD,
    check_k,
    check_name,
    named_weights,
    numbers_of,
    point_id,
)
from lexret.interop.sparse_documents import SparseDocument
from lexret.sparse import FloatArray, LexicalVector

FieldType = Literal["rank_features", "sparse_vector"]

MAX_CLAUSES: Final = 1024
"""How many words a query may have where the server was left as it is."""
# Lucene's FeatureField keeps the upper 17 bits of a weight in single precision: sign, exponent and
# 8 bits of the fraction, to which the leading 1 comes.
_LOST_BITS: Final = 15
_MAX_WEIGHT: Final = 64.0  # of a word in a query: FeatureField.newLinearQuery refuses more


def index_body(field_type: FieldType = "rank_features") -> dict[str, Any]:
    """Return the settings of an index.

    Args:
        field_type: ``rank_features`` in both engines; ``sparse_vector`` in Elasticsearch.
            OpenSearch's type of that name is another one: approximate, in 8 bits.
    """
    properties = {
        "id": {"type": "keyword"},
        FIELD: {"type": field_type},
        "fields": {"type": "object"},
    }
    return {"mappings": {"properties": properties}}


def bulk_lines(document: SparseDocument, *, index: str) -> str:
    """Return a picture as two lines of a bulk request, which replace an older one of its id."""
    action = {"index": {"_index": index, "_id": point_id(document.doc_id)}}
    source = {
        "id": document.doc_id,
        FIELD: named_weights(document.indices, document.values),
        "fields": dict(document.fields),
    }
    return f"{json.dumps(action)}\n{json.dumps(source, ensure_ascii=False)}\n"


def rank_feature_query(
    vector: LexicalVector, *, k: int = 10, max_clauses: int = MAX_CLAUSES
) -> dict[str, Any]:
    """Return a search by ``rank_feature`` clauses, one for each word, in a field of either type.

    Raises:
        InputError: if the query has no word, more than ``max_clauses`` of them, or a weight above
            64; or if ``k`` is less than 1.
    """
    weights = _query_weights(vector, max_clauses)
    clauses = [
        {"rank_feature": {"field": f"{FIELD}.{name}", "boost": weight, "linear": {}}}
        for name, weight in weights.items()
    ]
    return _search({"bool": {"should": clauses}}, k)


def sparse_vector_query(
    vector: LexicalVector, *, k: int = 10, max_clauses: int = MAX_CLAUSES
) -> dict[str, Any]:
    """Return Elasticsearch's own search in a field of the type ``sparse_vector``.

    Pruning, which new indexes do unless they are told not to, would leave words of the query out.

    Raises:
        InputError: see :func:`rank_feature_query`.
    """
    weights = _query_weights(vector, max_clauses)
    asked = {"field": FIELD, "query_vector": weights, "prune": False}
    return _search({"sparse_vector": asked}, k)


def neural_sparse_query(
    vector: LexicalVector, *, k: int = 10, max_clauses: int = MAX_CLAUSES
) -> dict[str, Any]:
    """Return OpenSearch's own search in a field of the type ``rank_features``.

    Raises:
        InputError: see :func:`rank_feature_query`.
    """
    weights = _query_weights(vector, max_clauses)
    return _search({"neural_sparse": {FIELD: {"query_tokens": weights}}}, k)


def as_stored(weights: FloatArray) -> FloatArray:
    """Return weights as both engines store them: the same shape, each at most 0.4% less.

    Source: Lucene, org.apache.lucene.document.FeatureField, "only 9 significant bits".
    """
    bits = np.ascontiguousarray(weights, np.float32).view(np.uint32)
    return (bits >> _LOST_BITS << _LOST_BITS).view(np.float32)


def index_name(name: str) -> str:
    """Return a name that both engines take for an index; raises InputError for others."""
    if name != name.lower():
        raise InputError(f"The index name {name!r} has capital letters, which engines refuse.")
    return check_name(name, what="index name")


def _query_weights(vector: LexicalVector, max_clauses: int) -> dict[str, float]:
    indices, values = numbers_of(vector)
    if len(indices) > max_clauses:
        raise InputError(
            f"The query has {len(indices):,} words; the engine takes {max_clauses:,} clauses. Keep "
            f"its strongest (query.as_batch().strongest({max_clauses}).row(0)), or raise "
            "indices.query.bool.max_clause_count there and max_clauses here."
        )
    if max(values) > _MAX_WEIGHT:
        raise InputError(
            f"A word of the query has the weight {max(values):g}; the engine takes up to "
            f"{_MAX_WEIGHT:g}. Divide all weights by one number: the ranking stays."
        )
    return named_weights(indices, values)


def _search(query: dict[str, Any], k: int) -> dict[str, Any]:
    check_k(k)
    order = [{"_score": "desc"}, {"id": "asc"}]
    return {"size": k, "_source": ["id", "fields"], "query": query, "sort": order}
