"""Near misses: the surest of those below a level, and how many lower levels would add."""

from __future__ import annotations

import numpy as np

from lexret.library.labelling.near_misses import NearMisses
from lexret.library.labelling.reports import ApplyReport, LabelledPicture, Reach


def taken(sure: list[float], *, at_least: float = 0.5, num_told: int = 3) -> NearMisses:
    near = NearMisses(["dog", "cat"], at_least, num_told)
    for number, each in enumerate(sure):
        near.take("dog", each, lambda n=number, s=each: LabelledPicture(f"{n}", "dog", s, None, ()))
    return near


def test_the_surest_of_many_are_told_in_order_and_those_that_are_sure_are_not() -> None:
    sure = np.random.default_rng(0).random(200).round(2).tolist()
    expected = sorted((-each, f"{n}") for n, each in enumerate(sure) if each < 0.5)[:3]
    assert [(-one.sure, one.doc_id) for one in taken(sure).told()] == expected
    assert taken(sure, num_told=0).told() == ()


def test_each_level_counts_what_is_at_least_as_sure() -> None:
    reach = taken([0.7, 0.5, 0.3, 0.29, 0.05]).reach()
    assert {each.at_least: each.num for each in reach["dog"]} == {
        0.5: 2, 0.4: 2, 0.3: 3, 0.2: 4, 0.1: 4,
    }  # fmt: skip
    assert reach["cat"][0] == Reach(0.5, 0)


def few(sure: list[float], at_least: float = 0.5) -> dict[str, list[tuple[float, int]]]:
    near = taken(sure, at_least=at_least)
    report = ApplyReport({}, 0, 0, (), near.reach(), ())
    return {
        each.class_name: [(level.at_least, level.num) for level in each.lower]
        for each in report.few()
    }


def test_classes_that_few_reach_are_told_the_lower_levels_that_add_some() -> None:
    assert few([0.9, 0.32, 0.31, 0.22, 0.1]) == {"dog": [(0.3, 3), (0.2, 4)], "cat": []}
    assert few([0.9] * 10) == {"cat": []}
    assert few([0.1], at_least=0.2) == {}
