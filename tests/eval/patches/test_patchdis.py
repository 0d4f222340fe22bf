"""PatchDis by hand: pixels in patches, winners, overlap, baselines."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from lexret.encoders.protocol import PatchGrid
from lexret.errors import InputError
from lexret.eval.patches.masks import MaskedImage, MaskedImages, spoken
from lexret.eval.patches.patchdis import PatchDisResult, PatchTruth, winners
from lexret.eval.patches.patchdis_model import class_vectors, measure_patchdis

GRID = PatchGrid(2, 2)
# Class 0 fills the left half, class 1 the lower right quarter; the rest has no name.
MASK = np.array([[0, 0, -1, -1], [0, 0, -1, -1], [0, 0, 1, 1], [0, 0, 1, 1]], dtype=np.int32)


def truth_of(*masks: np.ndarray, num_classes: int = 3) -> PatchTruth:
    truth = PatchTruth(num_classes)
    for mask in masks:
        truth.add(mask, GRID)
    return truth


def pixels_of(truth: PatchTruth, patch: int) -> list[int]:
    """Pixels of each class in a patch of the only picture: what it gets right if it says the class,
    and no other patch says anything."""
    said = [np.where(np.arange(len(GRID)) == patch, k, -1) for k in range(3)]
    return [int(truth.overlap([classes]).both_NK[0, k]) for k, classes in enumerate(said)]


def test_pixels_are_counted_in_the_patch_of_their_centre() -> None:
    counts = [pixels_of(truth_of(MASK), patch) for patch in range(4)]
    assert counts == [[4, 0, 0], [0, 0, 0], [4, 0, 0], [0, 4, 0]]
    odd = truth_of(np.zeros((1, 3), np.int32))
    # The centre of the middle pixel of three lies in the right half, that of the row below.
    assert [pixels_of(odd, patch)[0] for patch in range(4)] == [0, 0, 1, 2]


def test_overlap_counts_named_pixels_only() -> None:
    # Right, anything (no named pixel), wrong (says 1), right.
    overlap = truth_of(MASK).overlap([np.array([0, 2, 1, 1])])
    np.testing.assert_allclose(overlap.iou_K(), [50.0, 50.0, 0.0])
    assert overlap.present_K.tolist() == [True, True, False]
    assert overlap.miou() == 50.0
    assert overlap.accuracy() == pytest.approx(100 * 8 / 12)


def test_a_patch_that_says_nothing_misses_but_takes_nothing_from_others() -> None:
    overlap = truth_of(MASK).overlap([np.array([0, -1, -1, 1])])
    np.testing.assert_allclose(overlap.iou_K(), [50.0, 100.0, 0.0])


def test_pixels_of_all_pictures_are_added_up_before_dividing() -> None:
    whole = np.zeros((2, 2), np.int32)
    truth = truth_of(MASK, whole)
    overlap = truth.overlap([np.array([1, 1, 1, 1]), np.array([0, 0, 0, 0])])
    # Class 0: 4 of 12 right, none wrongly given; class 1: 4 right, 8 wrongly given.
    np.testing.assert_allclose(overlap.iou_K(), [100 / 3, 100 / 3, 0.0])
    interval = overlap.interval()
    assert interval.low <= overlap.miou() <= interval.high


def test_the_majority_and_chance_are_what_they_are_called() -> None:
    truth = truth_of(MASK)
    np.testing.assert_allclose(truth.majority().iou_K(), [100 * 8 / 12, 0.0, 0.0])
    many = truth_of(*[np.full((2, 2), i % 3, np.int32) for i in range(300)])
    # A third of each class is right by chance: 1/3 of 1/3 over 1/3 + 1/3 - 1/9.
    assert many.random().miou() == pytest.approx(20.0, abs=1.5)


def test_winners_are_the_first_of_equals_and_silence_is_none() -> None:
    scores = np.array([[0.1, 0.3, 0.3], [0.0, 0.0, 0.0], [0.2, 0.0, 0.1]])
    assert winners(scores).tolist() == [1, -1, 0]


def test_masks_without_a_named_pixel_are_an_error() -> None:
    with pytest.raises(InputError, match="No pixel"):
        truth_of(np.full((2, 2), -1, np.int32)).overlap([np.zeros(4, np.int64)])


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("wall-other-merged", "wall"),
        ("sky-other-merged", "sky"),
        ("door-stuff", "door"),
        ("window-blind", "window blind"),
        ("Column_Pole", "column pole"),
        ("CarLuggagePram", "car luggage pram"),
        ("traffic light", "traffic light"),
        ("TV", "tv"),
    ],
)
def test_names_are_said_as_people_say_them(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.fixture
def scenes(tmp_path) -> MaskedImages:
    masks = {}
    items = []
    for name, colour in (("one", (200, 30, 30)), ("two", (30, 30, 200))):
        path = tmp_path / f"{name}.png"
        Image.new("RGB", (60, 40), colour).save(path)
        items.append(MaskedImage(name, path, path))
        masks[name] = np.repeat([[1, 2]], 30, axis=1).repeat(40, axis=0)
    return MaskedImages(tuple(items), {1: "red", 2: "blue sky"}, lambda item: masks[item.name])


def test_a_model_is_measured_with_its_baselines(scenes: MaskedImages, tiny_model_folder) -> None:
    from lexret.encoders import load_model

    told: list[tuple[int, int]] = []
    model = load_model(tiny_model_folder)
    result, maps = measure_patchdis(
        scenes, model, progress=lambda done, total: told.append((done, total))
    )
    assert isinstance(result, PatchDisResult)
    values = result.as_dict()
    assert list(values["baselines"]) == ["random", "majority", "class_activation", "dense"]
    # This backbone has no head that lexret knows.
    assert values["baselines"]["class_activation"] is None
    assert values["baselines"]["majority"] == 25.0
    assert list(values["classes"]) == ["red", "blue sky"]
    assert 0 <= values["miou"] <= 100
    assert told == [(1, 2), (2, 2)]
    assert [len(classes) for classes in maps.predicted] == [9, 9]


def test_class_vectors_are_means_of_prompts_of_length_one(tiny_model_folder) -> None:
    from lexret.encoders import load_model

    model = load_model(tiny_model_folder)
    vectors = class_vectors(["dog", "red car"], model, ["{name}", "a {name} on the beach"])
    lengths = np.sqrt(vectors.to_scipy().power(2).sum(axis=1)).ravel()
    np.testing.assert_allclose(np.asarray(lengths), 1.0, rtol=1e-5)
    assert vectors.row(0).weight_of("beach") > 0
    with pytest.raises(InputError, match=r"expected \{name\}"):
        class_vectors(["dog"], model, ["a dog"])
