"""Levels of words: learnt from what is known of pictures, and measured against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from lexret.eval.control.held_words import JudgedPictures, learn_levels, measure_held
from lexret.eval.control.word_truth import WordTruth, object_words, truth_of_captions
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["dog", "sky", "chair", "junk", "swivel"])


class Captions:
    """Captions and objects of pictures that are nowhere."""

    fingerprint = "captions"

    def __init__(
        self, texts: Sequence[Sequence[str]], objects: Sequence[Mapping[str, float]]
    ) -> None:
        self._texts, self._objects = texts, objects

    def __len__(self) -> int:
        return len(self._texts)

    def captions(self, i: int) -> tuple[str, ...]:
        return tuple(self._texts[i])

    def objects(self, i: int) -> Mapping[str, float]:
        return self._objects[i]


def judged(rows: Sequence[Mapping[str, float]], truth: WordTruth) -> JudgedPictures:
    return JudgedPictures.of(SparseBatch.from_words(rows, WORDS), truth)


def test_a_word_nobody_outlines_is_wrong_where_no_caption_holds_it() -> None:
    captions = Captions([["a dog"], ["the sky"], ["a tree"]], [{}, {}, {}])
    truth = truth_of_captions(captions, WORDS, "here")  # type: ignore[arg-type]
    assert truth.true_of(0).tolist() == [True, False, False]
    assert truth.judged(0).tolist() == [True, True, True]


def test_an_outlined_word_is_judged_only_where_objects_are_outlined_or_it_is_said() -> None:
    captions = Captions(
        [["a dog"], ["the sky"], ["a room"]], [{}, {}, {"swivel chair": 0.2, "sky": 0.001}]
    )
    truth = truth_of_captions(captions, WORDS, "here")  # type: ignore[arg-type]
    sky, chair = 1, 2
    assert truth.true_of(sky).tolist() == [False, True, True]
    assert truth.judged(sky).tolist() == [False, True, True]
    assert truth.true_of(chair).tolist() == [False, False, True]
    assert truth.judged(chair).tolist() == [False, False, True]


def test_an_object_of_a_name_that_is_no_word_counts_as_its_last_word() -> None:
    assert object_words(["swivel chair", "unheard"], WORDS) == {2}


def test_a_level_lies_between_right_and_wrong_pictures_shrunk_by_what_training_adds() -> None:
    texts = [["a dog"]] * 15 + [["a tree"]] * 15
    truth = truth_of_captions(Captions(texts, [{}] * 30), WORDS, "here")  # type: ignore[arg-type]
    rows = [{"dog": 0.6}] * 15 + [{"dog": 0.2}] * 15
    levels = learn_levels([judged(rows, truth)], len(WORDS))
    assert levels[0] == pytest.approx(0.85 * 0.4)


def test_no_word_is_held_by_many_more_pictures_than_it_is_true_of() -> None:
    texts = [["a tree"]] * 100
    truth = truth_of_captions(Captions(texts, [{}] * 100), WORDS, "here")  # type: ignore[arg-type]
    rows = [{"junk": 0.01 * (i + 1)} for i in range(100)]
    levels = learn_levels([judged(rows, truth)], len(WORDS))
    held = sum(np.float32(row["junk"]) >= levels[3] for row in rows)
    assert held == 3


def test_recall_and_precision_of_held_things_are_counted_by_hand() -> None:
    objects = [{"chair": 0.2}, {"chair": 0.1}, {"sky": 0.5}, {"sky": 0.4}]
    truth = truth_of_captions(Captions([["x"]] * 4, objects), WORDS, "here")  # type: ignore[arg-type]
    rows = [{"chair": 0.5}, {"chair": 0.1}, {"chair": 0.4, "sky": 0.6}, {"junk": 0.5}]
    pictures = judged(rows, truth)
    levels = np.array([0, 0.3, 0.3, 0.0, 0], np.float32)
    found = measure_held(pictures, levels, WORDS)
    things = {thing.word: thing for thing in found.things}
    assert (things["chair"].recall, things["chair"].precision) == (50.0, 50.0)
    assert (things["sky"].recall, things["sky"].precision) == (50.0, 100.0)
    assert (found.recall, found.precision) == (50.0, 75.0)
    assert found.held_a_picture == pytest.approx(4 / 4)
    assert measure_held(pictures, None, WORDS).held_a_picture == pytest.approx(5 / 4)


def test_a_word_is_held_too_often_above_three_times_its_truth_and_5_percent() -> None:
    texts = [["a dog"]] * 2 + [["x"]] * 98
    truth = truth_of_captions(Captions(texts, [{}] * 100), WORDS, "here")  # type: ignore[arg-type]
    rows = [{"dog": 0.5, "junk": 0.5}] * 6 + [{"dog": 0.5}] + [{"sky": 0.5}] * 5 + [{"x": 0}] * 0
    rows += [{"chair": 0.5}] * (100 - len(rows))
    found = measure_held(judged(rows, truth), None, WORDS)
    # dog: 7 of 100 where 2 are dogs; junk: 6 where none is; sky: 5 are just allowed.
    assert set(found.too_often) == {"dog", "junk", "chair"}
