"""Finding picture files and reading them the way they are meant to be seen."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from lexret.errors import ImageError, InputError, MissingError
from lexret.pictures.decoding import open_image, read_picture
from lexret.pictures.finding import find_images
from lexret.pictures.formats import EXTENSIONS

RED, WHITE = (255, 0, 0), (255, 255, 255)


def mean_colour(image: Image.Image) -> list[int]:
    assert image.mode == "RGB"
    return np.asarray(image).reshape(-1, 3).mean(axis=0).round().astype(int).tolist()


def two_halves() -> Image.Image:
    """Left red, right blue, 40 x 20."""
    image = Image.new("RGB", (40, 20), RED)
    image.paste((0, 0, 255), (20, 0, 40, 20))
    return image


@pytest.mark.parametrize("ending", ["jpg", "tif", "png", "webp"])
def test_exif_orientation_is_honoured(tmp_path: Path, ending: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise: left becomes top
    path = tmp_path / f"turned.{ending}"
    two_halves().save(path, exif=exif)
    image = open_image(path)
    assert image.size == (20, 40)
    top, bottom = image.crop((0, 0, 20, 18)), image.crop((0, 22, 20, 40))
    assert mean_colour(top)[0] > 240
    assert mean_colour(bottom)[2] > 240
    with path.open("rb") as file:
        picture = read_picture(file, "turned")
    assert (picture.width, picture.height) == (20, 40)


def test_broken_exif_data_do_not_lose_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "exif.jpg"
    two_halves().save(path, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert open_image(path).size == (40, 20)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_on_white(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "clear.png"
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert(mode).save(path)
    assert mean_colour(open_image(path)) == [255, 255, 255]


def test_a_palette_with_a_transparent_colour_is_laid_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (10, 10), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.paste(1, (0, 0, 10, 5))
    for name, transparency in (("index.gif", 0), ("index.png", 0), ("bytes.png", b"\x00\xff")):
        image.save(tmp_path / name, transparency=transparency)
        read = open_image(tmp_path / name)
        assert read.getpixel((2, 2)) == RED
        assert read.getpixel((2, 8)) == WHITE


def test_grey_and_rgb_files_with_a_transparent_colour_are_laid_on_white(tmp_path: Path) -> None:
    Image.new("L", (4, 4), 7).save(tmp_path / "grey.png", transparency=7)
    Image.new("RGB", (4, 4), (1, 2, 3)).save(tmp_path / "rgb.png", transparency=(1, 2, 3))
    assert mean_colour(open_image(tmp_path / "grey.png")) == [255, 255, 255]
    assert mean_colour(open_image(tmp_path / "rgb.png")) == [255, 255, 255]


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_16_bit_grey_is_scaled_and_not_cut_off(tmp_path: Path, ending: str) -> None:
    values = np.array([[0, 257 * 10, 257 * 128, 65535]], dtype=np.uint16)
    path = tmp_path / f"deep.{ending}"
    Image.fromarray(values).save(path)
    assert np.asarray(open_image(path))[0, :, 0].tolist() == [0, 10, 128, 255]


def test_big_endian_16_bit_grey_is_scaled(tmp_path: Path) -> None:
    header = struct.pack(">2sHI", b"MM", 42, 8)
    tags = [
        (256, 3, 4), (257, 3, 1), (258, 3, 16), (259, 3, 1), (262, 3, 1),
        (273, 4, 8 + 2 + 9 * 12 + 4), (277, 3, 1), (278, 3, 1), (279, 4, 8),
    ]  # fmt: skip
    entries = b"".join(
        struct.pack(">HHIHH", tag, kind, 1, value, 0)
        if kind == 3
        else struct.pack(">HHII", tag, kind, 1, value)
        for tag, kind, value in tags
    )
    pixels = np.array([0, 257 * 10, 257 * 128, 65535], dtype=">u2").tobytes()
    path = tmp_path / "big.tif"
    path.write_bytes(header + struct.pack(">H", 9) + entries + struct.pack(">I", 0) + pixels)
    with Image.open(path) as image:
        assert image.mode == "I;16B"
    assert np.asarray(open_image(path))[0, :, 0].tolist() == [0, 10, 128, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 255]], np.int32), [0, 255]),
        (np.array([[0, 65535]], np.int32), [0, 255]),
        (np.array([[0, 2_000_000]], np.int32), [0, 255]),
        (np.array([[-5, 100]], np.int32), [0, 100]),
        (np.array([[0.0, 1.0]], np.float32), [0, 255]),
        (np.array([[np.nan, 200.0]], np.float32), [0, 200]),
    ],
)
def test_wide_grey_is_scaled_by_its_range(
    tmp_path: Path, values: np.ndarray, expected: list[int]
) -> None:
    path = tmp_path / "wide.tif"
    Image.fromarray(values).save(path)
    assert np.asarray(open_image(path))[0, :, 0].tolist() == expected


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    ending = {"CMYK": "jpg", "YCbCr": "jpg"}.get(mode, "png")
    path = tmp_path / f"mode.{ending}"
    Image.new("RGB", (16, 16), WHITE).convert(mode).save(path)
    assert min(mean_colour(open_image(path))) > 250


def test_lab_becomes_rgb(tmp_path: Path) -> None:
    path = tmp_path / "lab.tif"
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(*profiles, "RGB", "LAB")
    lab = ImageCms.applyTransform(Image.new("RGB", (8, 8), WHITE), transform)
    assert lab is not None
    lab.save(path)
    assert min(mean_colour(open_image(path))) > 240


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "tif"])
def test_of_an_animation_the_first_frame_is_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"moving.{ending}"
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, (0, 0, 255))]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    colour = mean_colour(open_image(path))
    assert colour[0] > 240
    assert colour[2] < 15


def reason_of(path: Path, **options: int) -> str:
    with pytest.raises(ImageError) as caught:
        open_image(path, **options)
    assert str(path) in str(caught.value)
    return caught.value.reason


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.touch()
    assert reason_of(path) == "empty file"


def test_a_file_that_is_no_picture_is_told(tmp_path: Path) -> None:
    path = tmp_path / "text.jpg"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    assert reason_of(path) == "not a picture"
    assert reason_of(tmp_path) == "not a picture"


@pytest.mark.parametrize("ending", ["jpg", "png", "gif", "webp", "tif", "bmp", "ppm"])
@pytest.mark.parametrize("part", [0.5, 0.97])
def test_a_picture_cut_short_is_told(tmp_path: Path, ending: str, part: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"cut.{ending}"
    Image.fromarray(noise).save(path)
    os.truncate(path, int(path.stat().st_size * part))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert reason_of(path) in ("truncated", "damaged")


@pytest.mark.parametrize("position", [20, 60, 200])
def test_a_damaged_picture_is_told_or_read(tmp_path: Path, position: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / "damaged.png"
    Image.fromarray(noise).save(path)
    data = bytearray(path.read_bytes())
    data[position : position + 4] = b"\xff\x00\xff\x00"
    path.write_bytes(data)
    assert reason_of(path) in ("truncated", "damaged", "not a picture", "too many pixels")


def bomb(width: int, height: int) -> bytes:
    """A PNG file whose header claims so many pixels and which holds none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_000, 12_000, 60_000])
def test_a_bomb_is_refused_from_its_header_without_a_warning(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(side, side))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert reason_of(path, max_pixels=50_000_000) == "too many pixels"
        with pytest.raises(ImageError, match=r"is too large: [\d, x]+ pixels; at most [\d,]+ pix"):
            open_image(path, max_pixels=50_000_000)
    assert caught == []


def test_a_file_that_the_system_withholds_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "secret.jpg").touch()
    monkeypatch.setattr(Path, "open", refuse)
    assert reason_of(tmp_path / "secret.jpg") == "unreadable"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert reason_of(tmp_path / "pipe.jpg") == "not a picture"


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"gone\.jpg"):
        open_image(tmp_path / "gone.jpg")


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_large_pictures_are_reduced_where_asked(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"large.{ending}"
    Image.new("RGB", (1000, 700), RED).save(path)
    image = open_image(path, min_side=100)
    assert 100 <= min(image.size) < 200
    assert mean_colour(image)[0] > 250
    with path.open("rb") as file:
        picture = read_picture(file, "large", min_side=100)
    assert (picture.width, picture.height) == (1000, 700)
    assert open_image(path, min_side=800).size == (1000, 700)


def test_pictures_are_read_by_many_threads(tmp_path: Path) -> None:
    paths = []
    for number in range(24):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (32, 32), (number * 10, 0, 0)).save(path)
        paths.append(path)
    with ThreadPoolExecutor(8) as pool:
        colours = [mean_colour(image)[0] for image in pool.map(open_image, paths)]
    assert colours == [number * 10 for number in range(24)]


def test_pictures_are_found_in_order_and_hidden_folders_are_not_searched(tmp_path: Path) -> None:
    names = ["b.JPG", "a/z.png", "a/B.webp", "c.txt", ".hidden.jpg", ".lexret/x.jpg", "d.HEIC"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "folder.jpg" / "in.gif").touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)]
    assert found == ["a/B.webp", "a/z.png", "b.JPG", "d.HEIC", "folder.jpg/in.gif"]


def test_links_are_followed_once_and_never_in_a_circle(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    (root / "below").mkdir(parents=True)
    (other / "deep").mkdir(parents=True)
    for path in (root / "below" / "a.jpg", other / "b.jpg", other / "deep" / "c.jpg"):
        path.touch()
    (root / "again").symlink_to(root / "below")
    (root / "up").symlink_to(tmp_path)
    (root / "out").symlink_to(other)
    (root / "out2").symlink_to(other / "deep")
    (other / "back").symlink_to(root)
    (root / "file.jpg").symlink_to(other / "b.jpg")
    (root / "circle.jpg").symlink_to(root / "circle.jpg")
    (root / "broken.jpg").symlink_to(root / "nothing")
    found = [path.relative_to(root).as_posix() for path in find_images(root)]
    assert found == ["below/a.jpg", "file.jpg", "out/b.jpg", "out/deep/c.jpg"]


def test_a_folder_that_cannot_be_listed_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shut").mkdir()
    (tmp_path / "a.jpg").touch()
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if path == tmp_path / "shut":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        list(find_images(tmp_path))
    told: list[Path] = []
    found = find_images(tmp_path, on_unreadable=lambda path, error: told.append(path))
    assert [path.name for path in found] == ["a.jpg"]
    assert told == [tmp_path / "shut"]


def test_a_missing_folder_and_a_file_are_no_folders(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="gone"):
        list(find_images(tmp_path / "gone"))
    (tmp_path / "a.jpg").touch()
    with pytest.raises(InputError, match="is a file"):
        list(find_images(tmp_path / "a.jpg"))


def test_every_extension_is_lower_case_with_a_dot() -> None:
    assert all(one.startswith(".") and one == one.lower() for one in EXTENSIONS)


def test_reading_starts_from_an_open_file() -> None:
    file = io.BytesIO()
    two_halves().save(file, "PNG")
    file.seek(0)
    assert read_picture(file, "memory").image.size == (40, 20)
