"""Pictures beside words: what of a picture counts, by hand, and that every backend counts alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lexret.engine import EmbeddedIndex, EmbeddedIndexWriter, open_index
from lexret.engine.corrections.corrections import change_corrections
from lexret.engine.query.filters import NumberFilter
from lexret.engine.query.query import AnyOf, Choice, Holds, Query
from lexret.library.asking.mixing import (
    LIKENESS_POWER,
    NUM_WORDS,
    PICTURE_WEIGHT,
    fitted_to_words,
    num_found,
)
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["dog", "grass", "snow", "cat", "tree"])
PICTURES = {
    "1.jpg": {"dog": 0.6, "snow": 0.8},
    "2.jpg": {"cat": 0.6, "snow": 0.8},
    "3.jpg": {"tree": 0.6, "snow": 0.8},
    "4.jpg": {"dog": 0.6, "grass": 0.8},
}


def vector(words: dict[str, float]) -> LexicalVector:
    return SparseBatch.from_words([words], WORDS).row(0)


def weights(one: LexicalVector) -> dict[str, float]:
    return {word.word: word.weight for word in one.words()}


@pytest.fixture
def index(tmp_path: Path) -> EmbeddedIndex:
    with EmbeddedIndexWriter.create(tmp_path, WORDS, model_id="by hand") as writer:
        rows = SparseBatch.from_words(PICTURES.values(), WORDS)
        writer.add(list(PICTURES), rows, fields={"width": [1, 2, 3, 4]})
        writer.commit()
    return open_index(tmp_path)


PHOTO = vector({"dog": 0.8, "grass": 0.6})
SNOW = Query(vector({"snow": 1.0}))


def test_words_that_pictures_of_the_text_do_not_show_leave_the_photo(index: EmbeddedIndex) -> None:
    # Three pictures are in the snow; one of them has a dog, and none has grass.
    fitted = fitted_to_words([PHOTO], SNOW, index)
    assert weights(fitted) == {"dog": pytest.approx(PICTURE_WEIGHT)}


def test_a_word_counts_at_most_its_mean_in_those_that_are_like_the_photo(
    index: EmbeddedIndex,
) -> None:
    photo = vector({"dog": 0.96, "tree": 0.28})
    fitted = fitted_to_words([photo], SNOW, index)
    with_dog, with_tree = (0.96 * 0.6) ** LIKENESS_POWER, (0.28 * 0.6) ** LIKENESS_POWER
    dog, tree = (0.6 * one / (with_dog + with_tree) for one in (with_dog, with_tree))
    assert dog < 0.96 and tree < 0.28
    length = PICTURE_WEIGHT / np.hypot(dog, tree)
    assert weights(fitted) == {
        "dog": pytest.approx(dog * length, rel=1e-6),
        "tree": pytest.approx(tree * length, rel=1e-6),
    }


def test_a_word_counts_at_most_what_it_has_in_the_photo(index: EmbeddedIndex) -> None:
    photo = vector({"dog": 0.6, "snow": 0.8})
    fitted = fitted_to_words([photo], SNOW, index)
    # The first is most like it, and has its weights; others have as much snow, and less of the dog.
    likeness = {"1": 1.0, "2": 0.64**LIKENESS_POWER, "3": 0.64**LIKENESS_POWER}
    dog = 0.6 / sum(likeness.values())
    length = PICTURE_WEIGHT / np.hypot(dog, 0.8)
    assert weights(fitted) == {
        "dog": pytest.approx(dog * length, rel=1e-6),
        "snow": pytest.approx(0.8 * length, rel=1e-6),
    }


def test_the_dog_in_the_snow_comes_first(index: EmbeddedIndex) -> None:
    fitted = fitted_to_words([PHOTO], SNOW, index)
    query = vector({"snow": 1.0, **weights(fitted)})
    assert index.find(Query(query))[0].doc_id == "1.jpg"
    # Added up as they are, both dogs score alike, and the cat is behind the dog on grass.
    added = Query(vector({"snow": 1.0, "dog": 0.8, "grass": 0.6}))
    assert [hit.doc_id for hit in index.find(added)][:2] == ["1.jpg", "4.jpg"]


def test_conditions_and_filters_change_no_weight(index: EmbeddedIndex) -> None:
    asked = Query(
        SNOW.vector,
        required=(AnyOf(((Holds(3),),)),),
        excluded=(AnyOf(((Holds(0),),)),),
        filters=(NumberFilter("width", 4, None),),
    )
    fitted = fitted_to_words([PHOTO], asked, index)
    assert weights(fitted) == weights(fitted_to_words([PHOTO], SNOW, index))


def test_the_photo_itself_tells_nothing_of_what_the_words_find(index: EmbeddedIndex) -> None:
    grass = vector({"cat": 0.8, "tree": 0.6})
    asked = Query(SNOW.vector, without=("2.jpg",))
    fitted = fitted_to_words([grass], asked, index)
    assert weights(fitted) == {"tree": pytest.approx(PICTURE_WEIGHT)}


def test_alternatives_are_words_too(index: EmbeddedIndex) -> None:
    asked = Query(None, choices=(Choice((vector({"snow": 1.0}), vector({"tree": 1.0}))),))
    fitted = fitted_to_words([PHOTO], asked, index)
    assert weights(fitted) == {"dog": pytest.approx(PICTURE_WEIGHT)}


def test_several_photos_count_as_much_as_one(index: EmbeddedIndex) -> None:
    others = [vector({"dog": 3.0}), vector({"cat": 1.0})]
    fitted = fitted_to_words(others, SNOW, index)
    half = PICTURE_WEIGHT / 2**0.5
    assert weights(fitted) == {"dog": pytest.approx(half), "cat": pytest.approx(half)}


def test_where_the_words_find_nothing_the_photo_stays_as_it_is(index: EmbeddedIndex) -> None:
    alone = Query(SNOW.vector, without=("1.jpg", "2.jpg", "3.jpg"))
    fitted = fitted_to_words([PHOTO], alone, index)
    assert weights(fitted) == {
        "dog": pytest.approx(0.8 * PICTURE_WEIGHT), "grass": pytest.approx(0.6 * PICTURE_WEIGHT)
    }  # fmt: skip


def test_a_photo_that_has_nothing_in_common_with_them_stays_as_it_is(
    index: EmbeddedIndex,
) -> None:
    fitted = fitted_to_words([vector({"grass": 1.0})], SNOW, index)
    assert weights(fitted) == {"grass": pytest.approx(PICTURE_WEIGHT)}
    assert weights(fitted_to_words([vector({})], SNOW, index)) == {}


def test_corrected_words_count_as_they_are_corrected(index: EmbeddedIndex) -> None:
    change_corrections(index.path, lambda one: replace(one, muted=frozenset({"dog"})))
    photo = vector({"dog": 0.8, "tree": 0.6})
    fitted = fitted_to_words([photo], SNOW, open_index(index.path))
    assert weights(fitted) == {"tree": pytest.approx(PICTURE_WEIGHT)}


def test_small_libraries_go_by_fewer_pictures() -> None:
    assert [num_found(n) for n in (3, 130, 400, 1000, 10**7)] == [20, 20, 40, 100, 100]


def test_the_strongest_words_of_a_photo_are_enough(tmp_path: Path) -> None:
    words = Vocabulary(["snow", *(f"word{number}" for number in range(150))])
    photo = {f"word{number}": 1.0 + number for number in range(150)}
    with EmbeddedIndexWriter.create(tmp_path, words, model_id="by hand") as writer:
        writer.add(["a"], SparseBatch.from_words([{"snow": 1.0, **photo}], words))
        writer.commit()
    picture, snow = SparseBatch.from_words([photo, {"snow": 1.0}], words)
    fitted = fitted_to_words([picture], Query(snow), open_index(tmp_path))
    assert set(weights(fitted)) == {f"word{number}" for number in range(150 - NUM_WORDS, 150)}
