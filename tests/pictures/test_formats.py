"""Formats that packages beside Pillow read, and what is said where they are missing."""

from __future__ import annotations

import builtins
import io
import sys
from pathlib import Path

import pytest
from PIL import Image

from lexret.errors import ImageError
from lexret.pictures import formats
from lexret.pictures.decoding import open_image, open_picture, read_picture
from lexret.pictures.formats import HEIF, JPEG_XL, size_before_opening

HEIC_HEAD = b"\x00\x00\x00\x18ftypheic" + bytes(100)


@pytest.mark.parametrize(
    ("head", "wanted"),
    [(HEIC_HEAD, HEIF), (b"\x00\x00\x00\x18ftypmif1" + bytes(50), HEIF),
     (b"\xff\x0a\x41\x00", JPEG_XL), (b"\x00\x00\x00\x0cJXL \r\n\x87\n", JPEG_XL)],
)  # fmt: skip
def test_the_package_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, head: bytes, wanted: formats.OptionalFormat
) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    monkeypatch.delitem(Image.OPEN, wanted.name, raising=False)
    with pytest.raises(ImageError) as caught:
        read_picture(io.BytesIO(head), "it")
    assert f'pip install "lexret[{wanted.extra}]"' in str(caught.value)
    assert wanted.package in str(caught.value)
    assert caught.value.reason == f"{wanted.called}, needs lexret[{wanted.extra}]"


def test_a_package_that_cannot_be_imported_is_told_and_not_taken_for_a_damaged_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pillow_jxl.py").write_text("import a_library_that_is_not_there")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(Image.OPEN, "JXL", raising=False)
    monkeypatch.delitem(sys.modules, "pillow_jxl", raising=False)
    with pytest.raises(ImageError, match="cannot be imported: No module named") as caught:
        read_picture(io.BytesIO(b"\xff\x0a\x41\x00"), "it")
    assert caught.value.reason == "JPEG XL, pillow-jxl-plugin is broken"


def test_a_damaged_heic_file_is_told_where_the_package_is_there() -> None:
    pytest.importorskip("pillow_heif")
    with pytest.raises(ImageError) as caught:
        read_picture(io.BytesIO(HEIC_HEAD), "it")
    assert "pip install" not in str(caught.value)


def test_avif_without_a_fitting_pillow_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_reads_avif", lambda: False)
    monkeypatch.setattr(formats, "_plain_formats", lambda: ("JPEG", "PNG"))
    with pytest.raises(ImageError, match=r"Pillow 11\.3") as caught:
        read_picture(io.BytesIO(b"\x00\x00\x00\x18ftypavif" + bytes(100)), "it")
    assert caught.value.reason == "AVIF, needs Pillow 11.3"


def halves() -> Image.Image:
    """Left red, right blue, 64 x 32."""
    image = Image.new("RGB", (64, 32), (255, 0, 0))
    image.paste((0, 0, 255), (32, 0, 64, 32))
    return image


def near(image: Image.Image, place: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    found = image.getpixel(place)
    return all(abs(a - b) < 40 for a, b in zip(found, colour, strict=True))  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", ["heic", "avif", "jxl"])
def test_a_modern_picture_is_read_upright(tmp_path: Path, ending: str) -> None:
    if ending == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    elif ending == "jxl":
        pytest.importorskip("pillow_jxl")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise: left becomes top
    exif[0x010F] = "Leica"
    path = tmp_path / f"turned.{ending}"
    turned = ending != "jxl"
    halves().save(path, **({"exif": exif.tobytes()} if turned else {}))
    picture = open_picture(path)
    assert (picture.width, picture.height) == ((32, 64) if turned else (64, 32))
    assert near(picture.image, (4, 4), (255, 0, 0))
    assert near(picture.image, (28, 60) if turned else (60, 28), (0, 0, 255))
    if turned:
        assert picture.tags.camera == "Leica"


@pytest.mark.parametrize("size", [(8, 8), (16, 8), (256, 256), (100, 75), (301, 7), (5, 3000)])
def test_the_size_of_a_jpeg_xl_file_is_read_from_its_header(size: tuple[int, int]) -> None:
    pytest.importorskip("pillow_jxl")
    for options in ({}, {"use_container": True}):
        file = io.BytesIO()
        Image.new("RGB", size, (9, 8, 7)).save(file, "JXL", **options)
        head = file.getvalue()[: formats.HEAD_BYTES]
        assert size_before_opening(file, head) == size


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"\x41\x00", (8, 8)),  # small, 8 rows, 1:1
        (b"\xff\x01", (512, 256)),  # small, 256 rows, 2:1
        (b"\x00" * 8, (1, 1)),
        (b"\x02", None),  # cut short
    ],
)
def test_the_size_header_of_jpeg_xl(data: bytes, size: tuple[int, int] | None) -> None:
    assert size_before_opening(io.BytesIO(b"\xff\x0a" + data), b"\xff\x0a" + data) == size


def test_a_large_jpeg_xl_file_is_refused_before_it_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imported: list[str] = []
    monkeypatch.setattr(formats, "import_module", imported.append)
    # 2^30 rows and as many columns.
    data = b"\xff\x0a" + ((0b11 << 1) | ((2**30 - 1) << 3) | (1 << 33)).to_bytes(12, "little")
    with pytest.raises(ImageError) as caught:
        read_picture(io.BytesIO(data), "it")
    assert caught.value.reason == "too many pixels"
    assert imported == []


def test_packages_are_imported_with_the_first_file_that_needs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = builtins.__import__
    seen: list[str] = []

    def note(name: str, *arguments: object, **options: object) -> object:
        seen.append(name)
        return original(name, *arguments, **options)  # type: ignore[arg-type]

    halves().save(tmp_path / "plain.png")
    monkeypatch.setattr(formats, "import_module", lambda name: seen.append(name))
    monkeypatch.setattr(builtins, "__import__", note)
    open_image(tmp_path / "plain.png")
    assert not {"pillow_heif", "pillow_jxl"} & set(seen)
