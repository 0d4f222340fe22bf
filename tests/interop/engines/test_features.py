"""Elasticsearch and OpenSearch: bodies as documented, the recipe against a double, and Lucene."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import ExactIndex

from lexret.engine import EmbeddedIndex
from lexret.errors import InputError
from lexret.interop.engines import features
from lexret.interop.engines.shared import ranked
from lexret.interop.lucene_jvm import start_java
from lexret.interop.sparse_documents import SparseDocument
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary
from tests.interop.engines.double import Engine, kept, served
from tests.interop.engines.recipes import assert_same_ranking


@pytest.mark.parametrize(
    ("field_type", "search"),
    [
        ("rank_features", "rank_feature_query"),
        ("sparse_vector", "rank_feature_query"),
        ("sparse_vector", "sparse_vector_query"),
        ("rank_features", "neural_sparse_query"),
    ],
)
def test_the_recipe_ranks_as_lexret_does_up_to_nine_bits(
    field_type: str,
    search: str,
    index: EmbeddedIndex,
    queries: SparseBatch,
    run_recipe: Any,
) -> None:
    query = queries.row(2)
    with served() as (address, engine):
        replaced = {
            "http://localhost:9200": address,
            'index_body("rank_features")': f'index_body("{field_type}")',
            "rank_feature_query(": f"{search}(",
        }
        hits = run_recipe("Elasticsearch and OpenSearch", query, replaced)["hits"]
        assert engine.mapping["words"]["type"] == field_type
        assert len(engine.documents) == len(index)
    assert_same_ranking(hits, index, query, rel=4e-3)


def test_the_double_would_notice_another_ranking(queries: SparseBatch) -> None:
    engine = Engine()
    engine.mapping = {"words": {"type": "sparse_vector"}}
    asked = features.sparse_vector_query(queries.row(0))
    del asked["query"]["sparse_vector"]["prune"]
    with pytest.raises(KeyError):
        engine.search(asked)


def test_bodies_are_those_of_the_documented_interfaces() -> None:
    words = Vocabulary(["hot dog", "beach"])
    query = LexicalVector(np.array([0, 1], np.int32), np.array([0.5, 0.1], np.float32), words)
    common = {"size": 3, "_source": ["id", "fields"], "sort": [{"_score": "desc"}, {"id": "asc"}]}
    assert features.rank_feature_query(query, k=3) == {
        **common,
        "query": {
            "bool": {
                "should": [
                    {"rank_feature": {"field": "words.t0", "boost": 0.5, "linear": {}}},
                    {"rank_feature": {"field": "words.t1", "boost": 0.1, "linear": {}}},
                ]
            }
        },
    }
    weights = {"t0": 0.5, "t1": 0.1}
    sparse = {"sparse_vector": {"field": "words", "query_vector": weights, "prune": False}}
    assert features.sparse_vector_query(query, k=3) == {**common, "query": sparse}
    neural = {"neural_sparse": {"words": {"query_tokens": weights}}}
    assert features.neural_sparse_query(query, k=3) == {**common, "query": neural}
    document = SparseDocument("ä b.jpg", [1], [0.25], [], {"keywords": ["x", "y"]})
    action, source = map(json.loads, features.bulk_lines(document, index="photos").splitlines())
    assert action["index"].keys() == {"_index", "_id"}
    assert len(action["index"]["_id"]) == 36
    assert source == {"id": "ä b.jpg", "words": {"t1": 0.25}, "fields": {"keywords": ["x", "y"]}}


def test_what_the_engines_would_refuse_is_refused_first() -> None:
    words = Vocabulary([f"w{number}" for number in range(1025)])
    ids, ones = np.arange(1025, dtype=np.int32), np.ones(1025, np.float32)
    for search in (
        features.rank_feature_query,
        features.sparse_vector_query,
        features.neural_sparse_query,
    ):
        with pytest.raises(InputError, match=r"1,025 words.*strongest"):
            search(LexicalVector(ids, ones, words))
        assert search(LexicalVector(ids, ones, words), max_clauses=2000)
        with pytest.raises(InputError, match="up to 64"):
            search(LexicalVector(ids[:1], 65 * ones[:1], words))
    assert features.index_name("photos") == "photos"
    for name in ("Photos", "a b", "_x-", ""):
        with pytest.raises(InputError):
            features.index_name(name)


def test_nine_significant_bits_stay_of_a_weight() -> None:
    weights = np.random.default_rng(0).lognormal(sigma=3, size=1000).astype(np.float32)
    stored = features.as_stored(weights)
    assert stored.tolist() == [kept(weight) for weight in weights.tolist()]
    lost = (weights - stored) / weights
    assert lost.min() >= 0
    assert 0.003 < lost.max() < 2**-8
    assert np.array_equal(features.as_stored(stored), stored)


@pytest.mark.skipif(
    importlib.util.find_spec("jnius_config") is None or not importlib.util.find_spec("pyserini"),
    reason="needs lexret[lucene]: Lucene's own FeatureField",
)
def test_lucenes_own_features_score_as_lexret_expects(
    index: EmbeddedIndex, queries: SparseBatch, documents: Any, tmp_path: Path
) -> None:
    """FeatureField and its linear query are what both engines store and ask (no server here)."""
    jnius = start_java()
    read = features_of(jnius, documents, tmp_path / "lucene")
    every = [index.vector(doc_id) for doc_id in index.doc_ids()]
    vectors = SparseBatch.from_vectors(every, index.vocabulary)
    rounded = SparseBatch(
        vectors.indptr, vectors.term_ids, features.as_stored(vectors.weights), index.vocabulary
    )
    exact = ExactIndex(index.doc_ids(), rounded, model_id="test-1")
    for query, expected in zip(queries, exact.search(queries, k=10), strict=True):
        found = read(query, 10)
        assert [hit.doc_id for hit in found] == [hit.doc_id for hit in expected]
        scores = [hit.score for hit in expected]
        assert [hit.score for hit in found] == pytest.approx(scores, rel=1e-6)


def features_of(jnius: Any, documents: Any, folder: Path) -> Any:
    """Write documents into a Lucene index of FeatureFields and return what searches it."""
    java = jnius.autoclass
    paths = java("java.nio.file.Paths")
    directory = java("org.apache.lucene.store.FSDirectory").open(paths.get(str(folder)))
    config = java("org.apache.lucene.index.IndexWriterConfig")()
    writer = java("org.apache.lucene.index.IndexWriter")(directory, config)
    feature = java("org.apache.lucene.document.FeatureField")
    stored = java("org.apache.lucene.document.StoredField")
    for document in documents:
        made = java("org.apache.lucene.document.Document")()
        made.add(stored("id", document.doc_id, signature="(Ljava/lang/String;Ljava/lang/String;)V"))
        for number, value in zip(document.indices, document.values, strict=True):
            made.add(feature("words", f"t{number}", value))
        writer.addDocument(made)
    writer.close()
    reader = java("org.apache.lucene.index.DirectoryReader").open(directory)
    searcher = java("org.apache.lucene.search.IndexSearcher")(
        reader, signature="(Lorg/apache/lucene/index/IndexReader;)V"
    )
    occur = java("org.apache.lucene.search.BooleanClause$Occur")

    def search(query: LexicalVector, k: int) -> Any:
        builder = java("org.apache.lucene.search.BooleanQuery$Builder")()
        pairs = zip(query.term_ids.tolist(), query.weights.tolist(), strict=True)
        for number, weight in pairs:
            clause = feature.newLinearQuery("words", f"t{number}", weight)
            builder.add(clause, occur.SHOULD)
        hits = searcher.search(builder.build(), k).scoreDocs
        fields = searcher.storedFields()
        return ranked([(fields.document(hit.doc).get("id"), hit.score) for hit in hits])

    return search
