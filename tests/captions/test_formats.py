"""Karpathy's split files and COCO's annotations, as the published files are laid out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lexret.captions.caption_set import FileCaptions
from lexret.captions.sources import open_captions
from lexret.errors import InputError, MissingError

FLICKR8K = {
    "images": [
        {
            "sentids": [0, 1],
            "imgid": 0,
            "sentences": [
                {"tokens": ["a", "dog"], "raw": "A dog .", "imgid": 0, "sentid": 0},
                {"tokens": ["it", "runs"], "raw": "It runs . ", "imgid": 0, "sentid": 1},
            ],
            "split": "train",
            "filename": "2513260012_03d33305cf.jpg",
        },
        {
            "sentids": [2],
            "imgid": 1,
            "sentences": [{"tokens": ["a", "car"], "raw": "A car .", "imgid": 1, "sentid": 2}],
            "split": "test",
            "filename": "2903617548_d3e38d7f88.jpg",
        },
    ],
    "dataset": "flickr8k",
}
COCO_SPLITS = {
    "images": [
        {
            "filepath": "val2014",
            "sentids": [770337],
            "filename": "COCO_val2014_000000391895.jpg",
            "imgid": 0,
            "split": "test",
            "sentences": [{"tokens": ["a", "man"], "raw": "A man. ", "imgid": 0, "sentid": 770337}],
            "cocoid": 391895,
        }
    ],
    "dataset": "coco",
}
COCO = {
    "info": {"year": 2017},
    "licenses": [{"id": 4, "name": "Attribution License"}],
    "images": [
        {"license": 4, "file_name": "000000397133.jpg", "height": 427, "width": 640, "id": 397133},
        {"license": 4, "file_name": "000000037777.jpg", "height": 230, "width": 352, "id": 37777},
        {"license": 4, "file_name": "000000000001.jpg", "height": 230, "width": 352, "id": 1},
    ],
    "annotations": [
        {"image_id": 37777, "id": 38, "caption": "A kitchen."},
        {"image_id": 397133, "id": 94, "caption": "A man in a kitchen\n"},
        {"image_id": 37777, "id": 182, "caption": "A small kitchen."},
    ],
}


def place(folder: Path, values: Any, *pictures: str) -> Path:
    for name in pictures:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    (folder / "file.json").write_text(json.dumps(values), encoding="utf-8")
    return folder / "file.json"


def test_flickr8k_splits_are_read(tmp_path: Path) -> None:
    names = [image["filename"] for image in FLICKR8K["images"]]  # type: ignore[index]
    file = place(tmp_path, FLICKR8K, f"images/{names[0]}", f"photos/{names[1]}")
    train = open_captions(f"karpathy:{file}:train")
    assert isinstance(train, FileCaptions)
    assert (train.name(0), train.captions(0)) == (names[0], ("A dog .", "It runs ."))
    assert train.caption_ids(0) == ("0", "1")
    assert train.image(0).size == (8, 8)
    test = open_captions(f"karpathy:{file}:test:{tmp_path / 'photos'}")
    assert test.captions(0) == ("A car .",)


def test_coco_splits_have_folders_and_coco_ids(tmp_path: Path) -> None:
    file = place(tmp_path, COCO_SPLITS, "val2014/COCO_val2014_000000391895.jpg")
    found = open_captions(f"karpathy:{file}")
    assert isinstance(found, FileCaptions)
    assert found.captions(0) == ("A man.",)
    assert (found.image_id(0), found.caption_ids(0)) == ("391895", ("770337",))


def test_coco_annotations_are_gathered_by_picture(tmp_path: Path) -> None:
    file = place(tmp_path, COCO, "val2017/000000397133.jpg", "val2017/000000037777.jpg")
    found = open_captions(f"coco:{file}:{tmp_path / 'val2017'}")
    assert isinstance(found, FileCaptions)
    assert len(found) == 2  # a picture without captions is none to ask for
    assert found.captions(0) == ("A man in a kitchen",)
    assert found.captions(1) == ("A kitchen.", "A small kitchen.")
    assert (found.image_id(1), found.caption_ids(1)) == ("37777", ("38", "182"))


@pytest.mark.parametrize("folder", ["../val2017", "../images/val2017", "val2017", "../images"])
def test_cocos_pictures_are_found_beside_its_annotations(tmp_path: Path, folder: str) -> None:
    names = [image["file_name"] for image in COCO["images"]]  # type: ignore[index]
    file = place(tmp_path / "annotations", COCO, *(f"{folder}/{name}" for name in names))
    found = open_captions(f"coco:{file}")
    assert len(found) == 2
    assert found.image(1).size == (8, 8)


@pytest.mark.parametrize("folder", ["flickr30k-images", "flickr30k_images", "../flickr30k-images"])
def test_flickr30ks_pictures_are_found_beside_its_splits(tmp_path: Path, folder: str) -> None:
    names = [image["filename"] for image in FLICKR8K["images"]]  # type: ignore[index]
    file = place(tmp_path / "karpathy", FLICKR8K, *(f"{folder}/{name}" for name in names))
    assert open_captions(f"karpathy:{file}:train").image(0).size == (8, 8)


def test_captions_without_ids_are_numbered(picture_folder: Path) -> None:
    line = {"image": "red.png", "captions": ["red", "a red square"]}
    (picture_folder / "captions.jsonl").write_text(json.dumps(line), encoding="utf-8")
    found = open_captions(picture_folder)
    assert isinstance(found, FileCaptions)
    assert (found.image_id(0), found.caption_ids(0)) == ("red.png", ("red.png#0", "red.png#1"))


def test_pictures_that_are_not_there_are_counted_and_the_remedy_told(tmp_path: Path) -> None:
    file = place(tmp_path, COCO)
    with pytest.raises(InputError, match=r"2 of the 2 pictures .* as in coco:FILE:FOLDER"):
        open_captions(f"coco:{file}")


@pytest.mark.parametrize(
    ("source", "values", "message"),
    [
        ("karpathy:{}:dev", FLICKR8K, "no split 'dev'; it has test, train"),
        ("karpathy:{}", {"images": [{"filename": "a"}]}, "expected 'split'"),
        ("karpathy:{}", [], "holds list; expected an object with a list 'images'"),
        ("coco:{}", {"images": []}, "expected an object with a list 'annotations'"),
        ("coco:{}", {"images": [], "annotations": [{"image_id": 3, "caption": "x"}]}, "picture 3"),
        ("coco:{}", {"images": [], "annotations": []}, "names no picture with captions"),
    ],
)
def test_files_of_another_form_are_errors(
    tmp_path: Path, source: str, values: Any, message: str
) -> None:
    file = place(tmp_path, values)
    with pytest.raises(InputError, match=message):
        open_captions(source.format(file))


def test_a_missing_or_broken_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no captions file"):
        open_captions(f"coco:{tmp_path / 'none.json'}")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        open_captions(f"karpathy:{tmp_path / 'bad.json'}")
