import numpy as np
import pytest

from lexret.encoders.protocol import PatchEncoding
from lexret.errors import InputError
from lexret.explain.patches.heatmaps import heat_map, upsample


def test_a_map_holds_the_word_s_weight_in_every_patch(encoding: PatchEncoding) -> None:
    assert heat_map(encoding, "dog").tolist() == [[0, 0, 0, 0], [0.125, 0.75, 0.25, 0]]
    assert heat_map(encoding, "sky").tolist() == [[0.5, 0.25, 0, 0], [0, 0, 0, 0]]


def test_the_largest_value_is_the_word_s_weight_in_the_picture(encoding: PatchEncoding) -> None:
    for one in encoding.image.words():
        assert heat_map(encoding, one.word).max() == one.weight


def test_a_word_outside_the_vocabulary_is_refused_with_words_like_it(
    encoding: PatchEncoding,
) -> None:
    with pytest.raises(InputError, match=r"'gras' is not one of the 6 words.*grass"):
        heat_map(encoding, "gras")


def test_upsampling_is_bilinear_between_the_centres_of_patches() -> None:
    # Two patches of 4 pixels: centres at 2 and 6, pixel centres at 0.5, 1.5, ...
    heat = np.array([[0.0, 1.0]], dtype=np.float32)
    expected = [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1]
    assert np.allclose(upsample(heat, 8, 3), [expected] * 3, atol=1e-6)


def test_upsampling_stays_within_the_range_and_has_the_picture_s_shape() -> None:
    heat = np.random.default_rng(0).random((5, 7)).astype(np.float32)
    large = upsample(heat, 333, 111)
    assert large.shape == (111, 333)
    assert large.dtype == np.float32
    assert heat.min() <= large.min() <= large.max() <= heat.max()


def test_a_flat_map_stays_flat() -> None:
    assert upsample(np.full((3, 3), 0.25, np.float32), 10, 10).tolist() == [[0.25] * 10] * 10


def test_a_size_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="0 x 5"):
        upsample(np.ones((2, 2), np.float32), 0, 5)
