"""Vespa: a schema, feed operations and query bodies.

SCHEMA.sd                    :func:`schema`
vespa feed FILE              a line of :func:`feed_line` for each picture
POST /search/                :func:`query`

A picture's words are a mapped tensor of floats, and the score is the dot product with the query's,
computed for every picture that the query matches: here all of them, as an exact search needs.
"""

from __future__ import annotations

import json
from typing import Any

from lexret.interop.engines.shared import FIELD, check_k, check_name, named_weights, numbers_of
from lexret.interop.sparse_documents import SparseDocument
from lexret.sparse import LexicalVector

_SCHEMA = """schema {name} {{
    document {name} {{
        field id type string {{
            indexing: summary | attribute
        }}
        field {field} type tensor<float>(word{{}}) {{
            indexing: attribute
        }}
        field fields type string {{
            indexing: summary
        }}
    }}
    rank-profile {field} {{
        inputs {{
            query(q) tensor<float>(word{{}})
        }}
        first-phase {{
            expression: sum(query(q) * attribute({field}))
            rank-score-drop-limit: 0.0
        }}
    }}
}}
"""


def schema(name: str = "photo") -> str:
    """Return the schema of a type of documents; a picture's fields are kept as JSON.

    Raises:
        InputError: if the name cannot be used.
    """
    return _SCHEMA.format(name=check_name(name, what="name of a schema"), field=FIELD)


def feed_line(document: SparseDocument, *, name: str = "photo", namespace: str = "photos") -> str:
    """Return the operation that puts a picture, one line of JSON."""
    fields = {
        "id": document.doc_id,
        FIELD: {"cells": named_weights(document.indices, document.values)},
        "fields": json.dumps(dict(document.fields), ensure_ascii=False),
    }
    put = {"put": f"id:{namespace}:{name}::{document.doc_id}", "fields": fields}
    return json.dumps(put, ensure_ascii=False) + "\n"


def query(vector: LexicalVector, *, k: int = 10, name: str = "photo") -> dict[str, Any]:
    """Return the body of a search for the ``k`` best pictures.

    Raises:
        InputError: if the query has no word, ``k`` is less than 1, or the name cannot be used.
    """
    check_k(k)
    weights = named_weights(*numbers_of(vector))
    cells = ",".join(f"{{word:{term}}}:{weight!r}" for term, weight in weights.items())
    return {
        "yql": f"select id from {check_name(name, what='name of a schema')} where true",
        "ranking": FIELD,
        "input.query(q)": f"{{{cells}}}",
        "hits": k,
    }
