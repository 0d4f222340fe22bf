"""Qdrant: bodies of its REST interface, which are also what qdrant-client's models take.

PUT  /collections/NAME                 :func:`collection`
PUT  /collections/NAME/points          {"points": [:func:`point`, ...]}
POST /collections/NAME/points/query    :func:`query`

Qdrant takes whole numbers or UUIDs as ids, so a picture's own id lies in the payload. Weights are
float32 and scores exact dot products (its index of sparse vectors is an inverted one).
"""

from __future__ import annotations

from typing import Any

from lexret.interop.engines.shared import FIELD, check_k, numbers_of, point_id
from lexret.interop.sparse_documents import SparseDocument
from lexret.sparse import LexicalVector


def collection() -> dict[str, Any]:
    """Return the settings of a collection of sparse vectors and no others.

    No modifier: weights are the model's, and Qdrant's IDF would change them.
    """
    return {"vectors": {}, "sparse_vectors": {FIELD: {"index": {"datatype": "float32"}}}}


def point(document: SparseDocument) -> dict[str, Any]:
    """Return a picture as a point; its fields lie below ``fields`` in the payload."""
    return {
        "id": point_id(document.doc_id),
        "vector": {FIELD: {"indices": document.indices, "values": document.values}},
        "payload": {"id": document.doc_id, "fields": dict(document.fields)},
    }


def query(vector: LexicalVector, *, k: int = 10) -> dict[str, Any]:
    """Return the request for the ``k`` best pictures; hits have their id in the payload.

    Raises:
        InputError: if the query has no word, or ``k`` is less than 1.
    """
    check_k(k)
    indices, values = numbers_of(vector)
    return {
        "query": {"indices": indices, "values": values},
        "using": FIELD,
        "limit": k,
        "with_payload": True,
    }
