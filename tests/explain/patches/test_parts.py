"""Parts of a picture, masks, and the patches that answer a text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lexret.encoders.protocol import PatchEncoding, PatchGrid
from lexret.errors import InputError, MismatchError
from lexret.explain.explanation import TextQuery, explain_picture
from lexret.explain.explanation_json import from_json, to_json
from lexret.explain.patches.parts import cut_into_parts, relevant_patches
from lexret.explain.patches.regions import patches_in_mask
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


def test_the_patches_that_answer_a_text_come_best_first(
    encoding: PatchEncoding, words: Vocabulary
) -> None:
    query = SparseBatch.from_words([{"dog": 1.0, "grass": 0.5}], words).row(0)
    found = relevant_patches(encoding, query, num_patches=3)
    assert [one.place for one in found] == [(1, 1), (1, 0), (1, 2)]  # 0.8125, then a tie of 0.25
    assert [one.score for one in found] == [0.8125, 0.25, 0.25]
    for one in found:
        assert math.fsum(word.product for word in one.words) == one.score


def test_patches_that_share_no_word_are_not_relevant(
    encoding: PatchEncoding, words: Vocabulary
) -> None:
    query = SparseBatch.from_words([{"red": 1.0}], words).row(0)
    assert len(relevant_patches(encoding, query, num_patches=8)) == 2


def test_a_text_of_other_words_is_refused(encoding: PatchEncoding) -> None:
    other = SparseBatch.from_words([{"dog": 1.0}], Vocabulary(["dog"])).row(0)
    with pytest.raises(MismatchError):
        relevant_patches(encoding, other)


def test_parts_cover_the_picture_and_hold_together(encoding: PatchEncoding) -> None:
    for num_parts in range(1, 9):
        parts = cut_into_parts(encoding, num_parts=num_parts)
        assert len(parts) == num_parts
        assert sorted(patch for part in parts for patch in part) == list(range(8))
        for part in parts:
            reached, open_ = {part[0]}, [part[0]]
            while open_:
                row, col = divmod(open_.pop(), 4)
                steps = ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1))
                for r, c in steps:
                    if 0 <= r < 2 and 0 <= c < 4 and r * 4 + c in set(part) - reached:
                        reached.add(r * 4 + c)
                        open_.append(r * 4 + c)
            assert reached == set(part)


def test_patches_that_say_the_same_become_one_part(words: Vocabulary) -> None:
    left, right = {"sky": 0.5}, {"grass": 0.5}
    rows = [left, left, right, right] * 2
    encoding = PatchEncoding(
        image=SparseBatch.from_words([{"sky": 0.5, "grass": 0.5}], words).row(0),
        patches=SparseBatch.from_words(rows, words),
        grid=PatchGrid(2, 4),
        winning_patches=np.array([0, 2], dtype=np.int32),
    )
    assert set(cut_into_parts(encoding, num_parts=2)) == {(0, 1, 4, 5), (2, 3, 6, 7)}


def test_a_mask_means_the_patches_it_covers_by_half() -> None:
    grid = PatchGrid(2, 4)
    mask = np.zeros((20, 40), dtype=np.uint8)
    mask[:, :15] = 255  # the first column, and half of the second
    assert patches_in_mask(grid, Image.fromarray(mask)) == (0, 1, 4, 5)
    small = np.zeros((20, 40), dtype=np.uint8)
    small[12, 33] = 1
    assert patches_in_mask(grid, Image.fromarray(small)) == (7,)


def test_an_empty_mask_and_one_of_another_shape_are_refused(
    photo: Image.Image, encoder: Any
) -> None:
    with pytest.raises(InputError, match="all black"):
        explain_picture(photo, encoder, masks=[Image.new("L", (400, 200))])
    with pytest.raises(InputError, match="same shape"):
        explain_picture(photo, encoder, masks=[Image.new("L", (200, 400), 255)])


def test_masks_and_parts_have_clouds_of_their_own(photo: Image.Image, encoder: Any) -> None:
    mask = Image.new("L", (40, 20))
    mask.paste(255, (0, 0, 10, 20))
    explained = explain_picture(photo, encoder, masks=[mask], num_parts=2)
    assert [one.name for one in explained.regions] == ["mask", "part-1", "part-2"]
    assert explained.regions[0].places == ((0, 0), (1, 0))
    assert explained.regions[0].region.box == (0, 0, 100, 200)
    assert {one.word for one in explained.regions[0].words} == {"sky", "hidden", "grass", "dog"}
    assert from_json(to_json(explained)) == explained


def test_an_explanation_of_version_1_is_read(photo: Image.Image, encoder: Any) -> None:
    vector = encoder.encode([photo]).row(0)
    explained = explain_picture(photo, encoder, query=TextQuery("all", vector))
    assert explained.hit is not None and explained.hit.patches
    text = to_json(explained).replace('"version": 3', '"version": 1')
    before, _, _ = text.partition(', "patches": [{"patch"')
    assert from_json(before + "}\n}").hit is not None
