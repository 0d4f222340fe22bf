"""Documents with one of some texts: the same as by comparing every text."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexret.engine import EmbeddedIndexWriter, open_index
from lexret.engine.query.filters import NumberFilter, path_filter
from lexret.engine.query.query import Query
from lexret.engine.segments.text_keys import KEY_BYTES, Keys, text_keys, wanted_keys
from lexret.engine.shared_text import documents_with, find_documents
from lexret.engine.store.columns import pack_texts
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

TEXTS = st.lists(st.binary(max_size=6), max_size=12)


def keys_of(texts: list[bytes]) -> Keys:
    offsets, joined = (next(iter(array.pieces)) for array in pack_texts("t", texts).values())
    return text_keys(offsets, joined)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.data())
def test_no_text_that_is_asked_for_is_missed(texts: list[bytes], data: st.DataObject) -> None:
    keys = keys_of(texts)
    asked = data.draw(st.lists(st.sampled_from(texts), max_size=4)) if texts else []
    wanted = wanted_keys(asked)
    for text, key in zip(texts, keys.tolist(), strict=True):
        if text in asked and len(text) >= KEY_BYTES:
            assert wanted[key]


def test_hashes_of_one_length_have_the_keys_that_other_texts_have() -> None:
    hashes = [f"{number * 7919:064x}"[::-1].encode() for number in range(500)]
    of_same, of_mixed = keys_of(hashes), keys_of([*hashes, b"longer" * 20, b""])
    assert np.array_equal(of_same, of_mixed[:500])
    assert len(np.unique(of_same)) > 480  # they tell texts apart


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["aaaa", "aaab", "bbbbbb", "xyz", None]), min_size=1, max_size=20),
    st.sets(st.integers(0, 19)),
    st.sets(st.sampled_from(["aaaa", "bbbbbb", "zzzz"])),
)
def test_live_documents_are_found_in_all_segments(
    texts: list[str | None], deleted: set[int], wanted: set[str]
) -> None:
    vocabulary = Vocabulary(["a"])
    ids = [f"{number:02d}" for number in range(len(texts))]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "index"
        with EmbeddedIndexWriter.create(place, vocabulary, model_id="m") as writer:
            for start in range(0, len(ids), 7):
                part = slice(start, start + 7)
                batch = SparseBatch.from_words([{"a": 1.0}] * len(ids[part]), vocabulary)
                writer.add(ids[part], batch, fields={"text": texts[part], "n": [1] * len(batch)})
                writer.commit()
            gone = [ids[number] for number in deleted if number < len(ids)]
            writer.delete(gone)
            writer.commit()
        index = open_index(place)
        found = documents_with(index, "text", wanted, Query()) if "text" in index.columns else []
        expected = {
            doc_id
            for doc_id, text in zip(ids, texts, strict=True)
            if text in wanted and doc_id not in gone
        }
        assert {document.doc_id for document in found} == expected
        asked = find_documents(index, [*ids, "none"])
        assert {document.doc_id for document in asked} == set(ids) - set(gone)


@pytest.fixture
def three(tmp_path: Path) -> Path:
    vocabulary = Vocabulary(["a"])
    with EmbeddedIndexWriter.create(tmp_path / "index", vocabulary, model_id="m") as writer:
        batch = SparseBatch.from_words([{"a": 1.0}] * 3, vocabulary)
        fields = {"text": ["same", "same", "same"], "n": [1, 2, 3]}
        writer.add(["x/1", "x/2", "y/3"], batch, fields=fields)
        writer.commit()
    return tmp_path / "index"


def test_filters_and_documents_that_are_no_hits_are_held_against_each(three: Path) -> None:
    index = open_index(three)

    def found(query: Query) -> set[str]:
        return {one.doc_id for one in documents_with(index, "text", {"same"}, query)}

    assert found(Query()) == {"x/1", "x/2", "y/3"}
    assert found(Query(filters=(path_filter("x/**"),))) == {"x/1", "x/2"}
    assert found(Query(filters=(path_filter("x/**", negated=True),))) == {"y/3"}
    assert found(Query(filters=(NumberFilter("n", 2, None),), without=("y/3",))) == {"x/2"}
