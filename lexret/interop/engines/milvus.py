"""Milvus: rows and settings as pymilvus takes them, for a file of Milvus Lite and a cluster alike.

An empty vector is taken by some releases and refused by others, and none finds it: pictures
without a word are left out. Weights are float32. Drop ratios stay at 0: others leave weights out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from lexret.errors import InputError
from lexret.interop.engines.shared import FIELD, check_k, numbers_of
from lexret.interop.sparse_documents import SparseDocument
from lexret.sparse import LexicalVector

MAX_ID_BYTES: Final = 65_535
"""For the length of the field of ids (VARCHAR)."""
MAX_HITS: Final = 16_384
INDEX_PARAMS: Final = {
    "field_name": FIELD,
    "index_type": "SPARSE_INVERTED_INDEX",
    "metric_type": "IP",
    "params": {"drop_ratio_build": 0.0},
}


def rows(documents: Iterable[SparseDocument]) -> Iterator[dict[str, Any]]:
    """Yield the pictures that have a word as rows: ``id``, ``words`` and ``fields``."""
    for document in documents:
        if document.indices:
            vector = dict(zip(document.indices, document.values, strict=True))
            yield {"id": document.doc_id, FIELD: vector, "fields": dict(document.fields)}


def search(vector: LexicalVector, *, k: int = 10) -> dict[str, Any]:
    """Return the arguments of ``MilvusClient.search``, but for the collection's name.

    Raises:
        InputError: if the query has no word, or ``k`` is less than 1 or above 16,384.
    """
    check_k(k)
    if k > MAX_HITS:
        raise InputError(f"Milvus gives at most {MAX_HITS:,} hits; found {k:,}.")
    indices, values = numbers_of(vector)
    return {
        "data": [dict(zip(indices, values, strict=True))],
        "anns_field": FIELD,
        "limit": k,
        "output_fields": ["id"],
        "search_params": {"metric_type": "IP", "params": {"drop_ratio_search": 0.0}},
    }
