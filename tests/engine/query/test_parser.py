"""Reading queries: the tree, and errors that point at the place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexret.engine.query.parser import parse_query
from lexret.engine.query.syntax import FieldFilter, Group, Item, Sign, Span, Term
from lexret.errors import QueryError

PLAIN = [
    "",
    "a dog on a beach",
    "  two   dogs, playing!  ",
    " ?! ",
    "a black-and-white t-shirt",
    "man - woman + child",
    "note: a clock at 12:30",
    "a dog's toy & 3/4 of a <cake>",
    "what?!",
    "dog, cat; -- > ^ ?",
    "or and not",
]


@pytest.mark.parametrize("text", PLAIN)
def test_a_text_without_operators_is_plain(text: str) -> None:
    parsed = parse_query(text)
    assert parsed.is_plain
    assert parsed.source == text
    assert [item.node.text for item in parsed.items if isinstance(item.node, Term)] == text.split()


def only(text: str) -> Item:
    (item,) = parse_query(text).items
    return item


def test_signs_marks_and_phrases() -> None:
    assert only("+dog") == Item(Sign.REQUIRED, Term("dog", Span(1, 4)))
    assert only(" -dog>.25") == Item(Sign.EXCLUDED, Term("dog", Span(2, 9), threshold=0.25))
    assert only("dog^2.5") == Item(Sign.NONE, Term("dog", Span(0, 7), weight=2.5))
    assert only("lake?") == Item(Sign.NONE, Term("lake", Span(0, 5), expanded=False))
    assert only('+"traffic   light"?^3').node == Term(
        "traffic light", Span(1, 21), quoted=True, expanded=False, weight=3.0
    )
    assert not only('"dog"').is_plain


def test_groups_hold_alternatives_of_terms() -> None:
    node = only('+(beach OR "traffic light"^2 red? OR lake)^3').node
    assert isinstance(node, Group)
    assert node.weight == 3.0
    assert [[term.text for term in one] for one in node.alternatives] == [
        ["beach"],
        ["traffic light", "red"],
        ["lake"],
    ]
    assert [item.sign for item in parse_query("dog(a b)-(c OR d)cat").items] == [
        Sign.NONE,
        Sign.NONE,
        Sign.EXCLUDED,
        Sign.NONE,
    ]


def test_filters_hold_a_name_and_a_value() -> None:
    parsed = parse_query('date:2024-06.. -path:"my holiday/**" iso:(1)')
    assert [(i.sign, i.node.name, i.node.value) for i in parsed.items
            if isinstance(i.node, FieldFilter)] == [
        (Sign.NONE, "date", "2024-06.."),
        (Sign.EXCLUDED, "path", "my holiday/**"),
        (Sign.NONE, "iso", "(1)"),
    ]  # fmt: skip


WRONG = [
    ('a "dog', 2, 3, "never closed"),
    ('a "" dog', 2, 4, "A word is expected"),
    ('path:"x', 5, 6, "never closed"),
    ('path:""', 5, 7, "A value is expected"),
    ("a (dog OR cat", 2, 3, "never closed"),
    ("dog)", 3, 4, "closes none"),
    ("dog OR cat", 4, 6, "joins alternatives in brackets"),
    ("(dog OR )", 8, 9, "A word is expected before"),
    ("(OR dog)", 1, 3, "A word is expected before"),
    ("()", 1, 2, "A word is expected before"),
    ("(dog -cat)", 5, 6, "before the whole bracket"),
    ("(dog (cat))", 5, 6, "inside brackets"),
    ("(dog date:2024)", 5, 15, "outside of brackets"),
    ("dog^x", 3, 5, "A number from 0 to 1000"),
    ("dog^", 3, 4, "A number from 0 to 1000"),
    ("dog^-1", 3, 6, "A number from 0 to 1000"),
    ("dog^1001", 3, 8, "A number from 0 to 1000"),
    ("dog^nan", 3, 7, "A number from 0 to 1000"),
    ("+dog>1a", 4, 7, "as in -dog>0.1"),
    ("dog^2^3", 5, 6, "stands here twice"),
    ("dog??", 4, 5, "stands here twice"),
    ("dog>0.5", 0, 7, r"\+dog>0.5 or -dog>0.5"),
    ("-dog^2", 1, 6, "no weight"),
    ("-(dog)^2", 6, 8, "no weight"),
    ("(dog)?", 5, 6, "Only a weight"),
    ("(dog)^2?", 5, 8, "Only a weight"),
]


@pytest.mark.parametrize(("text", "start", "end", "message"), WRONG)
def test_errors_point_at_the_place(text: str, start: int, end: int, message: str) -> None:
    with pytest.raises(QueryError, match=message) as caught:
        parse_query(text)
    assert (caught.value.start, caught.value.end) == (start, end)
    shown, pointer = str(caught.value).split("\n")[-2:]
    assert shown == f"  {text}"
    assert pointer == "  " + " " * start + "^" + "~" * (end - start - 1)


def test_the_pointer_stands_below_its_column_in_wide_long_and_broken_texts() -> None:
    with pytest.raises(QueryError) as caught:
        parse_query("海辺\t\x07 dog^")
    assert str(caught.value).split("\n")[1:] == ["  海辺 \ufffd dog^", "  " + " " * 10 + "^"]
    with pytest.raises(QueryError) as caught:
        parse_query("word " * 60 + "dog^x")
    shown, pointer = str(caught.value).split("\n")[1:]
    assert shown.startswith("  ... ")
    assert shown[pointer.index("^") :] == "^x"
    assert len(shown) < 80


@given(st.text(alphabet='ab1 \t()"+-?^>.:OR/*é海', max_size=24))
def test_any_text_is_read_or_refused_at_a_place_within_it(text: str) -> None:
    try:
        parsed = parse_query(text)
    except QueryError as error:
        assert 0 <= error.start <= len(text)
        assert error.start <= error.end <= len(text) + 1
        assert str(error).split("\n")[-1].strip().startswith("^")
    else:
        for item in parsed.items:
            if isinstance(item.node, Term):
                span = item.node.span
                assert item.node.text.split()[0] in text[span.start : span.end]
