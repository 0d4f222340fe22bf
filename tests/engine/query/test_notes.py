"""What is told about the words of a query."""

from __future__ import annotations

import pytest

from lexret.engine.query.binding import notes_on
from lexret.engine.query.notes import NO_WORD, notes_on_text
from lexret.engine.query.parser import parse_query
from lexret.errors import InputError
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["dog", "dogs", "beach", "light", "traffic light"])


def notes(query: str, *muted: str, has_pictures: bool = False) -> tuple[str, ...]:
    parsed = parse_query(query)
    return notes_on(parsed, WORDS, muted=frozenset(muted), has_examples=has_pictures)


def test_unknown_words_are_told_with_the_nearest_and_small_words_are_not() -> None:
    expected = ("not in the vocabulary: beech (nearest: beach), xyzzy",)
    assert notes_on_text("the dog on a beech xyzzy", WORDS) == expected
    assert notes("the dog on a beech xyzzy") == expected
    assert notes("dog? beech xyzzy path:a") == expected
    assert notes("beech xyzzy", has_pictures=True) == expected
    assert notes_on_text("a dog", WORDS) == ()


def test_many_unknown_words_are_counted() -> None:
    (note,) = notes_on_text("dog q1 q2 q3 q4 q5 q6 q7", WORDS)
    assert note == "not in the vocabulary: q1, q2, q3, q4, q5, and 2 more"


@pytest.mark.parametrize("muted", ["dog", "traffic light"])
@pytest.mark.parametrize(
    "query", ["a {}", '+"{}"', '-"{}" path:a', '"{}"?', "({} OR beach)", '-(beach OR "{}")']
)
def test_muted_words_are_told_wherever_they_stand(query: str, muted: str) -> None:
    asked = query.format(muted)
    assert notes(asked, muted, "dogs") == (f"muted in this index (counts for nothing): {muted}",)
    assert notes(asked, "dogs") == ()


def test_a_word_of_a_phrase_is_not_taken_for_the_muted_word() -> None:
    assert notes("a traffic light", "light") == ()
    assert notes_on_text("traffic lights", WORDS, muted=frozenset({"light"})) == ()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", NO_WORD),
        (" ", NO_WORD),
        ("?!", NO_WORD),
        ("dogg", "'dogg' is not in the vocabulary of 5 words (nearest: dog, dogs). Say it"),
        ("a dogg path:a", "'dogg' is not in the vocabulary of 5 words (nearest: dog, dogs). Say"),
        ("of the", "No word of 'of the' is in the vocabulary of 5 words: of, the. Say it with"),
        ("beech dogg", "of 5 words: beech (nearest: beach), dogg (nearest: dog, dogs). Say it"),
    ],
)
def test_words_that_stand_alone_and_say_nothing_are_refused(query: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        notes(query)
    assert message in str(caught.value)
    assert notes(f"{query} dog?") is not None


def test_unknown_words_with_an_operator_are_left_to_the_error_that_points_at_them() -> None:
    for query in ("+dogg", "dogg^2", '"beech"', "-dogg"):
        assert all("dogg" in one or "beech" in one for one in notes(query))


def test_no_word_is_proposed_for_a_small_one() -> None:
    with pytest.raises(InputError, match=r"words: what, does\. Say it") as caught:
        notes_on_text("what does", Vocabulary(["wheat", "doe", "hat"]))
    assert "nearest" not in str(caught.value)
