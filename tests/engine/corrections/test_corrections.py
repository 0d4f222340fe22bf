"""Corrections: searching with them equals searching an index made with the corrected weights."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from oracle import ExactIndex

from lexret.engine import open_index
from lexret.engine.corrections.corrections import (
    Corrections,
    DocumentCorrection,
    change_corrections,
    load_corrections,
)
from lexret.engine.corrections.layout import CORRECTIONS_FILE
from lexret.engine.index import EmbeddedIndex
from lexret.engine.query.filters import NumberFilter, path_filter
from lexret.engine.query.query import AnyOf, Choice, Holds, Query
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import CorruptError, InputError
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary

MakeBatch = Callable[..., SparseBatch]
MakeIndex = Callable[..., None]


def corrected(batch: SparseBatch, ids: list[str], corrections: Corrections) -> SparseBatch:
    """The batch with all corrections worked into its weights."""
    rows = []
    for doc_id, vector in zip(ids, batch, strict=True):
        weights = {one.word: one.weight for one in vector.words()}
        one = corrections.of(doc_id)
        weights = {**weights, **one.added}
        gone = one.removed | corrections.muted
        rows.append({word: weight for word, weight in weights.items() if word not in gone})
    return SparseBatch.from_words(rows, batch.vocabulary)


def random_vector(rng: np.random.Generator, words: Vocabulary) -> LexicalVector:
    dense = rng.random((1, len(words))) * (rng.random((1, len(words))) < 0.5)
    return SparseBatch.from_dense(dense, words).row(0)


def random_condition(rng: np.random.Generator, words: Vocabulary) -> AnyOf:
    def holds() -> Holds:
        return Holds(int(rng.integers(len(words))), float(rng.choice([0.0, 0.25, 0.5])))

    alternatives = [tuple(holds() for _ in range(rng.integers(1, 3))) for _ in range(2)]
    return AnyOf(tuple(alternatives))


def random_query(rng: np.random.Generator, words: Vocabulary, ids: list[str]) -> Query:
    choices = [Choice((random_vector(rng, words), random_vector(rng, words)))]
    return Query(
        vector=random_vector(rng, words) if rng.random() < 0.7 else None,
        choices=tuple(choices[: rng.integers(2)]),
        required=tuple(random_condition(rng, words) for _ in range(rng.integers(2))),
        excluded=tuple(random_condition(rng, words) for _ in range(rng.integers(2))),
        filters=(NumberFilter("size", 2, 12), path_filter("*.jpg"))[: rng.integers(3)],
        without=tuple(rng.choice(ids, rng.integers(3), replace=False).tolist()),
    )


@pytest.mark.parametrize("seed", range(12))
def test_every_search_equals_one_of_an_index_with_the_corrected_weights(
    seed: int, tmp_path: Path, words: Vocabulary, random_batch: MakeBatch
) -> None:
    rng = np.random.default_rng(seed)
    ids = [f"{number:02}.{'jpg' if number % 3 else 'png'}" for number in range(30)]
    batch = random_batch(rng, 30, levels=4)
    sizes = {"size": [number % 16 for number in range(30)]}
    with EmbeddedIndexWriter.create(tmp_path, words, model_id="test-1") as writer:
        for part in (slice(0, 17), slice(17, 30)):  # two segments
            rows = SparseBatch.from_vectors(list(batch)[part], words)
            writer.add(ids[part], rows, fields={"size": sizes["size"][part]})
            writer.commit()
    pictures = {
        str(one): DocumentCorrection(
            {str(word): float(rng.choice([0.25, 0.3, 1.0])) for word in chosen[:2]},
            frozenset(map(str, chosen[2:])),
        )
        for one in rng.choice(ids, 8, replace=False)
        for chosen in [rng.choice(words.words, 4, replace=False)]
    }
    pictures["gone.jpg"] = DocumentCorrection({"dog": 1.0})
    muted = frozenset(map(str, rng.choice(words.words, rng.integers(3), replace=False)))
    corrections = Corrections(pictures, muted | {"no word of this vocabulary"})
    change_corrections(tmp_path, lambda _: corrections)
    index = open_index(tmp_path)
    plain = EmbeddedIndex(tmp_path)
    wanted_batch = corrected(batch, ids, corrections)
    exact = ExactIndex(ids, wanted_batch, model_id="test-1", fields=sizes)
    for _ in range(40):
        query = random_query(rng, words, ids)
        for k in (1, 5, 50):
            found, wanted = index.find(query, k=k), exact.find(query, k=k)
            assert [(one.doc_id, one.rank) for one in found] == [
                (one.doc_id, one.rank) for one in wanted
            ]
            np.testing.assert_allclose(
                [one.score for one in found], [one.score for one in wanted], rtol=1e-12
            )
    queries = SparseBatch.from_vectors([random_vector(rng, words) for _ in range(5)], words)
    assert index.search(queries, k=7) == exact.search(queries, k=7)
    for doc_id, row in zip(ids, wanted_batch, strict=True):
        assert index.vector(doc_id).words() == row.words()
    assert plain.vector(ids[0]).words() == batch.row(0).words()


def test_scores_of_corrected_pictures_are_to_the_last_bit_those_of_an_index(
    tmp_path: Path, words: Vocabulary, random_batch: MakeBatch, make_index: MakeIndex
) -> None:
    rng = np.random.default_rng(5)
    ids = [f"{number}" for number in range(20)]
    batch = random_batch(rng, 20)
    added = Corrections({one: DocumentCorrection({"dog": 0.7}) for one in ids})
    make_index(tmp_path / "a", ids, batch)
    make_index(tmp_path / "b", ids, corrected(batch, ids, added))
    change_corrections(tmp_path / "a", lambda _: added)
    queries = SparseBatch.from_vectors([random_vector(rng, words) for _ in range(20)], words)
    one, other = open_index(tmp_path / "a"), open_index(tmp_path / "b")
    assert one.search(queries, k=20) == other.search(queries, k=20)


def test_taking_corrections_back_brings_back_what_was(
    tmp_path: Path, batch: MakeBatch, make_index: MakeIndex
) -> None:
    make_index(tmp_path, ["a", "b"], batch({"dog": 0.5, "red": 0.5}, {"cat": 1.0}))
    before = open_index(tmp_path).vector("a").words()
    one = DocumentCorrection().plus("lake", 0.4).minus("dog")
    change_corrections(tmp_path, lambda now: now.with_document("a", one))
    assert {w.word for w in open_index(tmp_path).vector("a").words()} == {"lake", "red"}
    undone = one.without("lake").without("dog")
    assert not undone
    assert not change_corrections(tmp_path, lambda now: now.with_document("a", undone))
    assert open_index(tmp_path).vector("a").words() == before


def test_a_snapshot_keeps_its_corrections(
    tmp_path: Path, batch: MakeBatch, make_index: MakeIndex
) -> None:
    make_index(tmp_path, ["a"], batch({"dog": 0.5}))
    snapshot = open_index(tmp_path)
    change_corrections(tmp_path, lambda now: now.with_muted(frozenset({"dog"})))
    assert len(snapshot.vector("a")) == 1
    assert len(open_index(tmp_path).vector("a")) == 0


def test_corrections_outlive_commits_merges_and_rebuilding(
    tmp_path: Path, words: Vocabulary, batch: MakeBatch, make_index: MakeIndex
) -> None:
    make_index(tmp_path, ["a"], batch({"dog": 0.5}))
    change_corrections(tmp_path, lambda now: now.with_muted(frozenset({"dog"})))
    with EmbeddedIndexWriter.open(tmp_path) as writer:
        writer.add(["b"], batch({"dog": 1.0}))
        writer.commit()
    assert open_index(tmp_path).corrections.muted == {"dog"}
    with EmbeddedIndexWriter.create(
        tmp_path, words, model_id="other-1", replace_existing=True
    ) as writer:
        writer.add(["b"], batch({"dog": 1.0}))
        writer.commit()
    assert open_index(tmp_path).corrections.muted == {"dog"}


def test_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    def mute(number: int) -> None:
        change_corrections(tmp_path, lambda now: now.with_muted(now.muted | {f"word {number}"}))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(mute, range(40)))
    assert len(load_corrections(tmp_path).muted) == 40


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "lexret-corrections", "version": 2, "muted": [], "pictures": {}}',
        '{"format": "lexret-corrections", "version": 1, "muted": [1], "pictures": {}}',
        '{"format": "lexret-corrections", "version": 1, "muted": [], "pictures": {"a": {}}}',
        '{"format": "lexret-corrections", "version": 1, "muted": [], "pictures": '
        '{"a": {"added": {"dog": -1}, "removed": []}}}',
    ],
)
def test_a_damaged_file_is_an_error_and_is_not_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / CORRECTIONS_FILE
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CorruptError, match=CORRECTIONS_FILE):
        change_corrections(tmp_path, lambda now: now)
    assert path.read_text(encoding="utf-8") == text


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    one = DocumentCorrection({"traffic light": 0.5}, frozenset({"dog"}))
    change_corrections(tmp_path, lambda _: Corrections({"süß/a.jpg": one}, frozenset({"red"})))
    data = (tmp_path / CORRECTIONS_FILE).read_bytes()
    assert json.loads(data) == {
        "crc32": f"{zlib.crc32(data[: data.rindex(b',')]):08x}",
        "format": "lexret-corrections",
        "version": 2,
        "muted": ["red"],
        "pictures": {"süß/a.jpg": {"added": {"traffic light": 0.5}, "removed": ["dog"]}},
    }


@pytest.mark.parametrize("weight", [0.0, -1.0, 1001.0, float("nan"), float("inf")])
def test_weights_out_of_range_are_refused(weight: float) -> None:
    with pytest.raises(InputError, match="expected more than 0"):
        DocumentCorrection({"dog": weight})
