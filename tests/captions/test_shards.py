"""Webdataset shards: what is indexed, what is left out, and what is an error."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexret.captions.shards import ShardCaptions, find_shards, open_shards
from lexret.captions.sources import open_captions
from lexret.errors import CorruptError, ImageError, InputError, MissingError


def picture(colour: tuple[int, int, int] = (200, 20, 20), form: str = "JPEG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(stream, form)
    return stream.getvalue()


def shard(path: Path, members: dict[str, bytes | str]) -> Path:
    """Write a tar file of the members, in their order."""
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


RED, BLUE = (200, 20, 20), (20, 20, 200)


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder of two shards with two samples each, captions as text and as JSON."""
    folder = tmp_path / "shards"
    folder.mkdir()
    shard(
        folder / "00000.tar",
        {
            "000.jpg": picture(RED),
            "000.txt": "A red\n picture. ",
            "000.json": json.dumps({"caption": "not this one", "url": "x"}),
            "001.json": json.dumps({"captions": ["one", "zwei"]}),
            "001.png": picture(BLUE, "PNG"),
        },
    )
    shard(
        folder / "00001.tar",
        {
            "part/a.long.name.JPG": picture(),  # the extension is all after the first dot
            "part/b.JPG": picture(BLUE),
            "part/b.json": json.dumps({"caption": "Blau, groß"}),
            "part/c.webp": picture(RED, "WEBP"),
            "part/c.txt": "red again",
        },
    )
    return folder


def test_samples_are_read_in_order_from_any_place(shards: Path) -> None:
    captions = open_captions(f"webdataset:{shards}")
    assert [captions.name(i) for i in range(len(captions))] == [
        *("00000.tar/000", "00000.tar/001", "00001.tar/part/b", "00001.tar/part/c")
    ]
    assert captions.captions(3) == ("red again",)
    assert captions.captions(0) == ("A red picture.",)
    assert captions.captions(1) == ("one", "zwei")
    assert captions.captions(2) == ("Blau, groß",)
    assert captions.image(1).getpixel((3, 3)) == BLUE
    assert captions.image(2).size == (40, 30)
    assert captions.image(3).mode == "RGB"


def test_what_cannot_be_used_is_left_out_and_told(tmp_path: Path) -> None:
    path = shard(
        tmp_path / "0.tar",
        {
            **{"0.jpg": picture(), "0.txt": "kept"},
            **{"1.txt": "no picture"},
            **{"2.jpg": picture()},
            **{"3.jpg": b"", "3.txt": "empty picture"},
            **{"4.jpg": picture(), "4.txt": "  "},
            **{"5.jpg": picture(), "5.txt": b"\xff\xfe"},
            **{"6.jpg": picture(), "6.json": "{"},
            **{"7.jpg": picture(), "7.json": '["a text"]'},
            **{"8.jpg": picture(), "8.json": '{"caption": 7}'},
        },
    )
    captions = open_shards(str(path))
    assert len(captions) == 1
    told = {sample.name: sample.problem for sample in captions.skipped}
    assert list(told) == [f"0.tar/{i}" for i in range(1, 9)]
    problems = ("no picture", "no caption", "0 bytes", "is blank", "utf-8", "Expecting property")
    problems += ("no caption", "the captions are 7")
    for (name, problem), expected in zip(told.items(), problems, strict=True):
        assert expected in problem, name


def test_a_kept_index_is_the_same_and_made_once(shards: Path, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    cache = tmp_path / "cache"

    def opened(cache: Path | None) -> ShardCaptions:
        progress = lambda done, total: calls.append((done, total))  # noqa: E731
        return open_shards(str(shards), cache=cache, progress=progress)

    fresh, kept, again = opened(None), opened(cache), opened(cache)
    assert calls == [(1, 2), (2, 2)] * 2
    for captions in (kept, again):
        assert [captions.captions(i) for i in range(4)] == [fresh.captions(i) for i in range(4)]
        assert captions.fingerprint == fresh.fingerprint
        assert captions.skipped == fresh.skipped
        assert np.array_equal(captions.image(2), fresh.image(2))
    shard(shards / "00001.tar", {"b.jpg": picture(), "b.txt": "other"})
    changed = opened(cache)
    assert len(changed) == 3
    assert changed.fingerprint != fresh.fingerprint


def test_a_damaged_index_is_reported(shards: Path, tmp_path: Path) -> None:
    open_shards(str(shards), cache=tmp_path / "cache")
    (texts,) = (tmp_path / "cache").glob("shards-*/texts.bin")
    texts.write_bytes(texts.read_bytes()[:-1])
    with pytest.raises(CorruptError, match="delete that folder"):
        open_shards(str(shards), cache=tmp_path / "cache")


@pytest.mark.parametrize("share", [0.3, 0.5, 0.75])
def test_shards_that_are_cut_short_are_all_named(shards: Path, share: float) -> None:
    for path in shards.iterdir():
        content = path.read_bytes().rstrip(b"\0")
        path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CorruptError, match=r"00000\.tar .*00001\.tar .*Fetch them again"):
        open_shards(str(shards))


def test_a_shard_that_breaks_off_between_two_members_is_cut_short(shards: Path) -> None:
    path = shards / "00000.tar"
    with tarfile.open(path) as archive:
        second = archive.getmembers()[1].offset
    path.write_bytes(path.read_bytes()[:second])
    with pytest.raises(CorruptError, match=r"00000\.tar is cut short: at byte"):
        open_shards(str(shards))


def test_a_broken_picture_is_told_when_it_is_read(tmp_path: Path) -> None:
    members = {"0.jpg": picture()[:300], "0.txt": "x", "1.jpg": b"<html>", "1.txt": "y"}
    captions = open_shards(str(shard(tmp_path / "0.tar", members)))
    with pytest.raises(ImageError, match=r"0\.tar/0 is (cut short|damaged)"):
        captions.image(0)
    with pytest.raises(ImageError, match=r"0\.tar/1 is not a picture"):
        captions.image(1)
    (tmp_path / "0.tar").unlink()
    with pytest.raises(MissingError, match="no shard"):
        captions.image(0)


def test_patterns_name_shards_in_order(shards: Path) -> None:
    both = [shards / "00000.tar", shards / "00001.tar"]
    assert find_shards(str(shards)) == both
    assert find_shards(f"{shards}/*.tar") == both
    assert find_shards(f"{shards}/{{00000..00001}}.tar") == both
    assert find_shards(str(both[1])) == both[1:]
    with pytest.raises(MissingError, match=r"no shard .*00002\.tar"):
        find_shards(f"{shards}/{{00000..00002}}.tar")
    for pattern in (f"{shards}/*.zip", str(shards / "gone.tar")):
        with pytest.raises(MissingError, match="no shard"):
            find_shards(pattern)
    with pytest.raises(InputError, match="No shards are named"):
        find_shards("")


def test_shards_that_cannot_be_used_are_errors(tmp_path: Path) -> None:
    (tmp_path / "0.tar.gz").write_bytes(b"")
    with pytest.raises(InputError, match="compressed"):
        open_shards(f"{tmp_path}/*.gz")
    (tmp_path / "1.tar").write_bytes(b"no tar file" * 100)
    with pytest.raises(CorruptError, match=r"1\.tar is damaged or no tar file"):
        open_shards(str(tmp_path / "1.tar"))
    shard(tmp_path / "2.tar", {"a.cls": "7", "a.mp3": b"x"})
    with pytest.raises(InputError, match=r"no usable sample \(skipped 1, the first: no picture"):
        open_shards(str(tmp_path / "2.tar"))
