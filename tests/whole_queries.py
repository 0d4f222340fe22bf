"""Whole queries and documents with fields, drawn at random: what backends are compared by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache

from hypothesis import strategies as st

from lexret.engine.query.filters import (
    DateFields,
    DateFilter,
    Filter,
    NumberFilter,
    path_filter,
    text_filter,
)
from lexret.engine.query.query import AnyOf, Choice, Holds, Query
from lexret.engine.store.columns import FieldValue
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary

DOC_IDS = ["a", "b/c d.jpg", "ä/x", "b/ä.png", "z\udcff", "b/b/c", "10", "9", "Z"]
DAY_S = 86_400
WHEN = DateFields(by_clock="taken_s", by_system="mtime_ns")
JUNE_S = 1_717_200_000  # 2024-06-01 00:00


def row(number: int) -> dict[str, FieldValue]:
    """Fields that depend on a number; some are missing."""
    return {
        "size": number * 1000,
        "mtime_ns": None if number % 5 == 4 else (JUNE_S + number * DAY_S) * 10**9,
        "taken_s": JUNE_S + number * DAY_S if number % 2 else None,
        "ratio": number / 4 if number % 3 else None,
        "camera": None if number % 4 == 3 else ["Leica M", "leica Q", "Canon"][number % 3],
    }


def moments() -> st.SearchStrategy[datetime | None]:
    return st.one_of(
        st.none(), st.datetimes(datetime(2024, 5, 30), datetime(2024, 6, 20)).map(whole_seconds)
    )


def whole_seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def filters() -> st.SearchStrategy[Filter]:
    number = st.one_of(st.none(), st.integers(-1, 9), st.floats(0, 3), st.just(2**70))
    sizes = st.one_of(st.none(), st.integers(0, 9000))
    globs = st.sampled_from(["b/**", "**/c", "b", "*.png", "ä/?", "b/*/c", "[!b]*", "*", "z*"])
    flag = st.booleans()
    return st.one_of(
        st.builds(NumberFilter, st.sampled_from(["ratio", "nothing"]), number, number, flag),
        st.builds(NumberFilter, st.just("size"), sizes, sizes, flag),
        st.builds(DateFilter, st.just(WHEN), moments(), moments(), flag),
        st.builds(lambda glob, negated: path_filter(glob, negated=negated), globs, flag),
        st.builds(
            lambda glob, negated: text_filter("camera", glob, negated=negated),
            st.sampled_from(["leica*", "Canon", "* ?", "*"]),
            flag,
        ),
    )


def conditions(num_words: int) -> st.SearchStrategy[AnyOf]:
    holds = st.builds(Holds, st.integers(0, num_words - 1), st.sampled_from([0.0, 0.0, 0.25, 0.5]))
    return st.builds(AnyOf, st.lists(st.lists(holds, min_size=1, max_size=2).map(tuple),
                                     min_size=1, max_size=3).map(tuple))  # fmt: skip


@cache
def queries(
    words: Vocabulary, weights: tuple[float, ...] = (0.25, 0.5, 1.0, 0.3)
) -> st.SearchStrategy[Query]:
    vectors = st.dictionaries(st.sampled_from(words.words), st.sampled_from(weights),
                              max_size=4).map(lambda one: vector(words, one))  # fmt: skip
    few = st.lists(conditions(len(words)), max_size=2).map(tuple)
    choice = st.lists(vectors, min_size=1, max_size=3).map(lambda one: Choice(tuple(one)))
    return st.builds(
        Query,
        vector=st.one_of(st.none(), vectors),
        choices=st.lists(choice, max_size=2).map(tuple),
        required=few,
        excluded=few,
        filters=st.lists(filters(), max_size=2).map(tuple),
        without=st.lists(st.sampled_from([*DOC_IDS, "gone"]), max_size=2).map(tuple),
    )


def vector(words: Vocabulary, weights: Mapping[str, float]) -> LexicalVector:
    return SparseBatch.from_words([weights], words).row(0)
