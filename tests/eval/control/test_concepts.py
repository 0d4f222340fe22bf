"""Which pictures show what, by captions and by masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lexret.errors import InputError
from lexret.eval.control.concepts import Concept, Inventory, caption_concepts
from lexret.eval.patches.masks import MaskedImage, MaskedImages

CONCEPTS = (
    Concept("dog", frozenset({"dog", "pupp"})),
    Concept("car", frozenset({"car"})),
    Concept("cat", frozenset({"cat"})),
)


def test_captions_show_a_concept_by_any_of_its_words_in_either_number() -> None:
    captions = [["Two dogs run.", "A car"], ["A car."], ["a carpet"]]
    found = Inventory.of_captions(captions, CONCEPTS)
    assert found.shown_CI.tolist() == [[True, False, False], [True, True, False], [False] * 3]
    with pytest.raises(InputError, match="no pictures"):
        Inventory.of_captions([])


def test_known_concepts_have_distinct_names_and_know_their_plurals() -> None:
    concepts = caption_concepts()
    assert len({concept.name for concept in concepts}) == len(concepts)
    found = Inventory.of_captions([["Women on buses and horses"]])
    names = [name for name, shown in zip(found.names, found.shown_CI[:, 0], strict=True) if shown]
    assert names == ["horse", "woman", "bus"]


def test_masks_show_their_classes_and_names_that_are_said_alike_are_one() -> None:
    masks = {"a": np.array([[1, 2]]), "b": np.array([[0, 3]])}
    items = tuple(MaskedImage(name, Path(name), Path(name)) for name in masks)
    classes = {1: "wall-other-merged", 2: "dog", 3: "wall-stuff"}
    pictures = MaskedImages(items, classes, lambda item: masks[item.name])
    found = Inventory.of_masks(pictures)
    assert found.names == ("wall", "dog")
    assert found.shown_CI.tolist() == [[True, True], [True, False]]


def test_pairs_are_ordered_by_how_much_more_than_chance_they_go_together() -> None:
    shown = np.array([[1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 0], [1, 0, 1, 0, 1, 1]], dtype=bool)
    inventory = Inventory(("dog", "car", "cat"), shown)
    found = inventory.pairs(min_both=1, min_first_only=1, max_pairs=9)
    # Car never comes without dog, so that it can only be the second.
    assert found[0] == (0, 1)
    assert (1, 0) not in found
    assert inventory.pairs(min_both=2, min_first_only=1, max_pairs=1) == [(0, 1)]
