import io

import numpy as np
import pytest
from PIL import Image, ImageFont

from lexret.errors import InputError
from lexret.explain.drawing.clouds import (
    MIN_FONT_SIZE,
    PlacedWord,
    add_caption,
    draw_cloud,
    font_path,
)
from lexret.explain.drawing.palette import DARK, LIGHT, Theme
from lexret.sparse import WordWeight

WORDS = [WordWeight(f"word{i:02d}" + "gjy"[i % 3] * (i % 5), 0.9**i) for i in range(40)]


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def luminance(colour: str) -> float:
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def ink_of(one: PlacedWord) -> np.ndarray:
    """Draw a word alone, as large as its box, and tell where its ink is."""
    mask = ImageFont.truetype(font_path(), one.font_size).getmask(one.word)
    return np.array(mask).reshape(mask.size[::-1]) > 0


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("size", [(1000, 640), (600, 400), (364, 244), (300, 900)])
def test_all_words_are_whole_inside_and_apart(size: tuple[int, int], theme: Theme) -> None:
    words = WORDS[:22]
    cloud = draw_cloud(words, width=size[0], height=size[1], theme=theme)
    assert [one.word for one in cloud.words] == [one.word for one in words]
    assert cloud.image.size == size
    expected = np.zeros((size[1], size[0]), dtype=bool)
    for one in cloud.words:
        x0, y0, x1, y1 = one.box
        assert 0 <= x0 < x1 <= size[0]
        assert 0 <= y0 < y1 <= size[1]
        assert not (expected[y0:y1, x0:x1] & ink_of(one)).any(), f"{one.word} covers another"
        expected[y0:y1, x0:x1] |= ink_of(one)
    ground = np.asarray(Image.new("RGB", (1, 1), theme.ground))
    ink = (np.asarray(cloud.image).astype(int) - ground != 0).any(2)
    # The faintest edge of a letter may round to the ground's own colour.
    assert not (ink & ~expected).any()
    assert (expected & ~ink).sum() <= 0.01 * expected.sum()


def test_letters_are_as_tall_as_weights_are_large() -> None:
    words = [WordWeight("four", 0.8), WordWeight("two", 0.4), WordWeight("one", 0.2)]
    sizes = [one.font_size for one in draw_cloud(words, width=800, height=500).words]
    assert sizes[0] >= 60
    assert sizes[1:] == [round(sizes[0] / 2), round(sizes[0] / 4)]


def test_weak_words_stay_readable() -> None:
    words = [WordWeight("strong", 1.0), WordWeight("weak", 0.001)]
    assert draw_cloud(words).words[1].font_size == MIN_FONT_SIZE


def test_slowly_falling_weights_do_not_drift_by_rounding() -> None:
    words = [WordWeight(f"w{i}", 0.99**i) for i in range(40)]
    sizes = [one.font_size for one in draw_cloud(words).words]
    assert sizes == [round(sizes[0] * 0.99**i) for i in range(40)]


def test_the_same_words_give_the_same_bytes() -> None:
    assert png(draw_cloud(WORDS).image) == png(draw_cloud(WORDS).image)


def test_a_word_has_one_colour_in_every_cloud() -> None:
    colours = {one.word: one.colour for one in draw_cloud(WORDS[:10]).words}
    for one in draw_cloud(WORDS[5:10], width=400, height=300).words:
        assert one.colour == colours[one.word]


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_a_word_that_is_not_held_is_grey_and_half_as_high(theme: Theme) -> None:
    words = [WordWeight("cat", 0.6), WordWeight("bridge", 0.5), WordWeight("nose", 0.4)]
    cloud = draw_cloud(words, theme=theme, unheld={"bridge"})
    assert [one.word for one in cloud.words] == ["cat", "nose", "bridge"]
    cat, nose, bridge = cloud.words
    assert (cat.held, nose.held, bridge.held) == (True, True, False)
    assert bridge.colour == theme.faint and nose.colour == theme.colour_of("nose")
    assert bridge.weight == 0.5
    assert bridge.font_size == pytest.approx(cat.font_size * 0.25 / 0.6, abs=1)
    assert nose.font_size == pytest.approx(cat.font_size * 0.4 / 0.6, abs=1)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_every_colour_can_be_read_on_its_ground(theme: Theme) -> None:
    ground = luminance(theme.ground)
    for colour in (*theme.words, theme.ink, theme.faint):
        darker, lighter = sorted([ground, luminance(colour)])
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, colour


def test_one_very_long_word_fits() -> None:
    (one,) = draw_cloud([WordWeight("x" * 30, 1.0)], width=400, height=300).words
    assert one.box[2] - one.box[0] <= 400


def test_an_empty_vector_is_refused() -> None:
    with pytest.raises(InputError, match="no word to draw"):
        draw_cloud([])


def test_words_that_cannot_fit_are_refused() -> None:
    with pytest.raises(InputError, match="40 words do not fit on 120 x 60"):
        draw_cloud(WORDS, width=120, height=60)


def test_the_weakest_words_are_left_out_where_that_is_allowed() -> None:
    placed = draw_cloud(WORDS, width=200, height=120, all_words=False).words
    assert 1 < len(placed) < len(WORDS)
    assert [one.word for one in placed] == [one.word for one in WORDS[: len(placed)]]


def test_a_canvas_without_room_for_one_word_is_refused() -> None:
    with pytest.raises(InputError, match="40 x 40"):
        draw_cloud(WORDS, width=40, height=40, all_words=False)


def test_a_caption_stands_above_the_untouched_cloud() -> None:
    cloud = draw_cloud(WORDS[:5], width=500, height=300).image
    captioned = add_caption(cloud, "patch 1,2", badge="3", badge_colour="#c81d3a")
    strip = captioned.height - cloud.height
    assert captioned.crop((0, strip, 500, captioned.height)).tobytes() == cloud.tobytes()
    assert captioned.getpixel((13, strip // 2)) == (0xC8, 0x1D, 0x3A)
