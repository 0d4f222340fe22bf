"""The one way from a text to what is bound to an index, and plain texts beside it."""

from __future__ import annotations

import sys

import pytest

from lexret.engine.query.binding import free_text
from lexret.errors import InputError, QueryError
from lexret.library.asking.reading import read_query
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["dog", "dogs", "beach", "cook", "book", "car", "leash"])


def test_a_query_of_known_words_loads_nothing_of_languages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "lexret.language.reader", None)  # an import would fail
    assert read_query("a dog on the beach -car", WORDS).notes == ()
    with pytest.raises(ImportError):
        read_query("a cookbook", WORDS)


@pytest.mark.parametrize(
    ("query", "text", "notes"),
    [
        ("a cookbook, a dóg", "a cook book, a dog", 2),
        ("+cookbook", "cook book", 1),
        ("a dog without a leash", "a dog", 1),
        ("cookbook? beach", "beach", 1),
        ('"dog cookbook"', "dog cook book", 2),
    ],
)
def test_what_stands_for_unknown_words_goes_on_to_the_encoder(
    query: str, text: str, notes: int
) -> None:
    read = read_query(query, WORDS)
    assert free_text(read.query) == text
    assert len(read.notes) == notes


def test_what_nothing_stands_for_is_an_error_only_where_nothing_is_left() -> None:
    assert read_query("dog xyzzy", WORDS).notes == ("not in the vocabulary: xyzzy",)
    with pytest.raises(InputError, match="Say it with other English words"):
        read_query("xyzzy", WORDS)
    with pytest.raises(InputError, match="English only: this looks like French"):
        read_query("un chien noir", WORDS)
    with pytest.raises(QueryError, match="closes none"):
        read_query("dog)", WORDS)
    told = read_query("xyzzy", WORDS, reads_pieces=lambda: True)
    assert free_text(told.query) == "xyzzy"
    assert read_query("xyzzy dog", WORDS, muted=frozenset({"dog"})).notes[-1].startswith("muted")
