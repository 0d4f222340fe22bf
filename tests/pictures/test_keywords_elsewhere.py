"""Keywords as exiftool and exiv2 see them: before and after, all else is the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lexret.pictures.keywords import plan_keywords, write_keywords
from lexret.pictures.metadata.embedded import embedded_keywords
from tests.pictures.metadata_files import (
    EXAMPLES,
    bag,
    iim,
    iptc_segment,
    jpeg,
    noise,
    packet,
    xmp_segment,
)

needs_exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is missing: libimage-exiftool-perl"
)
needs_exiv2 = pytest.mark.skipif(shutil.which("exiv2") is None, reason="exiv2 is missing")

# What must change with keywords: they themselves, sizes, places, and when the file's entry changed.
CHANGING = {
    "SourceFile", "XMP-dc:Subject", "IPTC:Keywords", "File:CurrentIPTCDigest",
    "Photoshop:IPTCDigest", "XMP-photoshop:LegacyIPTCDigest",
    "MPImage1:MPImageLength", "MPImage2:MPImageStart", "System:FileSize",
    "System:FileInodeChangeDate", "System:FileAccessDate", "ExifTool:Warning",
}  # fmt: skip


def told(*command: str, **options: Any) -> str:
    done = subprocess.run(command, capture_output=True, check=True, timeout=60, **options)
    return done.stdout.decode("utf-8", "replace")


def by_exiftool(path: Path) -> dict[str, Any]:
    tags = json.loads(told("exiftool", "-j", "-G1", "-a", "-s", "-b", "-struct", str(path)))[0]
    return {name: value for name, value in tags.items() if not name.startswith("XMP-lexret:")}


def texts(value: Any) -> list[str]:
    return (
        [] if value is None else [str(v) for v in (value if isinstance(value, list) else [value])]
    )


def write(path: Path, words: list[str]) -> tuple[str, ...]:
    change = plan_keywords(path, words)
    write_keywords(change)
    return change.after


@needs_exiftool
@pytest.mark.parametrize("name", EXAMPLES)
def test_exiftool_sees_nothing_but_more_keywords(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(EXAMPLES[name])
    before = by_exiftool(path)
    write(path, ["traffic light", "sea"])
    after = by_exiftool(path)
    assert texts(after["XMP-dc:Subject"])[-2:] == ["traffic light", "sea"]
    windows = [word for word in str(before.get("IFD0:XPKeywords", "")).split(";") if word]
    theirs = texts(before.get("XMP-dc:Subject")) or texts(before.get("IPTC:Keywords")) or windows
    assert texts(after["XMP-dc:Subject"])[:-2] == theirs
    if name.endswith(".jpg") and "File:CurrentIPTCDigest" in before:
        assert texts(after["IPTC:Keywords"]) == [
            *texts(before.get("IPTC:Keywords")), "traffic light", "sea"]  # fmt: skip
    differing = {
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    }
    assert differing <= CHANGING
    assert after.get("ExifTool:Warning") == before.get("ExifTool:Warning")
    write(path, [])
    assert path.read_bytes() == EXAMPLES[name]


OURS = (
    "Xmp.lexret.",
    "Xmp.photoshop.LegacyIPTCDigest",
    "Xmp.dc.subject",
    "Iptc.Application2.Keywords",
)


def by_exiv2(path: Path) -> list[str]:
    done = subprocess.run(
        ["exiv2", "-q", "-PEIXkt", "pr", str(path)], capture_output=True, timeout=60
    )
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return sorted(line for line in lines if not line.startswith(OURS))


@needs_exiv2
@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - {"utf-16.jpg"}))  # it reads UTF-8 alone
def test_exiv2_sees_nothing_but_more_keywords(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(EXAMPLES[name])
    before = by_exiv2(path)
    write(path, ["traffic light", "sea"])
    assert by_exiv2(path) == before
    subject = told("exiv2", "-q", "-K", "Xmp.dc.subject", "-Pt", "pr", str(path))
    assert "traffic light" in subject and "sea" in subject


EDITS = {
    "exiftool": ["exiftool", "-q", "-overwrite_original", "-XMP-xmp:Rating=4",
                 "-XMP-dc:Subject+=Grandma"],
    "exiv2": ["exiv2", "-M", "set Xmp.xmp.Rating XmpText 4", "-M",
              "set Xmp.dc.title LangAlt lang=en Beach"],
}  # fmt: skip


@pytest.mark.parametrize("before", [None, packet(bag("Oma")), packet("<dc:source>x</dc:source>")])
@pytest.mark.parametrize(
    "program",
    [pytest.param("exiftool", marks=needs_exiftool), pytest.param("exiv2", marks=needs_exiv2)],
)
def test_after_another_program_wrote_the_packet_anew_only_lexrets_words_go(
    program: str, before: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(*([] if before is None else [xmp_segment(before)])))
    write(path, ["dog", "sea"])
    told(*EDITS[program], str(path))
    assert "dog" in plan_keywords(path, []).before
    theirs = ["Oma"] if before and b"Oma" in before else []
    theirs += ["Grandma"] if program == "exiftool" else []
    assert list(write(path, [])) == theirs
    content = path.read_bytes()
    assert b"lexret:" not in content and b"Rating" in content
    assert (b"Beach" in content) == (program == "exiv2")
    assert (b"source" in content) == bool(before and b"source" in before)


@needs_exiftool
def test_files_that_exiftool_made_are_given_back(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        path = tmp_path / name
        noise().save(path)
        told("exiftool", "-q", "-overwrite_original", "-Subject=Oma", "-Keywords=Oma",
             "-IPTCDigest=new", "-Title=t", "-Rating=5", "-Artist=Ada", "-GPSLatitude=47.5",
             "-HierarchicalSubject=A|B", str(path))  # fmt: skip
        before = path.read_bytes()
        assert set(write(path, ["sea", "oma", "b"])) == {"Oma", "sea"}
        if name == "a.jpg":
            tags = by_exiftool(path)
            assert tags["Photoshop:IPTCDigest"] == tags["File:CurrentIPTCDigest"]
        write(path, [])
        assert path.read_bytes() == before


@needs_exiftool
@pytest.mark.parametrize("name", ["a.webp", "a.tif", "a.avif"])
def test_keywords_that_exiftool_wrote_into_other_formats_are_read(
    name: str, tmp_path: Path
) -> None:
    noise().save(tmp_path / name)
    told("exiftool", "-q", "-overwrite_original", "-Subject=Oma", "-Subject=Opa",
         str(tmp_path / name))  # fmt: skip
    assert embedded_keywords(tmp_path / name) == ["Oma", "Opa"]


@needs_exiftool
def test_a_file_beside_the_picture_that_exiftool_made_is_given_back(tmp_path: Path) -> None:
    noise().save(tmp_path / "a.tif")
    sidecar = tmp_path / "a.xmp"
    told("exiftool", "-q", "-Subject=Oma", "-Rating=3", "-o", str(sidecar), str(tmp_path / "a.tif"))
    before = sidecar.read_bytes()
    assert write(tmp_path / "a.tif", ["sea"]) == ("Oma", "sea")
    assert texts(by_exiftool(sidecar)["XMP-dc:Subject"]) == ["Oma", "sea"]
    write(tmp_path / "a.tif", [])
    assert sidecar.read_bytes() == before


def test_a_link_stays_a_link_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "a.jpg", tmp_path / "b.jpg"
    real.write_bytes(jpeg(iptc_segment(iim(b"Oma"))))
    link.symlink_to(Path("real", "a.jpg"))
    assert write(link, ["sea"]) == ("Oma", "sea")
    assert link.is_symlink() and plan_keywords(real, []).before == ("Oma", "sea")
    write(link, [])
    assert link.is_symlink() and real.read_bytes() == jpeg(iptc_segment(iim(b"Oma")))


def test_a_file_beside_a_link_is_read(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    noise().save(tmp_path / "real" / "a.tif")
    (tmp_path / "b.tif").symlink_to(Path("real", "a.tif"))
    (tmp_path / "b.tif.xmp").write_bytes(packet(bag("Oma")))
    assert write(tmp_path / "b.tif", ["sea"]) == ("Oma", "sea")
    assert os.listdir(tmp_path / "real") == ["a.tif"]
