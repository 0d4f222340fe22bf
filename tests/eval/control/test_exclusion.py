"""Exclusion and requirement over vectors whose answer is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from lexret.errors import InputError
from lexret.eval.control.annotated_pictures import AnnotatedPictures
from lexret.eval.control.concepts import Inventory
from lexret.eval.control.exclusion import measure_control
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


class Names:
    """Encodes a word as itself."""

    model_id = "names"

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def encode(self, items: Sequence[str], *, batch_size: int = 32) -> SparseBatch:
        return SparseBatch.from_words([{item: 1.0} for item in items], self.vocabulary)


@pytest.fixture
def pictures(tiny_vocabulary: Vocabulary) -> AnnotatedPictures:
    """Eight pictures of dogs, the first four on a beach; one of a car. Words are as shown."""
    rows = [{"dog": 0.9 - 0.1 * i, "beach": 0.5} for i in range(4)]
    rows += [{"dog": 0.45 - 0.1 * i} for i in range(4)]
    rows += [{"car": 1.0}]
    dog, beach = [True] * 8 + [False], [True] * 4 + [False] * 5
    inventory = Inventory(("dog", "beach"), np.array([dog, beach]))
    dense = np.array([[1.0, 1.0]] * 4 + [[1.0, 0.2]] * 4 + [[0.0, 0.1]], np.float32)
    return AnnotatedPictures(
        SparseBatch.from_words(rows, tiny_vocabulary), dense, inventory, fingerprint=""
    )


def test_excluded_words_are_never_found_and_required_ones_always(
    pictures: AnnotatedPictures, tiny_vocabulary: Vocabulary
) -> None:
    result = measure_control(pictures, Names(tiny_vocabulary), np.eye(2, dtype=np.float32))
    assert result.pairs == (("dog", "beach"),)
    assert result.without["X alone"].second == 50.0
    exact = result.without["X -Y"]
    assert (exact.second, exact.first, exact.good, exact.hits) == (0.0, 100.0, 100.0, 4.0)
    # Nine pictures are fewer than ten: a dense search gives them all, in whatever order.
    assert result.without["dense X - 1 Y"].hits == 9.0
    required = result.required["X +Y"]
    assert (required.second, required.good, required.hits) == (100.0, 100.0, 4.0)
    values = result.as_dict()
    assert values["queries"] == ["dog without beach"]
    assert values["exclusion"]["X -Y"]["Y"] == 0.0


def test_pictures_without_pairs_are_an_error(
    pictures: AnnotatedPictures, tiny_vocabulary: Vocabulary
) -> None:
    with pytest.raises(InputError, match="go together in 5 pictures"):
        measure_control(
            pictures, Names(tiny_vocabulary), np.eye(2, dtype=np.float32), min_pictures=5
        )
