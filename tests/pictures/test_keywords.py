"""Keywords in picture files: pixels, other metadata and people's keywords stay as they are."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, IptcImagePlugin

from lexret.errors import ImageError, MissingError
from lexret.pictures.keywords import plan_keywords, write_keywords
from lexret.pictures.xmp import keywords_of, own_keywords_of, with_keywords

THEIRS = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#"><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    b'xmlns:my="urn:my" my:rating="5"><dc:subject><rdf:Bag><rdf:li>Grandma &amp; me</rdf:li>'
    b"<rdf:li>dog</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def noise(mode: str = "RGB") -> Image.Image:
    shape = (40, 60, 3) if mode == "RGB" else (40, 60)
    values = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return Image.fromarray(values)


def write(path: Path, words: list[str]) -> tuple[str, ...]:
    change = plan_keywords(path, words)
    write_keywords(change)
    return change.after


def xmp_of(path: Path) -> bytes | None:
    with Image.open(path) as image:
        found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    return found.encode() if isinstance(found, str) else found


def iim(*keywords: bytes) -> bytes:
    sets = b"\x1c\x02\x05" + struct.pack(">H", 5) + b"Title"
    for one in keywords:
        sets += b"\x1c\x02\x19" + struct.pack(">H", len(one)) + one
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(sets)) + sets + b"\0" * (len(sets) % 2)
    other = b"8BIM\x04\x25\0\0" + struct.pack(">I", 3) + b"abc\0"
    body = b"Photoshop 3.0\0" + other + block
    return b"\xff\xed" + struct.pack(">H", len(body) + 2) + body


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "progressive.jpg"])
def test_pixels_are_not_touched_and_keywords_are_read_by_others(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    exif = Image.Exif()
    exif[0x013B] = "Ada"
    noise().save(path, exif=exif, **({"progressive": True} if "prog" in name else {}))
    before = path.read_bytes()
    with Image.open(path) as image:
        pixels = np.asarray(image).copy()
    assert write(path, ["dog", "traffic light"]) == ("dog", "traffic light")
    packet = xmp_of(path)
    assert packet is not None and keywords_of(packet) == ["dog", "traffic light"]
    with Image.open(path) as image:
        assert (np.asarray(image) == pixels).all()
        assert image.getexif()[0x013B] == "Ada"
    written = path.read_bytes()
    tail = before[-len(before) // 2 :]
    assert written.endswith(tail)
    assert write(path, []) == ()
    assert path.read_bytes() == before  # no empty packet is left


def test_keywords_and_properties_of_people_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    noise().save(path, xmp=THEIRS)
    assert write(path, ["dog", "beach"]) == ("Grandma & me", "dog", "beach")
    packet = xmp_of(path)
    assert packet is not None and b'="5"' in packet and own_keywords_of(packet) == ["beach"]
    assert write(path, ["sea"]) == ("Grandma & me", "dog", "sea")
    assert write(path, []) == ("Grandma & me", "dog")


def test_the_same_words_again_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    noise().save(path)
    write(path, ["dog"])
    assert plan_keywords(path, ["dog"]).content is None
    assert plan_keywords(tmp_path / "a.png", ["cat"]).content is not None


def test_iptc_keywords_are_kept_alike_where_there_are_some(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    noise().save(path)
    content = path.read_bytes()
    path.write_bytes(content[:2] + iim(b"Grandma", b"dog") + content[2:])
    write(path, ["dog", "sea"])

    def keywords() -> list[bytes]:
        with Image.open(path) as image:
            found = IptcImagePlugin.getiptcinfo(image) or {}
        assert found[(2, 5)] == b"Title"
        values = found.get((2, 25), [])
        return values if isinstance(values, list) else [values]

    assert keywords()[:2] == [b"Grandma", b"dog"] and b"sea" in keywords()
    write(path, ["car"])
    assert b"sea" not in keywords() and b"car" in keywords() and b"Grandma" in keywords()
    write(path, [])
    assert b"Grandma" in keywords() and b"car" not in keywords()


def test_other_formats_get_a_file_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    noise().save(path)
    before = path.read_bytes()
    assert write(path, ["dog"]) == ("dog",)
    assert path.read_bytes() == before
    assert keywords_of((tmp_path / "a.tif.xmp").read_bytes()) == ["dog"]
    assert plan_keywords(path, ["dog"]).content is None
    assert plan_keywords(tmp_path / "a.tif", []).after == ()
    assert write(path, []) == ()
    assert [one.name for one in tmp_path.iterdir()] == ["a.tif"]
    assert not plan_keywords(path, []).is_one


SHELL = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/" %s><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#"><rdf:Description rdf:about=""%s>%s</rdf:Description></rdf:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize(
    "theirs",
    [
        SHELL % (b'x:xmptk="Some Program 1.0"', b"", b""),
        SHELL % (b"", b' xmlns:my="urn:my" my:rating="5"', b""),
        SHELL % (b"", b' xmlns:my="urn:my"', b"<my:empty/>"),
        SHELL % (b"", b"", b"some text"),
        THEIRS,
    ],
)
@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_what_other_programs_wrote_is_never_taken_away(
    name: str, theirs: bytes, tmp_path: Path
) -> None:
    path, sidecar = tmp_path / name, tmp_path / "a.tif.xmp"
    if name == "a.jpg":
        noise().save(path, xmp=theirs)
    else:
        noise().save(path)
        sidecar.write_bytes(theirs)
    write(path, ["sea"])
    write(path, [])
    packet = xmp_of(path) if name == "a.jpg" else sidecar.read_bytes()
    assert packet is not None and own_keywords_of(packet) == []
    for told in (b"Some Program", b'="5"', b":empty", b"some text", b"Grandma"):
        assert (told in packet) == (told in theirs)


def test_an_empty_packet_that_lexret_did_not_write_into_is_left_alone(tmp_path: Path) -> None:
    noise().save(tmp_path / "a.jpg", xmp=SHELL % (b"", b"", b""))
    noise().save(tmp_path / "a.tif")
    (tmp_path / "a.tif.xmp").write_bytes(SHELL % (b"", b"", b""))
    for name in ("a.jpg", "a.tif"):
        assert not plan_keywords(tmp_path / name, []).is_one


def test_a_second_packet_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    noise().save(path)
    write(path, ["sea"])
    ours = path.read_bytes()
    body = b"http://ns.adobe.com/xap/1.0/\0" + THEIRS
    second = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    at = ours.index(b"\xff\xdb")  # behind all metadata
    path.write_bytes(ours[:at] + second + ours[at:])
    write(path, ["dog"])
    write(path, [])
    assert second in path.read_bytes() and b"sea" not in path.read_bytes()


def test_words_of_which_people_wrote_one_are_written_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    noise().save(path, xmp=THEIRS)
    write(path, ["dog", "beach"])
    assert not plan_keywords(path, ["dog", "beach"]).is_one


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    noise().save(path)
    before = path.read_bytes()
    assert plan_keywords(path, ["dog"]).content != before
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"<x/>",
        b"no xml",
        b'<!DOCTYPE a [<!ENTITY b "cc">]><x>&b;</x>',
        b"\xff\xfe\x00",
    ],
)
def test_damaged_metadata_are_left_alone(packet: bytes) -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        with_keywords(packet, ["dog"])


def test_damaged_and_missing_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        plan_keywords(tmp_path / "none.jpg", ["dog"])
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0\x00")
    with pytest.raises(ImageError):
        plan_keywords(tmp_path / "cut.jpg", ["dog"])


def test_metadata_too_large_for_a_jpeg_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    noise().save(path)
    with pytest.raises(ImageError, match="holds 65,533"):
        plan_keywords(path, [f"word {number}" for number in range(5000)])
