"""Qdrant: the recipe of the docs in qdrant-client's local mode, and what its models take."""

from __future__ import annotations

from typing import Any

import pytest

from lexret.engine import EmbeddedIndex
from lexret.errors import InputError
from lexret.interop.engines import qdrant
from lexret.interop.engines.shared import point_id
from lexret.interop.sparse_documents import SparseDocument
from lexret.sparse import LexicalVector, SparseBatch
from tests.interop.engines.recipes import assert_same_ranking

client = pytest.importorskip("qdrant_client", reason="needs qdrant-client (extra dev)")


@pytest.mark.parametrize("number", range(5))
def test_the_recipe_ranks_as_lexret_does(
    number: int, index: EmbeddedIndex, queries: SparseBatch, run_recipe: Any
) -> None:
    query = queries.row(number)
    assert_same_ranking(run_recipe("Qdrant", query)["hits"], index, query)


def test_a_points_body_is_what_qdrants_model_takes_and_keeps_fields() -> None:
    document = SparseDocument("a b.jpg", [1, 5], [0.5, 0.25], ["x", "y"], {"stars": 3})
    point = client.models.PointStruct(**qdrant.point(document))
    assert point.vector["words"].indices == [1, 5]
    assert point.payload == {"id": "a b.jpg", "fields": {"stars": 3}}
    assert point.id == point_id("a b.jpg") == qdrant.point(document)["id"]


def test_the_bodies_are_those_of_the_documented_interface(queries: SparseBatch) -> None:
    query = queries.row(0)
    body = qdrant.query(query, k=3)
    assert body.keys() == {"query", "using", "limit", "with_payload"}
    assert body["query"].keys() == {"indices", "values"}
    assert body["limit"] == 3
    collection = client.models.CreateCollection(**qdrant.collection())
    assert collection.sparse_vectors["words"].modifier is None  # IDF would change the scores


def test_a_query_without_words_and_no_hits_are_refused(queries: SparseBatch) -> None:
    empty = LexicalVector(queries.term_ids[:0], queries.weights[:0], queries.vocabulary)
    with pytest.raises(InputError, match="no word"):
        qdrant.query(empty)
    with pytest.raises(InputError, match="At least 1 hit"):
        qdrant.query(queries.row(0), k=0)
