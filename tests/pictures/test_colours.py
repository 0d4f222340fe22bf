"""What the numbers of a picture mean: white as 0, wide grey, transparent colours, other spaces."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from lexret.errors import ImageError
from lexret.pictures.colours import shows_something
from lexret.pictures.decoding import open_image, read_picture
from tests.pictures.made import grey_tiff, png, tiff


def read(data: bytes, **options: int) -> Image.Image:
    return read_picture(io.BytesIO(data), "made", **options).image


def greys(data: bytes) -> list[int]:
    image = read(data)
    values = np.asarray(image)
    assert (values[..., 0] == values[..., 2]).all()
    return values[0, :, 0].tolist()


@pytest.mark.parametrize(
    ("photometric", "expected"), [(0, [255, 245, 127, 0]), (1, [0, 10, 128, 255])]
)
def test_white_may_be_0_in_16_bits(photometric: int, expected: list[int]) -> None:
    pixels = struct.pack("<4H", 0, 257 * 10, 257 * 128, 65535)
    assert greys(grey_tiff(pixels, 4, 1, bits=16, photometric=photometric)) == expected


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("photometric", "expected"), [(0, [255, 0, 155]), (1, [0, 255, 100])])
def test_white_may_be_0_in_8_bits(order: str, photometric: int, expected: list[int]) -> None:
    data = grey_tiff(b"\x00\xff\x64", 3, 1, bits=8, photometric=photometric, order=order)
    assert greys(data) == expected


@pytest.mark.parametrize(("photometric", "expected"), [(0, [255, 0]), (1, [0, 255])])
def test_white_may_be_0_in_1_bit(photometric: int, expected: list[int]) -> None:
    assert greys(grey_tiff(b"\x40", 2, 1, bits=1, photometric=photometric)) == expected


@pytest.mark.parametrize(("photometric", "expected"), [(0, [255, 191, 0]), (1, [0, 64, 255])])
def test_white_may_be_0_in_floating_point(photometric: int, expected: list[int]) -> None:
    pixels = struct.pack("<3f", 0, 0.25, 1)
    data = grey_tiff(pixels, 3, 1, bits=32, photometric=photometric, sample_format=3)
    assert greys(data) == expected


def test_12_bits_are_scaled_from_4095() -> None:
    data = grey_tiff(b"\x00\x0f\xff\x80\x00\x00", 3, 1, bits=12, photometric=1)
    assert greys(data) == [0, 255, 128]


def test_what_is_no_number_or_infinite_does_not_darken_the_rest() -> None:
    pixels = struct.pack("<4f", float("nan"), float("inf"), 0.5, 1)
    data = grey_tiff(pixels, 4, 1, bits=32, photometric=1, sample_format=3)
    assert greys(data) == [0, 255, 128, 255]


def test_a_tiff_of_a_kind_that_pillow_does_not_read_is_told() -> None:
    with pytest.raises(ImageError) as caught:
        read(grey_tiff(bytes(6), 3, 1, bits=16, photometric=0, order=">"))
    assert caught.value.reason == "unsupported kind of TIFF"


def test_a_pfm_file_of_numbers_up_to_1_is_not_black() -> None:
    assert greys(b"Pf\n2 1\n-1.0\n" + struct.pack("<2f", 0.5, 1)) == [128, 255]


def test_a_16_bit_png_with_a_transparent_grey_is_laid_on_white() -> None:
    rows = struct.pack(">3H", 0, 257 * 10, 4660)
    assert greys(png(3, 1, 16, 0, rows, transparent=struct.pack(">H", 4660))) == [0, 10, 255]


def test_a_2_bit_png_with_a_transparent_grey_is_laid_on_white() -> None:
    data = png(4, 1, 2, 0, b"\x1b", transparent=struct.pack(">H", 1))
    assert greys(data) == [0, 255, 170, 255]


def test_a_16_bit_rgb_png_with_a_transparent_colour_is_laid_on_white() -> None:
    rows = struct.pack(">6H", 0x1234, 0x5678, 0x9ABC, 0xFF00, 0, 0)
    image = read(png(2, 1, 16, 2, rows, transparent=rows[:6]))
    assert [image.getpixel((x, 0)) for x in range(2)] == [(255, 255, 255), (255, 0, 0)]


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)])
def test_cmyk_keeps_its_colours_inverted_as_adobe_does_or_not(
    tmp_path: Path, colour: tuple[int, int, int]
) -> None:
    cmyk = Image.new("RGB", (16, 16), colour).convert("CMYK")
    for name in ("inverted.jpg", "plain.tif"):
        cmyk.save(tmp_path / name, **({"quality": 95} if name.endswith("jpg") else {}))
        found = open_image(tmp_path / name).getpixel((8, 8))
        assert np.abs(np.subtract(found, colour)).max() <= 4
    assert b"Adobe" in (tmp_path / "inverted.jpg").read_bytes()[:200]


@pytest.mark.parametrize("colour", [(200, 30, 40), (20, 160, 60), (30, 40, 190), (128, 128, 128)])
def test_lab_keeps_its_colours(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(*profiles, "RGB", "LAB")
    lab = ImageCms.applyTransform(Image.new("RGB", (8, 8), colour), transform)
    assert lab is not None
    lab.save(tmp_path / "lab.tif")
    found = open_image(tmp_path / "lab.tif").getpixel((4, 4))
    assert np.abs(np.subtract(found, colour)).max() <= 12  # steps of 8 bits in LAB


def test_signed_lab_of_other_programs_keeps_its_colours() -> None:
    pixels = bytes([137, 0, 0] * 4)  # CIE L* 54 in 255 steps, a* and b* 0: a middle grey
    tags = {256: (4, (2,)), 257: (4, (2,)), 258: (3, (8, 8, 8)), 259: (3, (1,)), 262: (3, (8,)),
            277: (3, (3,)), 278: (4, (2,))}  # fmt: skip
    red, green, blue = read(tiff(tags, pixels)).getpixel((0, 0))  # type: ignore[misc]
    assert max(red, green, blue) - min(red, green, blue) <= 2
    assert abs(green - 128) <= 4


def test_pictures_converted_in_strips_are_those_converted_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    deep = rng.integers(0, 65536, (1201, 1999), dtype=np.uint16)
    clear = rng.integers(0, 256, (1201, 1999, 4), dtype=np.uint8)
    for name, values in (("deep.png", deep), ("clear.png", clear)):
        Image.fromarray(values).save(tmp_path / name, compress_level=1)
        whole = open_image(tmp_path / name)
        assert whole.size == (1999, 1201)
        part = open_image(tmp_path / name, min_side=300)
        assert part.size == (500, 301)
        assert np.array_equal(np.asarray(part), np.asarray(whole.reduce(4)))


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "avif"])
@pytest.mark.parametrize("blank", [(255, 255, 255, 255), (0, 0, 0, 0)])
def test_of_an_animation_the_first_frame_that_shows_something_is_read(
    tmp_path: Path, ending: str, blank: tuple[int, ...]
) -> None:
    path = tmp_path / f"moving.{ending}"
    red = Image.new("RGBA", (16, 16), (255, 255, 255, 255))
    red.paste((255, 0, 0, 255), (0, 0, 8, 16))
    blue = Image.new("RGBA", (16, 16), (0, 0, 255, 255))
    frames = [Image.new("RGBA", (16, 16), blank), Image.new("RGBA", (16, 16), blank), red, blue]
    # Frames of equal content are joined by some writers: each is to last.
    options = {"duration": 100} if ending != "gif" else {"duration": 100, "disposal": 2}
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    red_found, green_found, _ = open_image(path).getpixel((2, 8))  # type: ignore[misc]
    assert red_found > 200
    assert green_found < 60


def test_of_an_animation_without_contrast_the_first_frame_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plain.gif"
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert open_image(path).getpixel((3, 3)) == (255, 0, 0)


def test_an_animation_broken_behind_a_blank_frame_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "cut.gif"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    blank = Image.new("RGB", (64, 64), (255, 255, 255))
    blank.save(path, save_all=True, append_images=[Image.fromarray(noise)])
    path.write_bytes(path.read_bytes()[:-2000])
    assert open_image(path).getpixel((3, 3)) == (255, 255, 255)


def test_compression_noise_shows_nothing() -> None:
    noise = np.random.default_rng(0).integers(120, 126, (16, 16, 3), dtype=np.uint8)
    assert not shows_something(Image.fromarray(noise))
    assert shows_something(Image.fromarray(noise * 2))
