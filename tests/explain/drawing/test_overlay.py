import pytest
from PIL import Image

from lexret.explain.drawing.overlay import Mark, draw_overlay, fit_for_display
from lexret.explain.drawing.palette import region_colour

GREY = (128, 128, 128)
DARK, PALE = (0x10, 0x14, 0x18), (255, 255, 255)


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def column(image: Image.Image, x: int, y0: int, y1: int) -> list[object]:
    return [image.getpixel((x, y)) for y in range(y0, y1)]


def test_an_outline_is_dark_coloured_and_pale_from_the_edge_inwards() -> None:
    photo = Image.new("RGB", (560, 400), GREY)
    drawn = draw_overlay(photo, [Mark(1, (100, 80, 400, 300))])
    red = rgb(region_colour(1))
    assert column(drawn, 300, 79, 85) == [GREY, DARK, red, red, PALE, GREY]
    assert column(drawn, 300, 295, 301) == [GREY, PALE, red, red, DARK, GREY]
    assert [drawn.getpixel((x, 200)) for x in range(99, 105)] == [GREY, DARK, red, red, PALE, GREY]
    assert [drawn.getpixel((x, 200)) for x in range(395, 401)] == [GREY, PALE, red, red, DARK, GREY]


def test_the_number_stands_in_the_corner_and_the_rest_is_untouched() -> None:
    photo = Image.new("RGB", (560, 400), GREY)
    drawn = draw_overlay(photo, [Mark(2, (100, 80, 400, 300))])
    badge = drawn.crop((100, 80, 123, 103))
    colours = {colour for _, colour in badge.getcolors(10_000)}
    assert {rgb(region_colour(2)), PALE} <= colours
    assert drawn.crop((130, 110, 390, 290)).getcolors() == [(260 * 180, GREY)]
    assert drawn.crop((0, 0, 560, 57)).getcolors() == [(560 * 57, GREY)]


def test_boxes_scale_with_a_smaller_copy_of_the_picture() -> None:
    small = Image.new("RGB", (560, 280), GREY)
    drawn = draw_overlay(small, [Mark(1, (1000, 400, 3000, 1600))], measured_in=(4000, 2000))
    assert drawn.size == (560, 280)
    assert column(drawn, 300, 55, 57) == [GREY, DARK]
    assert column(drawn, 300, 223, 225) == [DARK, GREY]


def test_numbers_of_boxes_with_one_corner_do_not_cover_each_other() -> None:
    photo = Image.new("RGB", (560, 400), GREY)
    marks = [Mark(n, (100, 80, 400, 300)) for n in range(1, 7)]
    drawn = draw_overlay(photo, marks)
    for n in range(1, 7):
        amount = sum(
            count for count, colour in drawn.getcolors(99_999) if colour == rgb(region_colour(n))
        )
        assert amount > 200, n


def test_the_number_of_a_small_box_stands_beside_it() -> None:
    photo = Image.new("RGB", (560, 400), GREY)
    drawn = draw_overlay(photo, [Mark(1, (200, 200, 230, 230))])
    assert drawn.getpixel((215, 215)) == GREY


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((800, 600), (800, 600)),
        ((64, 32), (640, 320)),
        ((6400, 3200), (1600, 800)),
        ((5000, 1), (1600, 1)),
        ((1, 20), (32, 640)),
    ],
)
def test_pictures_are_shown_at_a_sane_size(size: tuple[int, int], shown: tuple[int, int]) -> None:
    assert fit_for_display(Image.new("RGB", size)).size == shown


def test_the_picture_itself_is_not_changed() -> None:
    photo = Image.new("RGB", (700, 500), GREY)
    draw_overlay(photo, [Mark(1, (0, 0, 700, 500))])
    assert photo.getcolors() == [(700 * 500, GREY)]
