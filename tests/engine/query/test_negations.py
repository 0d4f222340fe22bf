"""Words that exclude, typographic signs, and quotation marks around words that are no phrase."""

from __future__ import annotations

import pytest

from lexret.engine.query.parser import parse_query
from lexret.engine.query.plain import MINUS_SIGNS, is_surely_plain
from lexret.engine.query.rewriting import Rewritten, rewrite
from lexret.engine.query.syntax import Group, Sign, Term
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(
    ["cat", "cats", "dog", "dogs", "red", "car", "sofa", "beach", "traffic light", "people"]
)


def rewritten(text: str) -> Rewritten:
    return rewrite(parse_query(text), WORDS)


def excluded(text: str) -> list[list[str]]:
    """For each excluded part its alternatives."""
    return [
        [" ".join(t.text for t in terms) for terms in item.node.alternatives]
        if isinstance(item.node, Group)
        else [item.node.text]
        for item in rewritten(text).query.items
        if item.sign is Sign.EXCLUDED and isinstance(item.node, Term | Group)
    ]


def counting(text: str) -> str:
    return " ".join(term.text for term in rewritten(text).query.counting_terms())


@pytest.mark.parametrize(
    ("text", "left", "said"),
    [
        ("a sofa NOT cat", "a sofa", "NOT cat"),
        ("NOT cat sofa NOT a dog", None, None),
        ("a sofa without a cat", "a sofa", "without a cat"),
        ("a sofa without any cats on it", "a sofa on it", "without any cats"),
        ("no cat on the sofa", "on the sofa", "no cat"),
        ("a sofa, not a cat.", "a sofa,", "not a cat"),
        ("a sofa not near a cat", "a sofa", "not near a cat"),
        ("a sofa except for cats", "a sofa", "except for cats"),
        ("a sofa but no cat", "a sofa but", "but no cat"),
        ("no cat -dog", "", "no cat"),
        ("there is no cat", "", "no cat"),
        ("Without  the cat: a sofa", "a sofa", "Without the cat"),
    ],
)
def test_what_is_negated_is_excluded_in_both_numbers(
    text: str, left: str | None, said: str | None
) -> None:
    if left is None:  # "cat sofa" may be one thing
        assert excluded(text) == [["dog", "dogs"]]
        return
    assert excluded(text)[:1] == [["cats", "cat"] if "cats" in text else ["cat", "cats"]]
    assert counting(text) == left
    (note,) = rewritten(text).notes
    assert said is not None
    assert said.removeprefix("but ") in note
    assert "excludes: -(cat" in note


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a beach without dogs and cats", [["dogs", "dog"], ["cats", "cat"]]),
        ("a beach with no dogs or cats", [["dogs", "dog"], ["cats", "cat"]]),
        ("a beach without people, with dogs", [["people"]]),
        ("no dog nor a cat", [["dog", "dogs"], ["cat", "cats"]]),
        ("no dog and no cat", [["dog", "dogs"], ["cat", "cats"]]),
        ("not a dog and a cat", [["dog", "dogs"]]),
        ("no traffic lights at the beach", [["traffic light"]]),
        ("beach NOT (dog OR cat)", [["dog", "cat"]]),
        ('beach without "traffic light"', [["traffic light"]]),
    ],
)
def test_lists_phrases_and_brackets_are_negated(text: str, expected: list[list[str]]) -> None:
    assert excluded(text) == expected


def test_what_is_not_clear_stays_and_the_operator_is_named() -> None:
    found = rewritten("a beach, no red car, people")
    assert found.query == parse_query("a beach, no red car, people")
    assert found.notes == (
        '"no red car" is searched for as it stands; to exclude it, write -red, or -(red car) for '
        "these words together",
    )
    # One part of the query may be several words.
    assert rewritten("no dog 12:30").notes == (
        '"no dog 12:30" is searched for as it stands; to exclude it, write -dog, or -(dog 12 30) '
        "for these words together",
    )


@pytest.mark.parametrize(
    "text",
    ["no", "no, a dog", "without xyzzy", "not only dogs", "no +dog", "no path:dog", "a dog, not"],
)
def test_a_negation_of_nothing_that_is_known_is_text(text: str) -> None:
    assert rewritten(text) == Rewritten(parse_query(text))


@pytest.mark.parametrize("text", ["NOT cat", "a sofa without a cat", "No dog", "Except cats"])
def test_a_text_with_a_negation_is_not_surely_plain(text: str) -> None:
    assert not is_surely_plain(text)
    assert is_surely_plain("notes of a nobody in knots, within reach")


@pytest.mark.parametrize("minus", MINUS_SIGNS)
def test_every_minus_excludes_where_it_stands_before_a_word(minus: str) -> None:
    assert parse_query(f"dog {minus}cat") == replaced(parse_query("dog -cat"), f"dog {minus}cat")
    assert parse_query(f"{minus}(cat OR dog)").items == parse_query("-(cat OR dog)").items
    assert parse_query(f"dog {minus} cat").is_plain
    assert parse_query(f"a 1990{minus}2000 dog").is_plain
    assert not is_surely_plain(f"dog {minus}cat")


@pytest.mark.parametrize("marks", ["“”", "„“", "«»", "»«", "\u2039\u203a", "\uff02\uff02", '"”'])
def test_typographic_quotation_marks_are_quotation_marks(marks: str) -> None:
    text = f"a {marks[0]}traffic light{marks[1]}^2"
    assert parse_query(text).items == parse_query('a "traffic light"^2').items
    assert (
        parse_query(f"path:{marks[0]}my dog{marks[1]}").items == parse_query('path:"my dog"').items
    )
    assert not is_surely_plain(text)


def replaced(parsed, source: str):
    from dataclasses import replace

    return replace(parsed, source=source)


@pytest.mark.parametrize(
    ("text", "sign", "note"),
    [
        ('"red car"', Sign.REQUIRED, 'required together: "red", "car"'),
        ('+"red car"', Sign.REQUIRED, 'required together: "red", "car"'),
        ('-"a red car"', Sign.EXCLUDED, 'excluded together: "red", "car"'),
        ("“cars, red” cats", None, ""),
    ],
)
def test_words_in_quotes_that_are_no_phrase_are_required_together(
    text: str, sign: Sign | None, note: str
) -> None:
    found = rewritten(text)
    if sign is None:  # a word in them is unknown: binding says so
        assert found.notes == ()
        return
    assert found.query.items[0].sign is sign
    assert note in found.notes[0]


def test_a_word_and_a_phrase_in_quotes_are_not_required() -> None:
    for text in ('"dog"', '"traffic lights" beach'):
        assert rewritten(text) == Rewritten(parse_query(text))


@pytest.mark.parametrize(
    "text",
    ["what is this?", "is there a dog?", "where is the dog? on a beach?", "a dog on a beach?",
     "what is this? -cat"],
)  # fmt: skip
def test_a_question_mark_of_a_sentence_is_punctuation(text: str) -> None:
    assert all(term.expanded for term in parse_query(text).terms())


@pytest.mark.parametrize(
    "text", ["dog?", "dog beach?", "a dog? -cat", "a +dog beach?", "(the dog?)"]
)
def test_a_question_mark_elsewhere_is_an_operator(text: str) -> None:
    assert not all(term.expanded for term in parse_query(text).terms())
