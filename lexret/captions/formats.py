"""Readers of the two common caption formats: Karpathy's splits and COCO's annotations.

``karpathy:FILE[:SPLIT[:IMAGES]]`` is one of ``dataset_flickr8k.json``, ``dataset_flickr30k.json``
and ``dataset_coco.json`` (Karpathy and Fei-Fei, CVPR 2015)::

    {"images": [{"filename": "1.jpg", "split": "test", "sentences": [{"raw": "A dog."}]}]}

``coco:FILE[:IMAGES]`` is an annotation file such as ``captions_val2017.json`` (Lin et al., 2014)::

    {"images": [{"id": 9, "file_name": "9.jpg"}],
     "annotations": [{"id": 38, "image_id": 9, "caption": "A dog."}]}

IMAGES is the folder of the pictures; without it, that of FILE is searched and the one above, with
the folders that Flickr8k, Flickr30k and COCO usually have there (``images``, ``flickr30k-images``,
``val2017``, ...). Captions are taken as they are written, without white space around them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from lexret.captions.caption_set import CaptionedImage, first_few
from lexret.errors import InputError
from lexret.files.text import read_json

# As the data sets are unpacked; Flickr8k's archive has the odd spelling.
_IMAGE_FOLDERS: Final = (
    *("images", "Images", "flickr30k-images", "flickr30k_images"),
    *("Flicker8k_Dataset", "Flickr8k_Dataset"),
)
_PARTS: Final = ("train2017", "val2017", "train2014", "val2014", "test2015")


def read_karpathy(source: str) -> list[CaptionedImage]:
    """Read ``FILE[:SPLIT[:IMAGES]]``; without a split, ``test``.

    Raises:
        MissingError: if there is no such file.
        InputError: if it does not have the documented form, the split is empty, or pictures are
            missing.
    """
    path, rest = _cut(source)
    split, _, images = rest.partition(":")
    split = split or "test"
    values = _load(path, "images")
    splits = {str(_field(image, "split", path)) for image in values["images"]}
    chosen = [image for image in values["images"] if image["split"] == split]
    if not chosen:
        found = ", ".join(sorted(splits)) or "no picture"
        raise InputError(f"{path} has no split {split!r}; it has {found}.")
    items = []
    for image in chosen:
        names = (str(image.get("filepath") or ""), str(_field(image, "filename", path)))
        name = "/".join(filter(None, names))
        sentences = _field(image, "sentences", path)
        texts = [str(_field(sentence, "raw", path)).strip() for sentence in sentences]
        ids = [str(sentence.get("sentid", "")) for sentence in sentences]
        image_id = str(image.get("cocoid", ""))
        items.append(_Entry(name, image_id, texts, ids))
    return _placed(path, images, items)


def read_coco(source: str) -> list[CaptionedImage]:
    """Read ``FILE[:IMAGES]``; pictures without captions are left out.

    Raises:
        MissingError: if there is no such file.
        InputError: if it does not have the documented form, or pictures are missing.
    """
    path, images = _cut(source)
    values = _load(path, "images", "annotations")
    entries = {}
    for image in values["images"]:
        name, image_id = str(_field(image, "file_name", path)), _id(image, "id", path)
        entries[image_id] = _Entry(name, str(image_id), [], [])
    for annotation in values["annotations"]:
        image_id = _id(annotation, "image_id", path)
        if image_id not in entries:
            raise InputError(
                f"{path}: a caption is of the picture {image_id}, which is not among its images."
            )
        entry = entries[image_id]
        entry.captions.append(str(_field(annotation, "caption", path)).strip())
        entry.caption_ids.append(str(annotation.get("id", "")))
    return _placed(path, images, [entry for entry in entries.values() if entry.captions])


def _usual_folders(folder: Path) -> list[Path]:
    """Return where the pictures of a captions file in a folder may be."""
    return [
        base / images / part
        for base in (folder, folder.parent)
        for images in ("", *_IMAGE_FOLDERS)
        for part in ("", *_PARTS)
    ]


class _Entry:
    """Entry of a file: a picture with captions, before it is looked for on disk."""

    def __init__(
        self, name: str, image_id: str, captions: list[str], caption_ids: list[str]
    ) -> None:
        self.name = name
        self.image_id = image_id
        self.captions = captions
        self.caption_ids = caption_ids


def _cut(source: str) -> tuple[Path, str]:
    """Cut at the first colon after the file's name; its path must not hold one."""
    file, _, rest = source.partition(":")
    if not file:
        raise InputError("No file is named; expected karpathy:FILE[:SPLIT] or coco:FILE.")
    return Path(file), rest


def _load(path: Path, *keys: str) -> dict[str, Any]:
    values = read_json(path, what="captions file")
    for key in keys:
        if not isinstance(values, dict) or not isinstance(values.get(key), list):
            found = sorted(values) if isinstance(values, dict) else type(values).__name__
            raise InputError(f"{path} holds {found}; expected an object with a list {key!r}.")
        if not all(isinstance(item, dict) for item in values[key]):
            raise InputError(f"{path}: expected objects in the list {key!r}.")
    return dict(values)


def _field(values: Any, key: str, path: Path) -> Any:
    if not isinstance(values, dict) or key not in values:
        raise InputError(f"{path}: expected {key!r} in {str(values)[:80]}.")
    return values[key]


def _id(values: Any, key: str, path: Path) -> int | str:
    found = _field(values, key, path)
    if not isinstance(found, int | str):
        raise InputError(f"{path}: {key!r} is {str(found)[:80]}; expected a number or a name.")
    return found


def _placed(path: Path, images: str, entries: Sequence[_Entry]) -> list[CaptionedImage]:
    """Find the pictures' folder and check that every picture is there, with captions."""
    if not entries:
        raise InputError(f"{path} names no picture with captions.")
    blank = [entry.name for entry in entries if not entry.captions or not all(entry.captions)]
    if blank:
        raise InputError(f"{path}: {len(blank)} pictures lack a caption: {first_few(blank)}.")
    folders = [Path(images)] if images else _usual_folders(path.parent)
    # Unlike that of Path, isfile is false of a name that no file can have.
    folder = next((f for f in folders if os.path.isfile(f / entries[0].name)), folders[0])
    missing = [entry.name for entry in entries if not os.path.isfile(folder / entry.name)]
    if missing:
        raise InputError(
            f"{len(missing)} of the {len(entries)} pictures that {path} names are not in "
            f"{folder}{'' if images else ' or a usual folder near it'}: {first_few(missing)}. Name "
            "their folder at the "
            "end, as in coco:FILE:FOLDER or karpathy:FILE:SPLIT:FOLDER."
        )
    return [
        CaptionedImage(
            entry.name,
            folder / entry.name,
            tuple(entry.captions),
            image_id=entry.image_id,
            caption_ids=tuple(entry.caption_ids) if all(entry.caption_ids) else (),
        )
        for entry in entries
    ]
