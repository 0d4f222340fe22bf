"""The merge policy on counts alone: which segments it chooses, and when it chooses none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lexret.engine.merge_policy import OpenSegment, choose_merge


class CountedSegment:
    """Segment of which only the number of documents matters."""

    def __init__(self, num_documents: int) -> None:
        self.entry = SimpleNamespace(name=f"of {num_documents}")
        self.num_documents = num_documents

    def __len__(self) -> int:
        return self.num_documents


def opened(num_documents: int, *, num_deleted: int = 0) -> OpenSegment:
    deleted = np.arange(num_documents) < num_deleted if num_deleted else None
    segment: Any = CountedSegment(num_documents)
    return OpenSegment(segment, deleted)


def test_nine_segments_of_a_level_become_one_and_eight_stay() -> None:
    eight = [opened(10) for _ in range(8)]
    assert choose_merge(eight) == []
    nine = [*eight, opened(7999)]  # the largest of level 0
    assert choose_merge(nine) == nine


def test_a_segment_of_a_higher_level_is_left_alone() -> None:
    small, large = [opened(10) for _ in range(8)], opened(8001)
    assert choose_merge([*small, large]) == []
    small.append(opened(10))
    assert choose_merge([*small, large]) == small


@pytest.mark.parametrize(("num_deleted", "is_rewritten"), [(4, False), (5, True), (9, True)])
def test_a_segment_is_rewritten_from_half_its_documents_on(
    num_deleted: int, is_rewritten: bool
) -> None:
    segments = [opened(10), opened(10, num_deleted=num_deleted)]
    assert choose_merge(segments) == ([segments[1]] if is_rewritten else [])


def test_live_documents_decide_the_level() -> None:
    shrunk = opened(12_000, num_deleted=5_000)  # 7,000 are live: level 0
    segments = [*(opened(10) for _ in range(8)), shrunk]
    assert choose_merge(segments) == segments
    assert choose_merge([]) == []
