"""Cameras' raw files: the largest preview is read, turned and dated as the file says."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from lexret.errors import ImageError
from lexret.pictures.decoding import Picture, open_picture, read_picture, read_tags
from lexret.pictures.metadata.picture_notes import read_keywords
from tests.pictures.made import directory

BLUE, RED, GREEN = (0, 0, 255), (255, 0, 0), (0, 255, 0)


def jpeg(size: tuple[int, int], colour: tuple[int, int, int], **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def dng(*, preview: bytes | None, orientation: int = 1, xmp: bytes = b"") -> bytes:
    """A DNG file: a thumbnail without compression, sensor data, a small and a large preview."""
    data = bytearray(b"II*\x00\x00\x00\x00\x00")

    def put(part: bytes) -> int:
        place = len(data)
        data.extend(part + bytes(len(part) % 2))
        return place

    def below(tags: dict[int, tuple[int, tuple[int, ...]]]) -> int:
        return put(directory(tags, len(data)))

    def previewed(part: bytes) -> int:
        place = put(part)
        return below({254: (4, (1,)), 259: (3, (7,)), 262: (3, (6,)), 273: (4, (place,)),
                      279: (4, (len(part),))})  # fmt: skip

    lossless = b"\xff\xd8\xff\xc3\x00\x0b\x0e\x40\x00\x40\x00\x01\x00" + bytes(500)
    sensor = put(lossless)
    subs = [below({254: (4, (0,)), 259: (3, (7,)), 262: (3, (32803,)), 273: (4, (sensor,)),
                   279: (4, (len(lossless),))})]  # fmt: skip
    subs.append(previewed(jpeg((32, 24), RED)))
    if preview is not None:
        subs.append(previewed(preview))
    else:
        subs.pop()
    exif = below({33434: (4, (1, 1))} | {36867: (7, tuple(b"2021:05:06 07:08:09\x00"))})
    thumbnail = put(bytes(GREEN) * 16)
    first = {
        254: (4, (1,)), 256: (4, (4,)), 257: (4, (4,)), 258: (3, (8, 8, 8)), 259: (3, (1,)),
        262: (3, (2,)), 273: (4, (thumbnail,)), 274: (3, (orientation,)), 277: (3, (3,)),
        279: (4, (48,)), 330: (4, tuple(subs)), 34665: (4, (exif,)), 50706: (1, (1, 6, 0, 0)),
    }  # fmt: skip
    if xmp:
        first[700] = (1, tuple(xmp))
    start = put(directory(first, len(data)))
    data[4:8] = struct.pack("<I", start)
    return bytes(data)


def colour(picture: Picture, place: tuple[int, int] = (3, 3)) -> str:
    values = picture.image.getpixel(place)
    return {RED: "red", GREEN: "green", BLUE: "blue"}.get(
        tuple(255 if value > 127 else 0 for value in values), str(values)  # type: ignore
    )  # fmt: skip


def read(data: bytes) -> Picture:
    return read_picture(io.BytesIO(data), "made")


def test_of_a_dng_file_the_largest_preview_is_read_and_not_the_thumbnail() -> None:
    picture = read(dng(preview=jpeg((96, 64), BLUE)))
    assert (picture.width, picture.height) == (96, 64)
    assert colour(picture) == "blue"


def test_the_orientation_of_the_file_counts_where_the_preview_has_none() -> None:
    picture = read(dng(preview=jpeg((96, 64), BLUE), orientation=6))
    assert (picture.width, picture.height) == picture.image.size == (64, 96)


def test_the_orientation_of_the_preview_counts_where_it_has_one() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 1
    picture = read(dng(preview=jpeg((96, 64), BLUE, exif=exif), orientation=6))
    assert (picture.width, picture.height) == (96, 64)


def test_without_a_preview_the_file_is_refused_and_not_its_thumbnail_shown() -> None:
    with pytest.raises(ImageError) as caught:
        read(dng(preview=None))
    assert caught.value.reason == "raw file without a preview"


def test_a_camera_file_is_known_by_its_content_whatever_it_is_called(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    path.write_bytes(dng(preview=jpeg((96, 64), BLUE)))
    assert colour(open_picture(path)) == "blue"


def test_keywords_in_a_camera_file_are_read_though_its_preview_is_shown(tmp_path: Path) -> None:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag><rdf:li>grandma</rdf:li>'
        "</rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    path = tmp_path / "photo.dng"
    path.write_bytes(dng(preview=jpeg((96, 64), BLUE), xmp=packet.encode()))
    assert read_keywords(path) == ("grandma",)
    assert colour(open_picture(path)) == "blue"


def test_an_ordinary_tiff_with_a_thumbnail_is_no_camera_file(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 20), RED)
    image.save(tmp_path / "a.tif", compression="jpeg")
    assert (open_picture(tmp_path / "a.tif").width) == 40


def test_raf_files_tell_in_their_header_where_the_preview_is() -> None:
    preview = jpeg((80, 60), BLUE)
    head = b"FUJIFILMCCD-RAW 0201FF383501".ljust(84, b"\x00")
    data = head + struct.pack(">II", 148, len(preview)) + bytes(148 - 92) + preview + bytes(900)
    picture = read(data)
    assert (picture.width, colour(picture)) == (80, "blue")


def test_rw2_files_hold_the_preview_in_a_tag() -> None:
    preview = jpeg((80, 60), BLUE)
    head = b"IIU\x00" + struct.pack("<I", 8 + len(preview)) + preview
    # An opaque value: where it lies, and how long it is.
    entry = struct.pack("<H", 1) + struct.pack("<HHII", 46, 7, len(preview), 8) + bytes(4)
    assert colour(read(head + entry)) == "blue"


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def test_cr3_files_hold_the_preview_and_the_tags_in_boxes() -> None:
    preview = jpeg((80, 60), BLUE)
    exif = {36867: (7, tuple(b"2021:05:06 07:08:09\x00"))}
    main = b"II*\x00\x08\x00\x00\x00" + directory({274: (3, (8,))}, 8)
    detail = b"II*\x00\x08\x00\x00\x00" + directory(exif, 8)
    tags = box(b"uuid", bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
               + box(b"CMT1", main) + box(b"CMT2", detail))  # fmt: skip
    shown = box(b"PRVW", bytes(6) + struct.pack(">HHHI", 80, 60, 1, len(preview)) + preview)
    data = (
        box(b"ftyp", b"crx \x00\x00\x00\x01crx isom") + box(b"moov", tags)
        + box(b"uuid", bytes.fromhex("eaf42b5e1c984b88b9fbb7dc406e4d16") + bytes(8) + shown)
        + box(b"mdat", bytes(2000))
    )  # fmt: skip
    picture = read(data)
    assert colour(picture) == "blue"
    assert picture.image.size == (60, 80)
    assert picture.tags.taken_s == 1_620_284_889
    assert read_tags(io.BytesIO(data), "made") == picture.tags


@pytest.mark.parametrize("seed", range(40))
def test_damaged_camera_files_are_read_or_refused(seed: int) -> None:
    import random

    rng = random.Random(seed)
    data = bytearray(dng(preview=jpeg((96, 64), BLUE)))
    for _ in range(12):
        place = rng.randrange(4, len(data))
        data[place] = rng.choice((0, 255, rng.randrange(256)))
    if seed % 4 == 0:
        del data[rng.randrange(10, len(data)) :]
    try:
        read(bytes(data))
    except ImageError as error:
        assert str(error).startswith("made ")


def test_directories_that_point_at_each_other_end() -> None:
    data = bytearray(b"II*\x00\x08\x00\x00\x00")
    data += directory({330: (4, (8, 8, 8)), 50706: (1, (1, 6, 0, 0))}, 8, following=8)
    with pytest.raises(ImageError) as caught:
        read(bytes(data))
    assert caught.value.reason == "raw file without a preview"
