"""Readers of masks over small samples that are laid out as the published sets are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexret.errors import InputError, MissingError
from lexret.eval.patches.mask_formats import open_masked

# Six pixels of three kinds.
IDS = np.array([[0, 1, 1], [2, 2, 255]], dtype=np.uint8)


def save(path: Path, pixels: np.ndarray, mode: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(pixels)
    if mode == "P":
        picture = Image.new("P", (pixels.shape[1], pixels.shape[0]))
        picture.putdata(pixels.ravel().tolist())
        picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0] + [0] * 759)
    picture.save(path)


def photo(path: Path) -> None:
    save(path, np.zeros((2, 3, 3), np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photo(tmp_path / "images" / "a.jpg")
    save(tmp_path / "masks" / "a.png", IDS)
    classes = {"0": "unlabeled", "1": "person", "2": "sky-other-merged", "9": "dog"}
    (tmp_path / "classes.json").write_text(json.dumps(classes))
    return tmp_path


def test_a_plain_folder_is_read(folder: Path) -> None:
    found = open_masked(folder)
    assert found.names == ("person", "sky-other-merged", "dog")
    assert found.mask(0).tolist() == [[-1, 0, 0], [1, 1, -1]]
    assert found.image(0).size == (3, 2)


def test_some_classes_may_be_kept(folder: Path) -> None:
    things = open_masked(folder).only(range(2, 91))
    assert things.names == ("sky-other-merged", "dog")
    assert things.mask(0).tolist() == [[-1, -1, -1], [0, 0, -1]]
    with pytest.raises(InputError, match="there are 1 to 9"):
        open_masked(folder).only([77])


def test_pascal_voc_is_read_by_its_lists(tmp_path: Path) -> None:
    for name in ("2007_000033", "2007_000042"):
        photo(tmp_path / "JPEGImages" / f"{name}.jpg")
        save(tmp_path / "SegmentationClass" / f"{name}.png", IDS, "P")
    lists = tmp_path / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("2007_000042\n")
    found = open_masked(tmp_path)
    assert [item.name for item in found.items] == ["2007_000042"]
    assert (len(found.names), found.names[0], found.names[15]) == (20, "aeroplane", "potted plant")
    assert found.mask(0).tolist() == [[-1, 0, 0], [1, 1, -1]]  # indices, not colours
    with pytest.raises(MissingError, match=r"train\.txt"):
        open_masked(tmp_path, split="train")


def test_coco_panoptic_segments_become_their_categories(tmp_path: Path) -> None:
    photo(tmp_path / "val2017" / "000000000139.jpg")
    segments = {7: 1, 300: 1, 70000: 199}  # ids above 255 and 65,535
    ids = np.array([[7, 300, 0], [70000, 70000, 7]])
    colours = np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1).astype(np.uint8)
    save(tmp_path / "annotations" / "panoptic_val2017" / "000000000139.png", colours)
    values = {
        "annotations": [
            {
                "image_id": 139,
                "file_name": "000000000139.png",
                "segments_info": [
                    {"id": segment, "category_id": category, "iscrowd": 0, "area": 1}
                    for segment, category in segments.items()
                ],
            }
        ],
        "categories": [
            {"supercategory": "person", "isthing": 1, "id": 1, "name": "person"},
            {"supercategory": "wall", "isthing": 0, "id": 199, "name": "wall-other-merged"},
        ],
    }
    (tmp_path / "annotations" / "panoptic_val2017.json").write_text(json.dumps(values))
    found = open_masked(tmp_path)
    assert found.names == ("person", "wall-other-merged")
    assert found.mask(0).tolist() == [[0, 0, -1], [1, 1, 0]]


CAMVID_COLOURS = np.array(
    [[[128, 128, 128], [64, 0, 128], [0, 0, 0]], [[64, 0, 128], [192, 192, 128], [1, 2, 3]]],
    dtype=np.uint8,
)


@pytest.mark.parametrize(
    ("images", "labels", "colours", "text"),
    [
        ("val", "val_labels", "class_dict.csv",
         "name,r,g,b\nSky,128,128,128\nCar,64,0,128\nColumn_Pole,192,192,128\nVoid,0,0,0\n"),
        ("701_StillsRaw_full", "LabeledApproved_full", "label_colors.txt",
         "128 128 128\tSky\n64 0 128\tCar\n192 192 128\tColumn_Pole\n0 0 0\t\tVoid\n"),
    ],
)  # fmt: skip
def test_camvid_colours_are_read(
    tmp_path: Path, images: str, labels: str, colours: str, text: str
) -> None:
    photo(tmp_path / images / "0016E5_07959.png")
    save(tmp_path / labels / "0016E5_07959_L.png", CAMVID_COLOURS)
    (tmp_path / colours).write_text(text)
    found = open_masked(tmp_path)
    assert found.names == ("Sky", "Car", "Column_Pole")
    assert found.mask(0).tolist() == [[0, 1, -1], [1, 2, -1]]


def test_camvid_of_eleven_classes_is_read(tmp_path: Path) -> None:
    photo(tmp_path / "test" / "0001TP_008550.png")
    save(tmp_path / "testannot" / "0001TP_008550.png", np.array([[0, 8, 11]], np.uint8))
    found = open_masked(tmp_path)
    assert (found.names[0], found.names[8], len(found.names)) == ("sky", "car", 11)
    assert found.mask(0).tolist() == [[0, 8, -1]]


def test_what_does_not_fit_is_told(folder: Path, tmp_path_factory) -> None:
    with pytest.raises(InputError, match="none of the known layouts"):
        open_masked(tmp_path_factory.mktemp("empty"))
    with pytest.raises(MissingError, match="no folder"):
        open_masked(folder / "none")
    save(folder / "masks" / "b.png", IDS)
    with pytest.raises(InputError, match="1 of 2 pictures lack the file"):
        open_masked(folder)
    (folder / "masks" / "b.png").unlink()
    save(folder / "masks" / "a.png", np.zeros((2, 3, 3), np.uint8))
    with pytest.raises(InputError, match="3 channels; expected one"):
        open_masked(folder).mask(0)
    (folder / "masks" / "a.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="cannot be read"):
        open_masked(folder).mask(0)
    (folder / "classes.json").write_text('["person"]')
    with pytest.raises(InputError, match="expected"):
        open_masked(folder)
