"""Keywords, dates and places that people and programs wrote of a picture."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from lexret.errors import ImageError, MissingError
from lexret.pictures.exif import CameraTags, clock_seconds, read_camera_tags
from lexret.pictures.keywords import plan_keywords, write_keywords
from lexret.pictures.metadata.picture_notes import PictureNotes, read_keywords, read_notes
from lexret.pictures.metadata.sidecars import sidecar_state
from tests.pictures.metadata_files import (
    EXAMPLES,
    WINDOWS,
    bag,
    extended_segment,
    iim,
    iptc_segment,
    jpeg,
    noise,
    packet,
    png,
    saved,
    xmp_chunk,
    xmp_segment,
)

SPACES = "".join(
    f' xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "lr": "http://ns.adobe.com/lightroom/1.0/",
        "digiKam": "http://www.digikam.org/ns/1.0/",
        "MicrosoftPhoto": "http://ns.microsoft.com/photo/1.0/",
        "exif": "http://ns.adobe.com/exif/1.0/",
        "photoshop": "http://ns.adobe.com/photoshop/1.0/",
        "xmp": "http://ns.adobe.com/xap/1.0/",
    }.items()
)
HIERARCHIES = {
    "lr:hierarchicalSubject": "People|Family|Grandma",
    "digiKam:TagsList": "People/Family/Grandma",
    "MicrosoftPhoto:LastKeywordXMP": "People/Family/Grandma",
}


def saved_as(form: str) -> bytes:
    return saved(form, xmp=noted(bag("Oma") + listed("lr:hierarchicalSubject", "A|B")))


def saved_tiff() -> bytes:
    tags = {700: packet(bag("Oma")), 33723: iim(b"Opa"), 0x9C9E: "Ich\0".encode("utf-16-le")}
    return saved("TIFF", tiffinfo=tags)


NOTED = [saved_tiff, lambda: saved_as("WEBP"), lambda: saved_as("AVIF"),
         lambda: packet(bag("Oma")), *(lambda c=c: c for c in EXAMPLES.values())]  # fmt: skip


def seconds(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp())  # type: ignore[arg-type, misc]


def noted(inside: str) -> bytes:
    return packet(inside, declared=SPACES)


def listed(name: str, *texts: str) -> str:
    return f"<{name}><rdf:Seq>{''.join(f'<rdf:li>{t}</rdf:li>' for t in texts)}</rdf:Seq></{name}>"


@pytest.mark.parametrize("name", HIERARCHIES)
def test_a_hierarchy_is_read_as_a_whole_and_level_by_level(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    inside = bag("Grandma", "b/w") + listed(name, HIERARCHIES[name], "b/w", "Sea")
    path.write_bytes(jpeg(xmp_segment(noted(inside))))
    expected = ("Grandma", "b/w", "People|Family|Grandma", "Family", "People", "Sea")
    assert read_keywords(path) == expected


def test_keywords_of_all_places_are_one_list(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    long = packet(listed("lr:hierarchicalSubject", "Extended"), declared=SPACES)
    path.write_bytes(
        jpeg(WINDOWS, xmp_segment(packet(bag("Oma", " two\n words ") + "0123456789ABCDEF" * 2)),
             extended_segment(long), iptc_segment(iim(b"Oma", b"Zo\xeb")))
    )  # fmt: skip
    (tmp_path / "a.jpg.xmp").write_bytes(packet(bag("Beside")))
    (tmp_path / "a.XMP").write_bytes(packet("<dc:subject>Plain</dc:subject>"))
    expected = ("Oma", "two words", "Extended", "Zoë", "Kitchen", "Beside", "Plain")
    assert read_keywords(path) == expected


@pytest.mark.parametrize("name", ["iptc.jpg", "theirs.jpg", "nothing.jpg", "last.png", "iptc.png"])
def test_words_of_lexret_are_no_keywords_of_people(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(EXAMPLES[name])
    before = read_keywords(path)
    write_keywords(plan_keywords(path, ["sea", "lake"]))
    assert set(read_keywords(path)) == set(before)
    noise().save(tmp_path / "b.tif")
    write_keywords(plan_keywords(tmp_path / "b.tif", ["sea"]))
    assert read_keywords(tmp_path / "b.tif") == ()


def test_damaged_metadata_are_an_error_where_keywords_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(xmp_segment(packet(bag("Oma"))[:-300])))
    with pytest.raises(ImageError, match="cannot be read"):
        read_keywords(path)
    with pytest.raises(MissingError, match="none"):
        read_keywords(tmp_path / "none.jpg")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_damaged_ends_no_run(data: st.DataObject, tmp_path: Path) -> None:
    content = bytearray(data.draw(st.sampled_from(NOTED))())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, min(len(content) - 1, 2000)))
        content[start : start + data.draw(st.sampled_from([0, 1, 4, 60]))] = data.draw(
            st.binary(max_size=4)
        )
    (tmp_path / "a.jpg").write_bytes(content)
    (tmp_path / "a.xmp").write_bytes(content[:3000])
    assert isinstance(read_notes(tmp_path / "a.jpg"), PictureNotes)


def test_damaged_metadata_hide_no_others(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(xmp_segment(packet(bag("Oma"))[:-300])))
    (tmp_path / "a.jpg.xmp").write_bytes(packet(bag("Beside")))
    (tmp_path / "a.xmp").write_bytes(b"junk")
    assert read_notes(path) == PictureNotes(("Beside",))
    assert read_notes(tmp_path / "none.jpg") == PictureNotes()


MOMENT = (2024, 6, 15, 14, 30, 5)
DATES = {
    "2024:06:15 14:30:05": MOMENT,
    "2024-06-15 14:30:05": MOMENT,
    "2024-06-15T14:30:05": MOMENT,
    "2024-06-15t14:30:05": MOMENT,
    "2024:06:15 14:30:05.123456": MOMENT,
    "2024:06:15 14:30:05+02:00": MOMENT,
    "2024:06:15 14:30:05 -0730": MOMENT,
    "2024-06-15T14:30:05.25Z": MOMENT,
    "2024-06-15T14:30:05Z": MOMENT,
    "2024/06/15 14:30:05": MOMENT,
    " 2024:6:15  14:30:05 ": MOMENT,
    "2024:06:15 14:30": (*MOMENT[:5], 0),
    "2024-06-15T14:30+02:00": (*MOMENT[:5], 0),
    "2024:06:15": (2024, 6, 15, 0, 0, 0),
    "2024-06": (2024, 6, 1, 0, 0, 0),
    "2024": (2024, 1, 1, 0, 0, 0),
}


@pytest.mark.parametrize("text", DATES)
def test_dates_are_read_by_the_clock_that_wrote_them(text: str, tmp_path: Path) -> None:
    assert clock_seconds(text) == seconds(*DATES[text])
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = text
    noise().save(tmp_path / "a.jpg", exif=exif)
    with Image.open(tmp_path / "a.jpg") as image:
        tags = read_camera_tags(image)
    assert tags == CameraTags(taken_s=seconds(*DATES[text]), date_from="exif")


@pytest.mark.parametrize(
    "text", ["", "    :  :     :  :  ", "0000:00:00 00:00:00", "2024:13:01 00:00:00", "20240615",
             "2024:06:15 25:00:00", "June 2024", "2024:06:15 14", "12024-01-01", "٢٠٢٤"],
)  # fmt: skip
def test_what_is_no_date_is_none(text: str) -> None:
    assert clock_seconds(text) is None


ANGLES = {
    (47.0, 30.6): 47.51,
    (47.0, 30.0, 36.0): 47.51,
    (47.51,): 47.51,
    (): None,
    (1.0, 2.0, 3.0, 4.0): None,
    (91.0, 0.0): None,
    (47.0, float("nan")): None,
}


@pytest.mark.parametrize("parts", ANGLES)
def test_coordinates_of_one_to_three_parts_are_read(parts: tuple[float, ...]) -> None:
    gps = ExifTags.GPS

    class Exif(dict[int, object]):
        def getexif(self) -> Exif:
            return self

        def get_ifd(self, tag: int) -> dict[int, object]:
            place = {gps.GPSLatitude: parts, gps.GPSLatitudeRef: "S"}
            return place if tag == ExifTags.IFD.GPSInfo else {}

    found = read_camera_tags(Exif()).latitude  # type: ignore[arg-type]
    expected = ANGLES[parts]
    assert found == (None if expected is None else pytest.approx(-expected))


XMP_DATES = {
    "<exif:DateTimeOriginal>2024-06-15T14:30:05+02:00</exif:DateTimeOriginal>": MOMENT,
    "<photoshop:DateCreated>1975</photoshop:DateCreated>": (1975, 1, 1),
    "<xmp:CreateDate>2024-06-15T14:30:05.00Z</xmp:CreateDate>": MOMENT,
    "<xmp:CreateDate>2001-01-01</xmp:CreateDate><photoshop:DateCreated>2024-06-15"
    "</photoshop:DateCreated>": (2024, 6, 15),
}


@pytest.mark.parametrize("inside", XMP_DATES)
@pytest.mark.parametrize("place", ["a.jpg", "a.png", "a.webp", "a.jpg.xmp"])
def test_dates_in_xmp_alone_are_read_and_named(place: str, inside: str, tmp_path: Path) -> None:
    path = tmp_path / place.removesuffix(".xmp")
    content = {"a.jpg": jpeg(xmp_segment(noted(inside))), "a.png": png(xmp_chunk(noted(inside)))}
    noise().save(path, **({"xmp": noted(inside)} if place == "a.webp" else {}))
    (tmp_path / place).write_bytes(content.get(place) or noted(inside)
                                   if place != "a.webp" else path.read_bytes())  # fmt: skip
    notes = read_notes(path)
    assert notes.taken_s == seconds(*XMP_DATES[inside]) and notes.date_from == "xmp"
    assert notes.added_to(CameraTags()).taken_s == notes.taken_s


def test_the_camera_goes_before_xmp_and_xmp_before_the_last_change() -> None:
    notes = PictureNotes(("Oma", "Opa"), 5, "xmp", 1.0, 2.0)
    camera = CameraTags(taken_s=9, date_from="exif", latitude=3.0, longitude=4.0)
    assert notes.added_to(camera) == CameraTags(
        taken_s=9, date_from="exif", latitude=3.0, longitude=4.0, keywords="Oma\nOpa"
    )
    changed = CameraTags(taken_s=9, date_from="exif_changed")
    assert notes.added_to(changed).date_from == "xmp"
    assert PictureNotes().added_to(changed) == changed
    assert changed.is_of_camera
    assert not PictureNotes(("Oma",), 5, "xmp").added_to(CameraTags()).is_of_camera


@pytest.mark.parametrize(
    ("day", "time", "expected"),
    [(b"20240615", b"143005+0200", MOMENT), (b"20240600", b"", (2024, 6, 1)),
     (b"19750000", b"120000", (1975, 1, 1)), (b"00000000", b"", None), (b"2024", b"", None)],
)  # fmt: skip
def test_dates_in_iptc_alone_are_read_and_named(
    day: bytes, time: bytes, expected: tuple[int, ...] | None, tmp_path: Path
) -> None:
    data = b"".join(b"\x1c\x02" + bytes([number]) + len(value).to_bytes(2, "big") + value
                    for number, value in ((55, day), (60, time)) if value)  # fmt: skip
    (tmp_path / "a.jpg").write_bytes(jpeg(iptc_segment(data)))
    notes = read_notes(tmp_path / "a.jpg")
    assert notes.taken_s == (None if expected is None else seconds(*expected))
    assert notes.date_from == (None if expected is None else "iptc")


def test_coordinates_in_xmp_alone_are_read(tmp_path: Path) -> None:
    for text, expected in (("47,30.6S", -47.51), ("47,30,36N", 47.51), ("47.51n", 47.51)):
        inside = f"<exif:GPSLatitude>{text}</exif:GPSLatitude>"
        inside += "<exif:GPSLongitude>8,15W</exif:GPSLongitude>"
        (tmp_path / "a.jpg").write_bytes(jpeg(xmp_segment(noted(inside))))
        tags = read_notes(tmp_path / "a.jpg").added_to(CameraTags())
        assert tags.latitude == pytest.approx(expected) and tags.longitude == -8.25


def test_the_files_beside_a_picture_are_known_by_a_number(tmp_path: Path) -> None:
    picture = tmp_path / "a.tif"
    picture.touch()
    assert sidecar_state(picture) == 0
    (tmp_path / "other.xmp").touch()
    os.utime(tmp_path, ns=(1, 1))  # file systems tell times in steps
    assert sidecar_state(picture) == 0
    (tmp_path / "a.xmp").touch()
    os.utime(tmp_path / "a.xmp", ns=(5, 7))
    os.utime(tmp_path, ns=(2, 2))
    assert sidecar_state(picture) == 7
    os.utime(tmp_path / "a.xmp", ns=(5, 8))
    assert sidecar_state(picture) == 8
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "b.tif").symlink_to(picture)
    assert sidecar_state(tmp_path / "link" / "b.tif") == 8
