"""Counts of phrases in captions, on cases that are worked out by hand."""

from __future__ import annotations

import math

import pytest

from lexret.vocabularies.phrase_statistics import PhraseStatistics

PICTURES = [
    ["A hula hoop.", "Two hula hoops"],
    ["a girl with hula hoops", "The hula hoops and a dog"],
    ["a dog and a girl"],
]


def test_a_phrase_and_its_plural_are_one_and_spelled_as_mostly_written() -> None:
    statistics = PhraseStatistics(PICTURES)
    assert statistics.num_pictures == 3
    assert statistics.num_pictures_with("hula hoop") == 2
    assert statistics.num_pictures_with("hula hoops") == 2
    assert statistics.num_pictures_with("dog hoop") == 0
    assert "hula hoops" in statistics.phrases(min_pictures=2)
    assert "hula hoop" not in statistics.phrases(min_pictures=1)


def test_a_phrase_neither_begins_nor_ends_with_a_function_word() -> None:
    phrases = PhraseStatistics([["tug of war with the dog"]]).phrases(min_pictures=1)
    assert phrases == ["tug of war"]


def test_association_is_normalised_pointwise_mutual_information() -> None:
    statistics = PhraseStatistics([["red kite red kite red sky blue sky"]])
    # 8 words: red 3, kite 2, sky 2; "red kite" 2, "red sky" 1.
    expected = math.log((2 / 8) / (3 / 8 * 2 / 8)) / -math.log(2 / 8)
    assert statistics.association("red kite") == pytest.approx(expected)
    assert statistics.association("red sky") < statistics.association("red kite")
    assert statistics.association("blue kite") == -1.0


def test_words_that_never_stand_apart_have_association_one() -> None:
    statistics = PhraseStatistics([["hula hoop dog cat sea"]])
    assert statistics.association("hula hoop") == pytest.approx(1.0)
    assert statistics.association("hula hoop dog") == pytest.approx(1.0)


def test_log_likelihood_is_dunnings_of_the_weakest_pair() -> None:
    statistics = PhraseStatistics([["red kite red kite red sky blue sky"]])
    # "red" then "kite": 2 together, 1 only red, 0 only kite, 5 neither.
    expected = 2 * (
        2 * math.log(2 * 8 / (3 * 2))
        + 1 * math.log(1 * 8 / (3 * 6))
        + 5 * math.log(5 * 8 / (5 * 6))
    )
    assert statistics.log_likelihood("red kite") == pytest.approx(expected)
    weaker = min(statistics.log_likelihood("red kite"), statistics.log_likelihood("kite red"))
    assert statistics.log_likelihood("red kite red") == pytest.approx(weaker)


def test_a_pair_inside_a_longer_phrase_is_known_as_such() -> None:
    texts = ["chain link fence", "chain link fence", "wire fence", "link fence"]
    statistics = PhraseStatistics([[text] for text in texts])
    assert statistics.share_in_longer("chain link") == 1.0
    assert statistics.share_in_longer("link fence") == pytest.approx(2 / 3)
    assert statistics.share_in_longer("wire fence") == 0.0
    assert statistics.share_in_longer("never seen") == 0.0
    assert statistics.is_mostly_whole("chain link fence", 0.5)
    assert not statistics.is_mostly_whole("link fence wire", 0.5)
