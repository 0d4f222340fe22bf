"""Names of classes: which are made of known words, and how much vectors vary in them."""

from __future__ import annotations

import numpy as np
import pytest

from lexret.library.labelling.names import is_known, known_names, spreads_of
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["dog", "living room", "cup", "coffee", "invoice"])


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("dog", True), ("Dog", True), ("living room", True), ("living-room", True),
        ("a cup of coffee", True), ("aunt-mary", False), ("invoice-2024", False),
        ("my dog", False), ("no dog", False), ("not a dog", False), ("the", False), ("", False),
    ],
)  # fmt: skip
def test_names_are_known_where_they_are_made_of_words_of_the_vocabulary(
    name: str, known: bool
) -> None:
    assert is_known(name, WORDS) is known


def test_spreads_are_standard_deviations_of_products_of_unit_vectors() -> None:
    rows = [{"dog": 2.0}, {"cup": 1.0}, {"dog": 3.0, "cup": 4.0}]
    batches = [SparseBatch.from_words(each, WORDS) for each in (rows[:1], rows[1:])]
    queries = SparseBatch.from_words([{"dog": 1.0}, {"invoice": 1.0}], WORDS)
    assert spreads_of(queries, batches) == pytest.approx([np.std([1.0, 0.0, 0.6]), 0.0])


def test_no_encoder_is_asked_for_where_no_name_is_known() -> None:
    def refuse() -> object:
        raise AssertionError("texts were asked for")

    assert known_names(["aunt-mary", ""], WORDS, refuse, []) == {}  # type: ignore[arg-type]
