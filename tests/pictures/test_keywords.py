"""Keywords in picture files: pixels, other metadata and people's keywords stay as they are."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lexret.errors import ImageError, MissingError
from lexret.pictures.keywords import plan_keywords, write_keywords
from lexret.pictures.metadata.iptc import iptc_keywords
from lexret.pictures.metadata.jpeg import JpegFile
from lexret.pictures.metadata.xmp import keywords_of, marks_of, own_keywords_of
from tests.pictures.metadata_files import (
    EXAMPLES,
    PANORAMA,
    THEIRS,
    bag,
    chunk,
    extended_segment,
    iim,
    iptc_segment,
    jpeg,
    md5,
    noise,
    packet,
    png,
    saved,
    segment,
    xmp_chunk,
    xmp_segment,
)


def write(path: Path, words: list[str]) -> tuple[str, ...]:
    change = plan_keywords(path, words)
    write_keywords(change)
    return change.after


def xmp_of(path: Path) -> bytes | None:
    with Image.open(path) as image:
        image.load()  # a PNG may hold it behind its pixels
        found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    return found.encode() if isinstance(found, str) else found


def iptc_of(path: Path) -> bytes:
    data = JpegFile(path.read_bytes()).iptc
    assert data is not None
    return data


@pytest.mark.parametrize("name", EXAMPLES)
def test_words_are_written_renewed_and_taken_back_byte_for_byte(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(EXAMPLES[name])
    with Image.open(path) as image:
        pixels = np.asarray(image).copy()
    before = plan_keywords(path, []).before
    assert set(write(path, ["traffic light", "Zoë 2"])) == {*before, "traffic light", "Zoë 2"}
    found = xmp_of(path)
    assert found is not None and own_keywords_of(found) == ["traffic light", "Zoë 2"]
    with Image.open(path) as image:
        assert (np.asarray(image) == pixels).all()
    assert not plan_keywords(path, ["traffic light", "Zoë 2"]).is_one
    assert set(write(path, ["sea"])) == {*before, "sea"}
    assert write(path, []) == before
    assert path.read_bytes() == EXAMPLES[name]
    assert not plan_keywords(path, []).is_one


def test_exif_data_stay(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x013B] = "Ada"
    for name in ("a.jpg", "a.png"):
        noise().save(tmp_path / name, exif=exif)
        write(tmp_path / name, ["dog"])
        with Image.open(tmp_path / name) as image:
            assert image.getexif()[0x013B] == "Ada"


def test_words_that_people_wrote_are_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(EXAMPLES["theirs.jpg"])
    assert write(path, ["Dog", "beach"]) == ("Grandma & me", "dog", "beach")
    assert not plan_keywords(path, ["dog", "beach"]).is_one
    assert write(path, ["dog"]) == ("Grandma & me", "dog")
    assert path.read_bytes() == EXAMPLES["theirs.jpg"]


def test_prefixes_stay_as_readers_of_panoramas_know_them(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(EXAMPLES["panorama.jpg"])
    write(path, ["dog"])
    assert PANORAMA.split(b" </rdf:RDF>")[0] in path.read_bytes()


def test_keywords_that_are_in_iptc_alone_are_kept_and_not_hidden(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(EXAMPLES["iptc.jpg"])
    assert write(path, ["kitchen", "sea"]) == ("Kitchen", "kitchen", "Zoë", "sea")
    found = xmp_of(path)
    assert keywords_of(found) == ["Kitchen", "kitchen", "Zoë", "sea"]
    assert own_keywords_of(found) == ["sea"]
    assert iptc_keywords(iptc_of(path)) == ["Kitchen", "kitchen", "Zoë", "sea"]
    write(path, [])
    assert iptc_keywords(iptc_of(path)) == ["Kitchen", "kitchen", "Zoë"]
    assert path.read_bytes() == EXAMPLES["iptc.jpg"]


@pytest.mark.parametrize("name", ["windows.jpg", "windows.png", "iptc.png", "iptc-resources.png"])
def test_keywords_in_places_that_are_only_read_are_not_hidden(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(EXAMPLES[name])
    assert plan_keywords(path, []).before == ("Kitchen",)
    assert write(path, ["kitchen", "sea"]) == ("Kitchen", "sea")
    assert keywords_of(xmp_of(path)) == ["Kitchen", "sea"]


def test_a_person_who_adds_the_same_word_to_iptc_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(EXAMPLES["iptc.jpg"])
    write(path, ["sea"])
    file = JpegFile(path.read_bytes())
    path.write_bytes(file.replaced(file.packets[0], iim(b"sea", b"Kitchen", b"sea")))
    write(path, [])
    assert iptc_keywords(iptc_of(path)) == ["sea", "Kitchen"]


def test_a_copied_keyword_whose_origin_is_gone_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(EXAMPLES["iptc.jpg"])
    write(path, ["sea"])
    file = JpegFile(path.read_bytes())
    path.write_bytes(file.replaced(file.packets[0], iim(b"Kitchen", b"sea")))
    assert write(path, []) == ("kitchen", "Zoë", "Kitchen")


def test_words_that_iptc_cannot_hold_are_in_xmp_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(EXAMPLES["iptc-title.jpg"])
    write(path, ["w" * 65, "Zoë", "sea"])
    assert iptc_keywords(iptc_of(path)) == ["sea"]
    path.write_bytes(EXAMPLES["iptc-utf-8.jpg"])
    write(path, ["w" * 65, "Zoë", "sea"])
    assert iptc_keywords(iptc_of(path)) == ["Ä", "Zoë", "sea"]
    assert keywords_of(xmp_of(path)) == ["Ä", "w" * 65, "Zoë", "sea"]


def test_the_digest_goes_along_with_iptc_where_it_was_right(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(EXAMPLES["digest.jpg"])
    write(path, ["sea"])
    assert md5(iptc_of(path)) in path.read_bytes() and iptc_of(path) != iim(b"a")
    path.write_bytes(EXAMPLES["legacy-digest.jpg"])
    write(path, ["sea"])
    assert f'LegacyIPTCDigest="{md5(iptc_of(path)).hex().upper()}"'.encode() in path.read_bytes()
    path.write_bytes(EXAMPLES["stale-digest.jpg"])
    write(path, ["sea"])
    assert md5(b"") in path.read_bytes() and md5(iptc_of(path)) not in path.read_bytes()


@pytest.mark.parametrize("name", ["two.jpg", "two-iptc.jpg", "two-xmp.jpg"])
def test_the_second_picture_is_found_by_its_offset(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(EXAMPLES[name])

    def pictures() -> list[tuple[int, bytes]]:
        content, base = path.read_bytes(), path.read_bytes().index(b"MPF\0") + 4
        first, offset = struct.unpack_from("<II", content, base + 54)
        assert offset == 0
        size, offset = struct.unpack_from("<II", content, base + 70)
        assert content[first - 2 : first] == b"\xff\xd9"
        with Image.open(path) as image:
            image.seek(1)
            pixels = image.convert("RGB").tobytes()
        return [(first, content[base + offset :][:size]), (size, pixels)]

    before = pictures()
    write(path, ["sea"])
    after = pictures()
    assert after[0][1] == before[0][1] and after[1] == before[1]
    assert after[0][0] - before[0][0] == path.stat().st_size - len(EXAMPLES[name]) > 0


def test_of_two_packets_only_that_of_lexret_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg())
    write(path, ["sea"])
    ours = path.read_bytes()
    at = ours.index(b"\xff\xdb")  # behind all metadata
    path.write_bytes(ours[:at] + xmp_segment(THEIRS) + ours[at:])
    assert write(path, ["dog"]) == ("Grandma & me", "dog")
    assert path.read_bytes().count(b"<x:xmpmeta") == 1
    path.write_bytes(jpeg(xmp_segment(THEIRS), xmp_segment(PANORAMA)))
    assert not plan_keywords(path, []).is_one
    with pytest.raises(ImageError, match=r"a\.jpg.*more than once"):
        plan_keywords(path, ["sea"])


REFUSED = {
    "cut.jpg": (b"\xff\xd8\xff\xe0\x00", "damaged"),
    "packet.jpg": (jpeg(xmp_segment(THEIRS[:-300])), "XMP metadata cannot be read"),
    "iptc.jpg": (jpeg(iptc_segment(iim(b"a")[:-1])), "IPTC data are damaged"),
    "iptc-junk.jpg": (jpeg(iptc_segment(iim(b"a") + b"junk")), "IPTC data are damaged"),
    "iptc-twice.jpg": (jpeg(iptc_segment(iim(b"a")), iptc_segment(iim(b"b"))), "more than once"),
    "resources.jpg": (jpeg(segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\1\0a")),
                      "resources are damaged"),
    "mpf.jpg": (jpeg(segment(0xE2, b"MPF\0II*\0\x99\0\0\0")), "MPF"),
    "second.jpg": (jpeg() + b"\0\0" + saved("JPEG"), "second picture"),
    "signed.jpg": (jpeg(segment(0xEB, b"JP\0\1\0\0\0\1\0\0\0\x10jumbc2pa")), "credentials"),
    "signed.png": (png(chunk(b"caBX", b"jumbc2pa")), "credentials"),
    "extended.jpg": (jpeg(xmp_segment(packet("0123456789ABCDEF" * 2)),
                          extended_segment(packet(bag("a")))), "extended XMP"),
    "extended-cut.jpg": (jpeg(xmp_segment(packet("0123456789ABCDEF" * 2)),
                              extended_segment(packet(bag("a"))[:50], total=99)), "missing"),
    "cut.png": (png()[:-3], "cut short"),
    "packet.png": (png(xmp_chunk(b"<x/>")), "no RDF"),
    "compressed.png": (png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0junk")), "compressed"),
    "raw.png": (png(chunk(b"tEXt", b"Raw profile type xmp\0\nxmp\n 1\n00")), "raw profile"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_refused_by_name(name: str, tmp_path: Path) -> None:
    content, why = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match=why) as caught:
        plan_keywords(tmp_path / name, ["dog"])
    assert name in str(caught.value)


def test_missing_files_and_what_is_none_are_errors(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"none\.jpg"):
        plan_keywords(tmp_path / "none.jpg", ["dog"])
    (tmp_path / "circle.jpg").symlink_to("circle.jpg")
    with pytest.raises((ImageError, MissingError), match=r"circle\.jpg"):
        plan_keywords(tmp_path / "circle.jpg", ["dog"])
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match="not a file"):
        plan_keywords(tmp_path / "pipe.jpg", ["dog"])


def test_metadata_too_large_for_a_jpeg_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg())
    with pytest.raises(ImageError, match="holds 65,533"):
        plan_keywords(path, [f"word {number}" for number in range(5000)])


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg())
    assert plan_keywords(path, ["dog"]).content != jpeg()
    assert path.read_bytes() == jpeg() and os.listdir(tmp_path) == ["a.jpg"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_refused_or_edited_and_given_back(
    data: st.DataObject, tmp_path: Path
) -> None:
    content = bytearray(EXAMPLES[data.draw(st.sampled_from(sorted(EXAMPLES)))])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, min(len(content) - 1, 1500)))
        end = start + data.draw(st.sampled_from([0, 1, 1, 4, 60]))
        content[start:end] = data.draw(st.binary(max_size=3))
    path = tmp_path / "a"
    path.write_bytes(content)
    try:
        change = plan_keywords(path, ["sea"])
    except ImageError as error:
        assert str(path) in str(error)
        return
    assert set(change.before) <= set(change.after)
    write_keywords(change)
    write_keywords(plan_keywords(path, []))
    assert path.read_bytes() == content and os.listdir(tmp_path) == ["a"]


def tiff(path: Path, **info: object) -> None:
    noise().save(path, "TIFF", tiffinfo=info)


def test_other_formats_get_a_file_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    noise().save(path)
    before = path.read_bytes()
    assert write(path, ["dog"]) == ("dog",)
    assert path.read_bytes() == before
    assert keywords_of((tmp_path / "a.tif.xmp").read_bytes()) == ["dog"]
    assert not plan_keywords(path, ["dog"]).is_one
    assert write(path, []) == ()
    assert os.listdir(tmp_path) == ["a.tif"]
    assert not plan_keywords(path, []).is_one


@pytest.mark.parametrize("sidecar", ["a.tif.xmp", "a.tif.XMP", "a.xmp", "a.XMP", "a.TIF.xmp"])
def test_the_file_beside_a_picture_is_found_by_all_usual_names(
    sidecar: str, tmp_path: Path
) -> None:
    noise().save(tmp_path / "a.tif")
    theirs = packet(bag("Grandma", "dog"))
    (tmp_path / sidecar).write_bytes(theirs)
    assert write(tmp_path / "a.tif", ["dog", "sea"]) == ("Grandma", "dog", "sea")
    assert keywords_of((tmp_path / sidecar).read_bytes()) == ["Grandma", "dog", "sea"]
    assert sorted(os.listdir(tmp_path)) == sorted(["a.tif", sidecar])
    write(tmp_path / "a.tif", [])
    assert (tmp_path / sidecar).read_bytes() == theirs


def test_the_file_beside_another_picture_of_the_same_name_is_left_alone(tmp_path: Path) -> None:
    noise().save(tmp_path / "a.tif")
    (tmp_path / "a.cr2").write_bytes(b"raw")
    (tmp_path / "a.xmp").write_bytes(packet(bag("Grandma")))
    assert write(tmp_path / "a.tif", ["sea", "grandma"]) == ("Grandma", "sea")
    assert (tmp_path / "a.xmp").read_bytes() == packet(bag("Grandma"))
    write(tmp_path / "a.tif", [])
    assert sorted(os.listdir(tmp_path)) == ["a.cr2", "a.tif", "a.xmp"]


def test_the_file_beside_a_picture_says_whose_it_is(tmp_path: Path) -> None:
    adobe = ' xmlns:p="http://ns.adobe.com/photoshop/1.0/" p:SidecarForExtension='
    noise().save(tmp_path / "a.tif")
    for extension, is_mine in (("CR2", False), ("TIF", True)):
        (tmp_path / "a.xmp").write_bytes(packet(bag("b"), declared=f'{adobe}"{extension}"'))
        change = plan_keywords(tmp_path / "a.tif", ["sea"])
        assert change.path.name == ("a.xmp" if is_mine else "a.tif.xmp")


EMBEDDED = {
    "a.webp": lambda path: noise().save(path, xmp=packet(bag("Grandma"))),
    "a.tif": lambda path: noise().save(path, tiffinfo={700: packet(bag("Grandma"))}),
    "iptc.tif": lambda path: noise().save(path, tiffinfo={33723: iim(b"Grandma")}),
    "a.avif": lambda path: noise().save(path, xmp=packet(bag("Grandma"))),
    "windows.tif": lambda path: noise().save(
        path, tiffinfo={0x9C9E: "Grandma;\0".encode("utf-16-le")}),
}  # fmt: skip


@pytest.mark.parametrize("name", EMBEDDED)
def test_keywords_inside_other_formats_are_not_hidden_by_the_file_beside(
    name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    EMBEDDED[name](path)
    assert write(path, ["sea", "grandma"]) == ("Grandma", "sea")
    beside = (tmp_path / f"{name}.xmp").read_bytes()
    assert keywords_of(beside) == ["Grandma", "sea"] and own_keywords_of(beside) == ["sea"]
    assert write(path, []) == () and os.listdir(tmp_path) == [name]


def test_a_damaged_file_beside_a_picture_is_named(tmp_path: Path) -> None:
    for name in ("a.tif", "b.jpg"):
        noise().save(tmp_path / name)
        (tmp_path / f"{name}.xmp").write_bytes(b"junk")
        with pytest.raises(ImageError, match=rf"{name}\.xmp"):
            plan_keywords(tmp_path / name, ["dog"])
    assert not plan_keywords(tmp_path / "b.jpg", []).is_one  # what is in the picture is its own


def test_keywords_beside_a_jpeg_are_not_chosen_again(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "a.xmp").write_bytes(packet(bag("Dog")))
    assert write(tmp_path / "a.jpg", ["dog", "sea"]) == ("sea",)


def test_a_lower_level_of_a_hierarchy_is_a_keyword_of_people(tmp_path: Path) -> None:
    tree = ("<lr:hierarchicalSubject><rdf:Bag><rdf:li>Animals|Pets|dog</rdf:li></rdf:Bag>"
            "</lr:hierarchicalSubject>")  # fmt: skip
    declared = ' xmlns:lr="http://ns.adobe.com/lightroom/1.0/"'
    (tmp_path / "a.jpg").write_bytes(jpeg(xmp_segment(packet(tree, declared=declared))))
    assert write(tmp_path / "a.jpg", ["dog", "pets", "sea"]) == ("sea",)


def test_what_a_lexret_of_before_wrote_is_taken_back(tmp_path: Path) -> None:
    """It wrote its words into IPTC a second time, and noted them in XMP only."""
    own = "<l:keywords><rdf:Bag><rdf:li>kitchen</rdf:li></rdf:Bag></l:keywords>"
    old = packet(bag("kitchen") + own, declared=' xmlns:l="urn:lexret:xmp:1"')
    data = iim(b"Kitchen", b"kitchen", b"kitchen")
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(xmp_segment(old), iptc_segment(data)))
    write(path, [])
    assert iptc_of(path) == iim(b"Kitchen", b"kitchen")
    assert marks_of(JpegFile(path.read_bytes()).packets[0]) is None


def test_pictures_in_memory_and_on_disk_are_the_same_files() -> None:
    """The files of these tests are pictures."""
    for content in EXAMPLES.values():
        Image.open(io.BytesIO(content)).load()
