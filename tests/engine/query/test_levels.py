"""Required and excluded words go by the words' levels, where a model has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lexret.engine import EmbeddedIndexWriter, open_index
from lexret.engine.query.binding import bind_query
from lexret.engine.query.parser import parse_query
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary

ROWS = {
    "sure": {"dog": 0.5, "beach": 0.5},
    "at the level": {"dog": 0.25, "beach": 0.5},
    "trace": {"dog": 0.125, "beach": 0.5},
}


@pytest.fixture
def place(tmp_path: Path, tiny_vocabulary: Vocabulary) -> Path:
    with EmbeddedIndexWriter.create(tmp_path / "index", tiny_vocabulary, model_id="m") as writer:
        writer.add(list(ROWS), SparseBatch.from_words(ROWS.values(), tiny_vocabulary))
        writer.commit()
    return tmp_path / "index"


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("beach +dog", {"sure", "at the level"}),
        ("beach -dog", {"trace"}),
        ("beach +dog>0", {"sure", "at the level", "trace"}),
        ("beach +dog>0.3", {"sure"}),
        ("beach +(dog OR car)", {"sure", "at the level"}),
    ],
)
def test_a_word_is_held_from_its_level_on_or_above_what_the_query_says(
    place: Path, query: str, wanted: set[str]
) -> None:
    index = open_index(place)
    vocabulary = index.vocabulary
    levels = np.full(len(vocabulary), 0.25, np.float32)

    def encode(text: str) -> LexicalVector:
        return SparseBatch.from_words([{"beach": 1.0}], vocabulary).row(0)

    bound = bind_query(parse_query(query), vocabulary, index.columns, encode, levels_V=levels)
    assert {hit.doc_id for hit in index.find(bound)} == wanted


def test_without_levels_any_trace_holds_a_word(place: Path) -> None:
    index = open_index(place)

    def encode(text: str) -> LexicalVector:
        return SparseBatch.from_words([{"beach": 1.0}], index.vocabulary).row(0)

    bound = bind_query(parse_query("beach +dog"), index.vocabulary, index.columns, encode)
    assert len(index.find(bound)) == 3
