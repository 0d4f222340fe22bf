"""Readers of published segmentation sets as they are unpacked: Pascal VOC, COCO, CamVid."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from lexret.errors import InputError, MissingError
from lexret.eval.patches.masks import (
    CLASSES_FILE,
    Mask,
    MaskedImage,
    MaskedImages,
    named,
    pairs,
    read_folder,
    read_index_mask,
    read_pixels,
)
from lexret.files.text import read_json, read_text

# Everingham et al., "The Pascal Visual Object Classes Challenge", IJCV 2015; in separate words, as
# one says them. 0 is background, 255 the void around objects.
_VOC: Final = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "dining table", "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa",
    "train", "tv monitor",
)  # fmt: skip
# The 11 classes of Brostow et al. (2009) as Badrinarayanan et al. (SegNet) number them; 11 is void.
_CAMVID_11: Final = (
    "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian",
    "bicyclist",
)  # fmt: skip
_CAMVID_COLOURS: Final = ("class_dict.csv", "label_colors.txt")
_CAMVID_FOLDERS: Final = (
    ("val", "val_labels"), ("test", "test_labels"), ("train", "train_labels"),
    ("701_StillsRaw_full", "LabeledApproved_full"), ("images", "labels"),
)  # fmt: skip


def open_masked(folder: Path, *, split: str | None = None) -> MaskedImages:
    """Open a folder of one of the known layouts.

    Args:
        split: of VOC (a list in ``ImageSets/Segmentation``; else ``val``), COCO (``val2017``) and
            CamVid (``test``, ...; else the first that is there).

    Raises:
        MissingError: if there is no such folder.
        InputError: if its layout is not known or a file has another form.
    """
    if not folder.is_dir():
        raise MissingError(
            f"There is no folder {folder}; expected one of pictures with masks.", path=folder
        )
    if (folder / CLASSES_FILE).is_file():
        return read_folder(folder)
    if (folder / "SegmentationClass").is_dir():
        return read_voc(folder, split=split or "val")
    panoptic = sorted(folder.glob("panoptic_*.json")) + sorted(
        folder.glob("annotations/panoptic_*.json")
    )
    chosen = [path for path in panoptic if split is None or path.stem == f"panoptic_{split}"]
    if chosen:
        return read_coco_panoptic(chosen[0])
    if any((folder / name).is_file() for name in _CAMVID_COLOURS):
        return read_camvid(folder, split=split)
    if any(folder.glob("*annot")):
        return read_camvid_indices(folder, split=split or "test")
    raise InputError(
        f"{folder} has none of the known layouts: images/ with masks/ and classes.json, Pascal "
        "VOC, COCO panoptic or CamVid; docs/patchdis.md describes them."
    )


def read_voc(folder: Path, *, split: str) -> MaskedImages:
    """Read ``JPEGImages``, ``SegmentationClass`` and ``ImageSets/Segmentation/SPLIT.txt``."""
    names = _lines(folder / "ImageSets" / "Segmentation" / f"{split}.txt")
    items = pairs(folder / "JPEGImages", folder / "SegmentationClass", names=names)
    return MaskedImages(items, dict(enumerate(_VOC, start=1)), read_index_mask)


def read_coco_panoptic(annotations: Path) -> MaskedImages:
    """Read ``panoptic_SPLIT.json``: its PNGs in the folder of that name, pictures in ``SPLIT``.

    A PNG's colours are segment ids, R + 256 G + 65,536 B; segments say their category (Kirillov et
    al., "Panoptic Segmentation", CVPR 2019; COCO's data format).
    """
    values = read_json(annotations)
    try:
        classes = {int(entry["id"]): str(entry["name"]) for entry in values["categories"]}
        category_of = {
            Path(entry["file_name"]).stem: {
                int(segment["id"]): int(segment["category_id"])
                for segment in entry["segments_info"]
            }
            for entry in values["annotations"]
        }
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{annotations} is no panoptic annotation file: {error!r}.") from error
    name = annotations.stem.removeprefix("panoptic_")
    roots = (annotations.parent, annotations.parent.parent)
    images = next((r / name for r in roots if (r / name).is_dir()), annotations.parent / name)
    items = pairs(images, annotations.with_suffix(""), names=list(category_of))

    def read_ids(item: MaskedImage) -> Mask:
        return _read_colours(item, category_of[item.name], (1, 256, 65536), "segment ids")

    return MaskedImages(items, named(classes), read_ids)


def read_camvid(folder: Path, *, split: str | None) -> MaskedImages:
    """Read CamVid's colour masks with ``class_dict.csv`` or ``label_colors.txt``."""
    colours = _camvid_colours(folder)
    layouts = [(images, masks) for images, masks in _CAMVID_FOLDERS if split in (None, images)]
    for images, masks in layouts:
        if (folder / masks).is_dir():
            items = pairs(folder / images, folder / masks, ending="_L")
            break
    else:
        expected = ", ".join(masks for _, masks in layouts) or f"{split}_labels"
        raise InputError(f"{folder} has no folder of labels; expected one of {expected}.")
    id_of = {colour: number for number, (colour, _) in enumerate(colours)}

    def read_ids(item: MaskedImage) -> Mask:
        return _read_colours(item, id_of, (65536, 256, 1), "colours")

    return MaskedImages(items, named({i: name for i, (_, name) in enumerate(colours)}), read_ids)


def _read_colours(
    item: MaskedImage, id_of: Mapping[int, int], places: tuple[int, int, int], meaning: str
) -> Mask:
    """Return (H, W) the ids that a mask's colours stand for; -1 for colours without one.

    Args:
        places: what red, green and blue count in a colour's number.
        meaning: what the colours are, for messages.
    """
    pixels = read_pixels(item)
    if pixels.ndim != 3:
        raise InputError(f"The mask {item.mask} has one channel; expected three ({meaning}).")
    numbers_HW = pixels[..., :3].astype(np.int64) @ np.array(places)
    colours, places_HW = np.unique(numbers_HW, return_inverse=True)
    ids = np.array([id_of.get(colour, -1) for colour in colours.tolist()], dtype=np.int32)
    return ids[places_HW].reshape(numbers_HW.shape)


def _camvid_colours(folder: Path) -> list[tuple[int, str]]:
    """Return (colour code, name) of each class: lines ``name,r,g,b`` or ``r g b  name``."""
    path = next(folder / name for name in _CAMVID_COLOURS if (folder / name).is_file())
    found = []
    for line in _lines(path):
        numbers = [int(digits) for digits in re.findall(r"\b\d+\b", line)]
        name = re.search(r"[A-Za-z]\w*", line)
        if len(numbers) == 3 and name:
            found.append((numbers[0] * 65536 + numbers[1] * 256 + numbers[2], name.group()))
    if not found:
        raise InputError(f"{path} names no class with a colour (red, green, blue).")
    return found


def read_camvid_indices(folder: Path, *, split: str) -> MaskedImages:
    """Read CamVid as SegNet's authors give it: ``SPLIT`` and ``SPLITannot``, 11 classes."""
    items = pairs(folder / split, folder / f"{split}annot")
    return MaskedImages(items, dict(enumerate(_CAMVID_11)), read_index_mask)


def _lines(path: Path) -> list[str]:
    """Return the lines of a text file that are not blank."""
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]
