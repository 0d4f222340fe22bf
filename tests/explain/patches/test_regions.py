import numpy as np
import pytest

from lexret.encoders.protocol import PatchEncoding, PatchGrid
from lexret.errors import InputError
from lexret.explain.patches.regions import patch_number, patches_in_box, telling_patches, vector_of
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


def say(encoding: PatchEncoding, patches: list[int]) -> dict[str, float]:
    return {one.word: one.weight for one in vector_of(encoding, patches).words()}


def test_telling_patches_come_by_the_weight_of_the_words_they_won(
    encoding: PatchEncoding,
) -> None:
    # Won: patch 5 dog 0.75; 3 ball and red 0.625; 0 sky 0.5, which touches 5; 4 grass, too.
    assert telling_patches(encoding) == (5, 3)


def test_patches_that_touch_a_taken_one_are_passed_over() -> None:
    words = Vocabulary([f"w{i}" for i in range(9)])
    weights = [0.9, 0.1, 0.5, 0.1, 0.8, 0.1, 0.4, 0.1, 0.3]
    image = SparseBatch.from_words([dict(zip(words.words, weights, strict=True))], words).row(0)
    patches = SparseBatch.from_words(
        [{word: weight} for word, weight in zip(words.words, weights, strict=True)], words
    )
    encoding = PatchEncoding(image, patches, PatchGrid(3, 3), np.arange(9, dtype=np.int32))
    assert telling_patches(encoding, num_patches=9) == (0, 2, 6, 8)
    assert telling_patches(encoding, num_patches=2) == (0, 2)


def test_equal_patches_come_by_number_and_silent_ones_never() -> None:
    words = Vocabulary(["a", "b"])
    image = SparseBatch.from_words([{"a": 0.5, "b": 0.5}], words).row(0)
    patches = SparseBatch.from_words([{"a": 0.5}, {}, {"b": 0.5}, {}, {}], words)
    encoding = PatchEncoding(image, patches, PatchGrid(1, 5), np.array([0, 2], np.int32))
    assert telling_patches(encoding, num_patches=5) == (0, 2)


def test_fewer_than_one_telling_patch_is_refused(encoding: PatchEncoding) -> None:
    with pytest.raises(InputError, match="found 0"):
        telling_patches(encoding, num_patches=0)


def test_a_region_says_the_maximum_over_its_patches(encoding: PatchEncoding) -> None:
    assert say(encoding, [4, 5]) == {"dog": 0.75, "grass": 0.25}
    assert say(encoding, [7]) == {"ball": 0.25, "red": 0.125}
    assert say(encoding, [0, 6]) == {"sky": 0.5, "hidden": 0.0625, "dog": 0.25}


def test_all_patches_together_say_what_the_picture_says(encoding: PatchEncoding) -> None:
    everything = say(encoding, list(range(8)))
    for one in encoding.image.words():
        assert everything[one.word] == one.weight


def test_a_silent_patch_gives_an_empty_vector(encoding: PatchEncoding) -> None:
    assert len(vector_of(encoding, [2])) == 0


def test_a_region_without_patches_is_refused(encoding: PatchEncoding) -> None:
    with pytest.raises(InputError, match="at least one patch"):
        vector_of(encoding, [])


@pytest.mark.parametrize(
    ("box", "patches"),
    [
        ((0, 0, 400, 200), (0, 1, 2, 3, 4, 5, 6, 7)),
        ((0, 0, 200, 100), (0, 1)),
        ((40, 40, 160, 160), (0, 1, 4, 5)),
        ((60, 0, 150, 100), (1,)),  # no column's centre lies in it: the one under its middle
        ((390, 190, 400, 200), (7,)),
        ((110, 20, 120, 190), (1, 5)),
    ],
)
def test_a_box_holds_the_patches_whose_centres_lie_in_it(
    box: tuple[int, int, int, int], patches: tuple[int, ...]
) -> None:
    assert patches_in_box(PatchGrid(2, 4), box, 400, 200) == patches


@pytest.mark.parametrize(
    "box", [(0, 0, 401, 10), (0, 0, 10, 201), (-1, 0, 9, 9), (5, 5, 5, 9), (9, 5, 5, 9)]
)
def test_a_box_out_of_the_picture_is_refused_with_the_legal_range(
    box: tuple[int, int, int, int],
) -> None:
    with pytest.raises(InputError, match=r"400 x 200 pixels.*x1 <= 400.*y1 <= 200"):
        patches_in_box(PatchGrid(2, 4), box, 400, 200)


def test_patches_are_numbered_row_by_row() -> None:
    places = [(0, 0), (0, 3), (1, 2)]
    assert [patch_number(PatchGrid(2, 4), *place) for place in places] == [0, 3, 6]


@pytest.mark.parametrize("place", [(2, 0), (0, 4), (-1, 0)])
def test_a_patch_outside_the_grid_is_refused_with_the_legal_range(place: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="row from 0 to 1 and a column from 0 to 3"):
        patch_number(PatchGrid(2, 4), *place)
