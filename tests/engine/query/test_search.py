"""Whole queries: what each operator means.

That the answers are right is held for every backend in tests/interop/backends/.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from oracle import ExactIndex
from whole_queries import DAY_S, JUNE_S, WHEN, vector

from lexret.engine import open_index
from lexret.engine.query.binding import Examples, bind_query, free_text
from lexret.engine.query.filters import (
    DateFilter,
    FieldAliases,
    Filter,
    NumberFilter,
    TextFilter,
    path_filter,
    text_filter,
)
from lexret.engine.query.globs import Name
from lexret.engine.query.parser import parse_query
from lexret.engine.query.query import AnyOf, Choice, Holds, Query
from lexret.errors import InputError, MismatchError, QueryError
from lexret.sparse import LexicalVector
from lexret.vocabulary import Vocabulary

RIVALS = {"dog": "cat", "lake": "beach", "beach": "lake", "red": "sky"}


class Letters:
    """A text encoder: every known word with weight 0.8, and a rival of it with 0.6."""

    def __init__(self, words: Vocabulary) -> None:
        self.words = words
        self.asked: list[str] = []

    def __call__(self, text: str) -> LexicalVector:
        self.asked.append(text)
        known = [self.words.words[one] for one in self.words.match(text)[0]]
        weights = {RIVALS.get(word, word): 0.6 for word in known}
        return vector(self.words, weights | dict.fromkeys(known, 0.8))


ALIASES = FieldAliases(
    dates={"date": WHEN}, sizes=frozenset({"size"}), hint="Index again.", given_hint="Or give it."
)
COLUMNS = {"size": "int64", "mtime_ns": "int64", "camera": "text", "ratio": "float64"}


@pytest.fixture
def bind(words: Vocabulary):
    encoder = Letters(words)

    def bound(text: str, **options: object) -> Query:
        encoder.asked.clear()
        return bind_query(  # type: ignore[arg-type]
            parse_query(text), words, COLUMNS, encoder, aliases=ALIASES, **options
        )

    bound.encoder = encoder  # type: ignore[attr-defined]
    return bound


def weights_of(one: LexicalVector | None) -> dict[str, float]:
    assert one is not None
    return {word.word: round(word.weight, 4) for word in one.words()}


def test_plain_text_goes_to_the_encoder_as_it_is(words, bind) -> None:
    query = bind("  a dog,  on a beach ")
    assert bind.encoder.asked == ["  a dog,  on a beach "]
    assert weights_of(query.vector) == weights_of(Letters(words)("a dog on a beach"))
    assert not query.choices
    assert not query.has_conditions


def test_required_and_weighted_words_stay_in_the_text(words, bind) -> None:
    query = bind('a red +dog with "traffic light"^2 -sky -cat>0.2')
    assert bind.encoder.asked == ["a red dog with traffic light"]
    assert weights_of(query.vector) == {"dog": 0.8, "red": 0.8, "traffic light": 1.6}
    holds = {name: words.term_id(name) for name in ("dog", "sky", "cat")}
    assert query.required == (AnyOf(((Holds(holds["dog"]),),)),)
    assert query.excluded == (
        AnyOf(((Holds(holds["sky"]),),)),
        AnyOf(((Holds(holds["cat"], 0.2),),)),
    )


def test_a_question_mark_keeps_a_word_from_the_encoder(bind) -> None:
    assert weights_of(bind("lake?").vector) == {"lake": 1.0}
    assert bind.encoder.asked == []
    assert weights_of(bind("dog lake?^0.5").vector) == {"dog": 0.8, "cat": 0.6, "lake": 0.5}
    assert bind.encoder.asked == ["dog"]


def test_alternatives_are_encoded_one_by_one_and_the_better_counts(
    words, bind, batch, make_index, tmp_path: Path
) -> None:
    query = bind("+(beach? OR a red lake)^2")
    assert query.vector is None
    assert bind.encoder.asked == ["a red lake"]
    (choice,) = query.choices
    assert [weights_of(one) for one in choice.alternatives] == [
        {"beach": 2.0},
        {"lake": 1.6, "red": 1.6, "beach": 1.2, "sky": 1.2},
    ]
    make_index(tmp_path, ["beach", "both", "half"],
               batch({"beach": 0.5}, {"lake": 0.5, "red": 0.5}, {"red": 1.0}))  # fmt: skip
    index = open_index(tmp_path)
    hits = index.find(query)
    assert [hit.doc_id for hit in hits] == ["both", "beach"]
    assert [hit.score for hit in hits] == pytest.approx([1.6, 1.0])
    assert [one.doc_id for one in index.find(bind("(beach? OR a red lake)"))] == [
        "both",
        "half",
        "beach",
    ]


def test_a_query_that_scores_nothing_lists_what_meets_its_conditions(
    bind, batch, make_index, tmp_path: Path
) -> None:
    make_index(tmp_path, ["b", "a", "c"], batch({"dog": 1.0}, {}, {"cat": 1.0}))
    hits = open_index(tmp_path).find(bind("-cat"))
    assert [(hit.doc_id, hit.score, hit.rank) for hit in hits] == [("a", 0.0, 1), ("b", 0.0, 2)]


def test_pictures_and_words_add_up_and_words_of_a_picture_are_turned_down(words, bind) -> None:
    picture = vector(words, {"dog": 0.5, "lake": 0.5, "sky": 0.5})
    parts = Examples((picture,), without=("a.jpg",))
    query = bind("red dog^0.5 lake^0 -sky", examples=parts)
    assert bind.encoder.asked == ["red"]
    assert weights_of(query.vector) == {"dog": 0.25, "red": 0.8}
    assert query.without == ("a.jpg",)
    assert bind("", examples=parts).vector is picture
    assert free_text(parse_query("red dog^0.5"), has_examples=True) == "red"
    assert free_text(parse_query("red dog^0.5")) == "red dog"


UNKNOWN = [
    ("red +dogg", 5, 9, r"'dogg' is not in the vocabulary of 8 words \(nearest: dog\)\."),
    ("red -dogg", 5, 9, "nearest: dog"),
    ("beech^2", 0, 7, "nearest: beach"),
    ('"red xyzzy"', 0, 11, r"'xyzzy' is not in the vocabulary of 8 words\."),
    ("xyzzy?", 0, 6, "leave it away in plain text"),
    ("-(dog OR xyzzy)", 9, 14, r"'xyzzy' is not in the vocabulary of 8 words\."),
    ("red this?^2", 4, 11, "'this' is not in the vocabulary"),
    ("dog camra:Leica", 4, 9, r"no field 'camra'; there are: camera, date, mtime_ns, path, ratio"),
    ("dog camra:Leica", 4, 9, r"Did you mean camera\? Or give it\. Index again\. If this is no f"),
    ("dog label:bill", 4, 9, r"ratio, size\. Or give it\. Index again\. If this is no filter"),
    ("size:big", 5, 8, "such as 3, 1.5..8"),
    ("size:1XB", 5, 8, "such as 3, 1.5..8"),
    ("ratio:1kB", 6, 9, "expected a number"),
    ("ratio:..", 6, 8, "expected a number"),
    ("ratio:2..1", 6, 10, "less than the first"),
    ("ratio:1/0", 6, 9, "expected a number"),
    ("date:2024-13", 5, 12, "expected a date"),
    ("date:2024-06-31..", 5, 17, "expected a date"),
    ("date:0001", 5, 9, "expected a date"),
    ("date:2024..2023", 5, 15, "before the first"),
    ("camera:[z-a]", 7, 12, "no pattern"),
]


@pytest.mark.parametrize(("text", "start", "end", "message"), UNKNOWN)
def test_what_does_not_fit_the_index_is_pointed_at(
    bind, text: str, start: int, end: int, message: str
) -> None:
    with pytest.raises(QueryError, match=message) as caught:
        bind(text)
    assert (caught.value.start, caught.value.end) == (start, end)


def test_small_words_in_a_condition_are_no_condition(words, bind) -> None:
    query = bind("+(a dog OR the lake)")
    ids = [words.term_id("dog"), words.term_id("lake")]
    assert query.required == (AnyOf(((Holds(ids[0]),), (Holds(ids[1]),))),)


def test_several_words_with_an_operator_count_together(words, bind) -> None:
    red, lake = (Holds(words.term_id(word)) for word in ("red", "lake"))
    assert bind('+"a red lake"').required == (AnyOf(((red, lake),)),)
    query = bind('-"red lake" dog')
    assert query.excluded == (AnyOf(((red, lake),)),)
    assert weights_of(query.vector) == {"dog": 0.8, "cat": 0.6}
    assert weights_of(bind('"red lake"?^2').vector) == {"red": 2.0, "lake": 2.0}
    assert weights_of(bind('"red lake"^0.5').vector) == {
        "red": 0.4, "lake": 0.4, "sky": 0.6, "beach": 0.6,
    }  # fmt: skip


def test_numbers_sizes_and_dates(bind) -> None:
    def read(text: str) -> Filter:
        (one,) = bind(text).filters
        return one

    assert read("size:1MB..2MiB") == NumberFilter("size", 10**6, 2**21)
    assert read("-size:..1.5kB") == NumberFilter("size", None, 1500.0, negated=True)
    assert read("ratio:1/4") == NumberFilter("ratio", 0.25, 0.25)
    assert read("ratio:-3") == NumberFilter("ratio", -3, -3)
    june, july, august = (datetime(2024, month, 1) for month in (6, 7, 8))
    assert read("date:2024-06") == DateFilter(WHEN, june, july)
    assert read("date:2024-06..2024-07") == DateFilter(WHEN, june, august)
    assert read("date:2024-06..") == DateFilter(WHEN, june, None)
    assert read("date:..2023") == DateFilter(WHEN, None, datetime(2024, 1, 1))
    assert read("date:2024-02-29") == DateFilter(WHEN, datetime(2024, 2, 29), datetime(2024, 3, 1))
    assert read("date:2024-06-01T10:30") == DateFilter(
        WHEN, datetime(2024, 6, 1, 10, 30), datetime(2024, 6, 1, 10, 31)
    )
    with pytest.raises(QueryError, match="stores no dates"):
        bind_query(parse_query("date:2024"), bind.encoder.words, {}, bind.encoder, aliases=ALIASES)
    with pytest.raises(QueryError, match="no field 'date'; there are: path"):
        bind_query(parse_query("date:2024"), bind.encoder.words, {}, bind.encoder)


def test_dates_are_when_a_picture_was_taken_else_when_its_file_changed() -> None:
    day = DateFilter(WHEN, datetime(2024, 6, 1), datetime(2024, 6, 2))
    noon = int(datetime(2024, 6, 1, 12).timestamp()) * 10**9
    assert day.meets("a", {"taken_s": JUNE_S, "mtime_ns": 1}.get)
    assert not day.meets("a", {"taken_s": JUNE_S + DAY_S, "mtime_ns": noon}.get)
    assert day.meets("a", {"mtime_ns": noon}.get)
    assert not day.meets("a", {}.get)


PATHS = ["x.jpg", "holiday/x.jpg", "holiday/sea/y.png", "old/holiday/z.jpg", "holidays/x.jpg"]


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("holiday/**", [1, 2]),
        ("holiday/*", [1, 2]),
        ("holiday/", [1, 2, 3]),
        ("/holiday/", [1, 2]),
        ("holiday/*.jpg", [1]),
        ("**/holiday/**", [1, 2, 3]),
        ("**/*.jpg", [0, 1, 3, 4]),
        ("*.jpg", [0, 1, 3, 4]),
        ("holiday", [1, 2, 3]),
        ("holiday?", [4]),
        ("[wx].jpg", [0, 1, 4]),
        ("[!x]*.*", [2, 3]),
        ("HOLIDAY", []),
        ("holiday/[!/]*[^]", []),
    ],
)
def test_globs_of_paths(glob: str, expected: list[int]) -> None:
    one = path_filter(glob)
    assert [i for i, path in enumerate(PATHS) if one.meets(path, {}.get)] == expected
    assert [i for i, path in enumerate(PATHS) if one.meets("?", {"path": path}.get)] == expected


def test_texts_are_compared_whatever_the_case_and_as_a_whole() -> None:
    one = text_filter("camera", "leica*")
    assert one.meets("", {"camera": "Leica\nM"}.get)
    assert not one.meets("", {"camera": "old Leica"}.get)
    assert not one.meets("", {}.get)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (2, 3, ["b", "c"]),
        (1.5, 3.5, ["b", "c"]),
        (None, 2, ["a", "b"]),
        (3, None, ["c", "d"]),
        (3, 2, []),
        (2**70, None, []),
        (None, -(2**70), []),
        (-(2**70), 2**70, ["a", "b", "c", "d"]),
    ],
)
def test_numbers_on_a_bound_are_within_it(
    batch, make_index, tmp_path: Path, low: float | None, high: float | None, expected: list[str]
) -> None:
    fields = {"size": [1, 2, 3, 4], "ratio": [1.0, 2.0, 3.0, 4.0]}
    make_index(tmp_path, list("abcd"), batch(*[{"dog": 1.0}] * 4), fields=fields)
    index = open_index(tmp_path)
    for name, numbers in fields.items():
        wanted = NumberFilter(name, low, high)
        hits = index.find(Query(filters=(wanted,)))
        assert [hit.doc_id for hit in hits] == expected, name
        met = [wanted.meets("", {name: number}.get) for number in numbers]
        assert [doc_id for doc_id, is_met in zip("abcd", met, strict=True) if is_met] == expected


def test_a_filter_of_another_kind_is_asked_document_by_document(
    batch, make_index, tmp_path: Path
) -> None:
    class Even:
        negated = False

        def meets(self, doc_id: str, fields) -> bool:
            return int(fields("number")) % 2 == 0

    make_index(tmp_path, list("abc"), batch(*[{"dog": 1.0}] * 3), fields={"number": [1, 2, 4]})
    hits = open_index(tmp_path).find(Query(filters=(Even(),)))
    assert [hit.doc_id for hit in hits] == ["b", "c"]


def test_wrong_queries_are_refused_by_both(words, batch, make_index, tmp_path: Path) -> None:
    make_index(tmp_path, ["a"], batch({"dog": 1.0}))
    other = vector(Vocabulary(["dog"]), {"dog": 1.0})
    for index in (open_index(tmp_path), ExactIndex(["a"], batch({"dog": 1.0}), model_id="test")):
        with pytest.raises(MismatchError, match="8 words"):
            index.find(Query(choices=(Choice((other,)),)))
        with pytest.raises(InputError, match="k = 0"):
            index.find(Query(), k=0)
        with pytest.raises(InputError, match="expected 0 to 7"):
            index.find(Query(required=(AnyOf(((Holds(8),),)),)))
    with pytest.raises(InputError, match="at least one alternative"):
        Choice(())


def test_a_wanted_prefix_is_no_more_than_a_shortcut() -> None:
    assert path_filter("holiday/a*/b").prefix == "holiday/a"
    assert path_filter("*.jpg").prefix == ""
    assert TextFilter("camera", Name("x")).prefix == ""
