"""Captions files and data sets: what is read, and what is said where they are broken."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from lexret.captions.caption_set import CaptionedImage
from lexret.captions.json_lines import read_captions
from lexret.captions.sources import open_captions
from lexret.errors import ImageError, InputError, MissingError, MissingPackageError

Writer = Callable[..., Path]


@pytest.fixture
def write(picture_folder: Path) -> Writer:
    """Write a captions file beside the pictures; a dict becomes a JSON line."""

    def writer(*lines: object, name: str = "captions.jsonl") -> Path:
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path = picture_folder / name
        path.write_text("\n".join(texts), encoding="utf-8")
        return path

    return writer


RED = {"image": "red.png", "captions": ["A red picture.", "Rot"]}
NOISE = {"image": "more/noise.png", "captions": ["grey noise"], "license": 3}


def test_reads_pictures_relative_to_the_file(write: Writer, picture_folder: Path) -> None:
    path = write(RED, "", NOISE, "")
    assert read_captions(path) == [
        CaptionedImage("red.png", picture_folder / "red.png", ("A red picture.", "Rot")),
        CaptionedImage("more/noise.png", picture_folder / "more" / "noise.png", ("grey noise",)),
    ]


def test_a_folder_stands_for_its_captions_file(write: Writer, picture_folder: Path) -> None:
    assert read_captions(write(RED)) == read_captions(picture_folder)


def test_a_set_gives_captions_names_and_upright_rgb_pictures(
    write: Writer, picture_folder: Path
) -> None:
    turned = Image.new("L", (40, 20))
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned by a quarter
    turned.save(picture_folder / "turned.jpg", exif=exif)
    captions = open_captions(str(write(RED, {"image": "turned.jpg", "captions": ["x"]})))
    assert len(captions) == 2
    assert captions.captions(0) == ("A red picture.", "Rot")
    assert captions.name(1) == "turned.jpg"
    assert captions.image(1).size == (20, 40)
    assert captions.image(1).mode == "RGB"


def test_the_fingerprint_follows_names_captions_and_their_order(
    write: Writer, tmp_path: Path
) -> None:
    first = open_captions(write(RED, NOISE, name="a.jsonl")).fingerprint
    assert open_captions(write(RED, NOISE, name="b.jsonl")).fingerprint == first
    assert open_captions(write(NOISE, RED, name="c.jsonl")).fingerprint != first
    joined = {**RED, "captions": ["A red picture.Rot"]}
    assert open_captions(write(joined, NOISE, name="d.jsonl")).fingerprint != first


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("{'image': 1}", "no JSON"),
        ("[1, 2]", "found [1, 2]"),
        ({"picture": "red.png", "captions": ["x"]}, "no ['image'] among the keys"),
        ({"image": "blue.jpg"}, "no ['captions']"),
        ({"image": 7, "captions": ["x"]}, "the image is 7"),
        ({"image": "", "captions": ["x"]}, "the image is ''"),
        ({"image": "blue.jpg", "captions": "one text"}, "the captions are 'one text'"),
        ({"image": "blue.jpg", "captions": ["x", 3]}, "the captions are ['x', 3]"),
        ({"image": "blue.jpg", "captions": ["\ud83d"]}, "the captions are ['\\ud83d']"),
        ({"image": "blue.jpg", "captions": []}, "there is no caption"),
        ({"image": "blue.jpg", "captions": ["x", "  "]}, "caption 2 of 2 is blank"),
    ],
)
def test_a_broken_line_is_named_with_what_was_found_and_expected(
    write: Writer, line: object, found: str
) -> None:
    path = write(RED, line)
    with pytest.raises(InputError) as caught:
        read_captions(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:2: ")
    assert found in message
    assert 'expected {"image": "path", "captions": ["text", ...]}' in message


def test_a_line_that_is_not_utf8_is_named(write: Writer) -> None:
    path = write(RED)
    path.write_bytes(path.read_bytes() + b'\n{"image": "caf\xe9.jpg"}')
    with pytest.raises(InputError, match=r":2: not UTF-8"):
        read_captions(path)


def test_a_repeated_picture_is_an_error(write: Writer) -> None:
    with pytest.raises(InputError, match=r":3: the picture 'red.png' stands on line 1 already"):
        read_captions(write(RED, NOISE, RED))


def test_missing_pictures_are_counted_and_the_first_named(write: Writer) -> None:
    gone = [{"image": f"gone{i}.png", "captions": ["x"]} for i in range(7)]
    with pytest.raises(InputError) as caught:
        read_captions(write(RED, *gone))
    message = str(caught.value)
    assert message.startswith("7 of the 8 pictures")
    assert "gone0.png" in message
    assert "gone4.png and 2 more" in message
    assert "gone5.png" not in message


def test_an_empty_file_is_an_error(write: Writer) -> None:
    with pytest.raises(InputError, match="is empty"):
        read_captions(write("", ""))


def test_a_missing_file_or_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no captions file"):
        open_captions(str(tmp_path / "gone.jsonl"))
    with pytest.raises(MissingError, match=r"holds no captions\.jsonl"):
        open_captions(tmp_path)


def test_an_unreadable_picture_is_told_when_it_is_read(write: Writer, picture_folder: Path) -> None:
    (picture_folder / "red.png").write_bytes(b"")
    captions = open_captions(write(RED))
    with pytest.raises(ImageError, match=r"red\.png is empty"):
        captions.image(0)


def save(folder: Path, columns: dict[str, list[object]], *, split: str | None = None) -> str:
    """Save a small data set to disk and return its source."""
    datasets = pytest.importorskip("datasets")
    types = {column: datasets.Image() for column in ("image", "jpg") if column in columns}
    rows = datasets.Dataset.from_dict(columns)
    for column, kind in types.items():
        rows = rows.cast_column(column, kind)
    (rows if split is None else datasets.DatasetDict({split: rows})).save_to_disk(folder)
    return f"datasets:{folder}"


def pictures(folder: Path) -> list[object]:
    return [str(folder / "red.png"), str(folder / "blue.jpg")]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"captions": [["a", "b"], ["c"]]}, ("a", "b")),
        ({"caption": ["a", "c"]}, ("a",)),
        ({"sentences": [["a", "b"], ["c"]]}, ("a", "b")),
        ({"text": ["a", "c"], "other": [1, 2]}, ("a",)),
        ({"caption_0": ["a", "c"], "caption_1": ["b", "d"]}, ("a", "b")),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_saved_data_set_is_read(
    tmp_path: Path, picture_folder: Path, columns: dict[str, list[object]], expected: object
) -> None:
    source = save(tmp_path / "saved", {"image": pictures(picture_folder), **columns})
    captions = open_captions(source)
    assert len(captions) == 2
    assert captions.captions(0) == expected
    assert captions.image(0).getpixel((3, 3)) == (200, 20, 20)
    assert captions.image(1).size == (32, 48)
    assert captions.name(1).endswith("[1]")
    assert captions.fingerprint == open_captions(source).fingerprint


def test_columns_may_be_named(tmp_path: Path, picture_folder: Path) -> None:
    columns = {"jpg": pictures(picture_folder), "alt": ["a", "c"], "long": [["b", "x"], ["d"]]}
    source = save(tmp_path / "saved", columns)
    one = open_captions(f"{source}?image=jpg&captions=alt")
    assert [one.captions(i) for i in range(2)] == [("a",), ("c",)]
    assert one.image(0).getpixel((3, 3)) == (200, 20, 20)
    both = open_captions(f"{source}?captions=alt,long&image=jpg")
    assert both.captions(0) == ("a", "b", "x")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("?image=jpg", r"expected captions in one of \['captions'"),
        ("?image=jpg&captions=alt,none", r"expected captions in one of \['none'\]"),
        ("?captions=alt", r"expected pictures \(type Image\) in a column 'image'"),
        ("?picture=jpg", "expected columns as in .*image=COLUMN&captions"),
        ("?captions=", "found 'captions='"),
    ],
)
def test_columns_that_are_not_there_are_named(
    tmp_path: Path, picture_folder: Path, named: str, message: str
) -> None:
    source = save(tmp_path / "saved", {"jpg": pictures(picture_folder), "alt": ["a", "c"]})
    with pytest.raises(InputError, match=message):
        open_captions(f"{source}{named}")


def test_a_split_is_chosen_by_name(tmp_path: Path, picture_folder: Path) -> None:
    columns = {"image": pictures(picture_folder), "caption": ["a", "b"]}
    source = save(tmp_path / "saved", columns, split="test")
    assert open_captions(f"{source}:test").name(0) == "test[0]"
    assert len(open_captions(source)) == 2
    with pytest.raises(InputError, match=r"has no split 'dev'; choose one of \['test'\]"):
        open_captions(f"{source}:dev")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": [1, 2]}, r"label \(Value\); expected captions in one of"),
        ({"caption": ["a", None]}, r"row 1, column 'caption': the captions are \[None\]"),
        ({"captions": [["a"], []]}, r"row 1, column 'captions': there is no caption"),
    ],
)
def test_a_data_set_without_fitting_columns_is_an_error(
    tmp_path: Path, picture_folder: Path, columns: dict[str, list[object]], message: str
) -> None:
    source = save(tmp_path / "saved", {"image": pictures(picture_folder), **columns})
    with pytest.raises(InputError, match=message):
        open_captions(source)


def test_a_data_set_without_pictures_is_an_error(tmp_path: Path) -> None:
    source = save(tmp_path / "saved", {"photo": ["a.jpg"], "caption": ["a"]})
    with pytest.raises(InputError, match=r"photo \(Value\), caption .*expected pictures"):
        open_captions(source)


def test_a_hub_that_cannot_be_reached_is_one_error_without_noise(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    datasets = pytest.importorskip("datasets")

    def fail(name: str, *, split: str | None) -> None:
        logging.getLogger("huggingface_hub").warning("Retrying in 1s")
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(InputError, match=r"no network.*Check its name"):
        open_captions("datasets:nobody/nothing")
    assert caplog.records == []


def test_without_the_package_the_message_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'lexret\[datasets\]'"):
        open_captions("datasets:nlphuji/flickr30k:test")
