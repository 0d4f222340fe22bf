"""The embedded engine against the oracle, its snapshots and its stored values."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from oracle import ExactIndex

from lexret.engine import EmbeddedIndexWriter, merge_policy, open_index, writer
from lexret.engine.protocol import Index
from lexret.engine.segments import segment_writer
from lexret.errors import InputError, MismatchError, MissingError
from lexret.explain.contributions import contribute
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary


def oracle(live: dict[str, LexicalVector], words: Vocabulary) -> ExactIndex:
    stacked = SparseBatch.from_vectors(list(live.values()), words)
    return ExactIndex(list(live), stacked, model_id="oracle")


def test_many_small_commits_with_merges_equal_the_oracle(
    words, random_batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge_policy, "DOCUMENTS_AT_LEVEL_0", 4)
    monkeypatch.setattr(merge_policy, "MAX_SEGMENTS_A_LEVEL", 2)
    monkeypatch.setattr(merge_policy, "GROWTH", 2)
    monkeypatch.setattr(segment_writer, "POSTINGS_A_BLOCK", 7)
    monkeypatch.setattr(writer, "MAX_BUFFERED_POSTINGS", 10)
    rng = np.random.default_rng(1)
    live: dict[str, LexicalVector] = {}
    numbers: dict[str, int] = {}
    with EmbeddedIndexWriter.create(tmp_path, words, model_id="test") as index_writer:
        for round_ in range(30):
            ids = sorted({f"doc{number:03d}" for number in rng.integers(0, 60, 5)})
            vectors = random_batch(rng, len(ids))
            index_writer.add(ids, vectors, fields={"round": [round_] * len(ids)})
            live |= dict(zip(ids, vectors, strict=True))
            numbers |= dict.fromkeys(ids, round_)
            gone = rng.choice(sorted(live))
            index_writer.delete([gone])
            del live[gone], numbers[gone]
            index_writer.commit()
    index = open_index(tmp_path)
    queries = random_batch(rng, 20)
    assert index.search(queries, k=7) == oracle(live, words).search(queries, k=7)
    assert {one.doc_id: one.fields["round"] for one in index.documents()} == numbers
    for doc_id, expected in live.items():
        stored = index.vector(doc_id)
        assert stored.term_ids.tolist() == expected.term_ids.tolist()
        assert stored.weights.tolist() == expected.weights.tolist()
    assert len(index.manifest.segments) <= 8
    folders = {one.name for one in (tmp_path / "segments").iterdir()}
    assert folders == {entry.name for entry in index.manifest.segments}


def test_engine_and_oracle_follow_the_protocol(words, batch, make_index, tmp_path: Path) -> None:
    make_index(tmp_path, ["a"], batch({"dog": 1.0}))
    index: Index = open_index(tmp_path)
    exact: Index = ExactIndex(["a"], batch({"dog": 1.0}), model_id="test-0123456789ab")
    assert index.vocabulary == exact.vocabulary == words
    assert index.model_id == exact.model_id == "test-0123456789ab"


def test_per_word_products_add_up_to_the_score(
    words, random_batch, make_index, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    ids = [f"{number}" for number in range(50)]
    make_index(tmp_path, ids, random_batch(rng, 50))
    index = open_index(tmp_path)
    for query, hits in zip(queries := random_batch(rng, 10), index.search(queries), strict=True):
        weights = index.weights([hit.doc_id for hit in hits], query.term_ids)
        for hit, row in zip(hits, weights, strict=True):
            held = row > 0
            image = LexicalVector(query.term_ids[held], row[held], words)
            products = [one.product for one in contribute(query, image)]
            assert math.isclose(math.fsum(products), hit.score, rel_tol=1e-12)


def test_ties_at_the_cut_are_taken_by_rising_id_over_segments(words, batch, tmp_path: Path) -> None:
    with EmbeddedIndexWriter.create(tmp_path, words, model_id="test") as index_writer:
        for doc_id in ["d", "b", "e", "a", "c"]:
            index_writer.add([doc_id], batch({"dog": 0.5}))
            index_writer.commit()
    (hits,) = open_index(tmp_path).search(batch({"dog": 2.0}), k=3)
    assert [(hit.doc_id, hit.score, hit.rank) for hit in hits] == [
        ("a", 1.0, 1),
        ("b", 1.0, 2),
        ("c", 1.0, 3),
    ]


def test_an_empty_query_and_an_empty_document_match_nothing(
    batch, make_index, tmp_path: Path
) -> None:
    make_index(tmp_path, ["empty", "dog"], batch({}, {"dog": 1.0}))
    index = open_index(tmp_path)
    assert len(index) == 2
    assert index.search(batch({}, {"cat": 1.0})) == [[], []]
    assert len(index.vector("empty")) == 0


def test_an_index_of_only_empty_documents_can_be_searched(
    batch, make_index, tmp_path: Path
) -> None:
    make_index(tmp_path, ["empty"], batch({}))
    assert open_index(tmp_path).search(batch({"dog": 1.0})) == [[]]
    assert open_index(tmp_path).weights(["empty"], [0, 3]).tolist() == [[0.0, 0.0]]


def test_a_reader_keeps_its_snapshot_while_writers_commit_and_merge(
    batch, make_index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge_policy, "MAX_SEGMENTS_A_LEVEL", 1)
    make_index(tmp_path, ["old"], batch({"dog": 1.0}), fields={"size": [7]})
    before = open_index(tmp_path)
    with EmbeddedIndexWriter.open(tmp_path) as index_writer:
        index_writer.add(["new"], batch({"dog": 2.0}))
        index_writer.commit()
        index_writer.delete(["old"])
        index_writer.commit()
    assert [hit.doc_id for hit in before.search(batch({"dog": 1.0}))[0]] == ["old"]
    assert before.document("old").fields == {"size": 7}
    assert before.vocabulary.words[3] == "dog"
    assert open_index(tmp_path).doc_ids() == ["new"]


def test_fields_keep_their_types_and_missing_values(batch, make_index, tmp_path: Path) -> None:
    fields = {
        "size": [2**40, None],
        "ratio": [0.5, 2],
        "camera": ["Leica ä", None],
        "nothing": [None, None],
    }
    make_index(tmp_path, ["a", "b"], batch({"dog": 1.0}, {}), fields=fields)
    with EmbeddedIndexWriter.open(tmp_path) as index_writer:
        index_writer.add(["c"], batch({}), fields={"size": [0], "note": [""]})
        index_writer.commit()
    index = open_index(tmp_path)
    expected = {
        "a": {"size": 2**40, "ratio": 0.5, "camera": "Leica ä", "note": None},
        "b": {"size": None, "ratio": 2.0, "camera": None, "note": None},
        "c": {"size": 0, "ratio": None, "camera": None, "note": ""},
    }
    assert {one.doc_id: one.fields for one in index.documents()} == expected
    assert index.document("c").fields == expected["c"]


def test_what_is_read_of_all_documents_leaves_deleted_ones_out(
    batch, make_index, tmp_path: Path
) -> None:
    fields = {"size": [1, None, 3, 4], "camera": ["x", "y", None, "z"]}
    make_index(tmp_path, list("abcd"), batch(*[{"dog": 1.0}] * 4), fields=fields)
    with EmbeddedIndexWriter.open(tmp_path) as index_writer:
        index_writer.delete(["c"])
        index_writer.commit()
    index = open_index(tmp_path)
    assert index.segments[0].deleted is not None  # marked, not merged away
    assert index.field_values("size") == [1, None, 4]
    assert index.field_values("camera") == ["x", "y", "z"]
    assert index.field_values("nothing") == [None] * 3
    assert index.field_values(None) == index.doc_ids() == ["a", "b", "d"]
    read = {document.doc_id: document.fields["size"] for document in index.documents()}
    assert read == {"a": 1, "b": None, "d": 4}


def test_a_field_of_another_type_is_refused(batch, make_index, tmp_path: Path) -> None:
    make_index(tmp_path, ["a"], batch({"dog": 1.0}), fields={"size": [1]})
    with EmbeddedIndexWriter.open(tmp_path) as index_writer:
        for fields in ({"size": ["large"]}, {"size": [1, 2]}, {"flag": [True]}, {"a b": [1]}):
            with pytest.raises(InputError, match="ield"):
                index_writer.add(["b"], batch({}), fields=fields)
        with pytest.raises(InputError, match="64 bits"):
            index_writer.add(["b"], batch({}), fields={"size": [2**63]})


def test_a_query_of_another_vocabulary_is_refused(batch, make_index, tmp_path: Path) -> None:
    make_index(tmp_path, ["a"], batch({"dog": 1.0}))
    other = SparseBatch.from_words([{"dog": 1.0}], Vocabulary(["dog"]))
    exact = ExactIndex(["a"], batch({"dog": 1.0}), model_id="test")
    for index in (open_index(tmp_path), exact):
        with pytest.raises(MismatchError, match="8 words"):
            index.search(other)
        with pytest.raises(InputError, match="k = 0"):
            index.search(batch({"dog": 1.0}), k=0)


def test_asking_for_what_is_not_there_says_so(batch, make_index, tmp_path: Path) -> None:
    make_index(tmp_path, ["a"], batch({"dog": 1.0}))
    index = open_index(tmp_path)
    assert "a" in index
    assert "b" not in index
    for ask in (index.vector, index.document):
        with pytest.raises(MissingError, match="'b'"):
            ask("b")
    with pytest.raises(InputError, match="expected 0 to 7"):
        index.weights(["a"], [8])
    with pytest.raises(InputError, match="expected 0 to 7"):
        index.weights(["a"], [-1])
    assert index.weights(["a"], [0, 7]).tolist() == [[0.0, 0.0]]


def test_moments_are_those_of_the_scores_of_live_documents(
    random_batch, words, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    ids = [f"{number:02d}" for number in range(40)]
    vectors, (query,) = random_batch(rng, 40), random_batch(rng, 1)
    with EmbeddedIndexWriter.create(tmp_path, words, model_id="test") as index_writer:
        for half in (range(20), range(20, 40)):  # a segment each
            part = SparseBatch.from_vectors([vectors.row(number) for number in half], words)
            index_writer.add([ids[number] for number in half], part)
            index_writer.commit()
        index_writer.delete(ids[3:9])
        index_writer.commit()
    live = [number for number in range(40) if not 3 <= number < 9]
    products = vectors.to_scipy().astype(np.float64) @ query.as_batch().to_scipy().T
    scores = products.toarray()[live, 0]
    index = open_index(tmp_path)
    assert len(index.segments) == 2
    assert index.score_moments(query) == pytest.approx((scores.mean(), scores.std()), rel=1e-6)


def test_a_long_commit_keeps_few_segments_open(
    random_batch, words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge_policy, "MAX_SEGMENTS_A_LEVEL", 2)
    monkeypatch.setattr(writer, "MAX_BUFFERED_POSTINGS", 0)  # each batch becomes a segment
    monkeypatch.setattr(writer, "MAX_OPEN_SEGMENTS", 4)
    vectors = random_batch(np.random.default_rng(4), 30)
    most = 0
    with EmbeddedIndexWriter.create(tmp_path, words, model_id="test") as index_writer:
        for number, vector in enumerate(vectors):
            index_writer.add([f"{number:02d}"], vector.as_batch())
            most = max(most, len(index_writer._segments))
        index_writer.commit()
    assert 1 < most <= 4
    live = {f"{number:02d}": vector for number, vector in enumerate(vectors)}
    assert open_index(tmp_path).search(vectors) == oracle(live, words).search(vectors)
