"""Pictures with semantic masks, which PatchDis is measured on.

Every reader gives classes with names as one says them, and masks of their numbers; pixels without a
name (unlabelled, void, background) are -1. Layouts are told apart by the files that are there;
docs/patchdis.md describes them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from lexret.errors import InputError, MissingError
from lexret.files.text import read_json
from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_image
from lexret.pictures.finding import find_images

Mask = npt.NDArray[np.int32]

CLASSES_FILE: Final = "classes.json"
# Names of pixels that were not labelled, or that stand for "none of these".
UNNAMED: Final = frozenset({"", "unlabeled", "unlabelled", "void", "ignore", "background", "other"})
# COCO appends these to the names of stuff; they name nothing that a picture shows.
_COCO_ENDINGS: Final = re.compile(r"-(merged|stuff|other)$")


@dataclass(frozen=True, slots=True)
class MaskedImage:
    """Picture file with its mask file."""

    name: str
    image: Path
    mask: Path


@dataclass(frozen=True, eq=False)
class MaskedImages:
    """Pictures with masks.

    Attributes:
        items: the files.
        classes: class id -> name; ids without a name are not there.
        read_ids: (H, W) class ids of a mask file.
    """

    items: tuple[MaskedImage, ...]
    classes: Mapping[int, str]
    read_ids: Callable[[MaskedImage], Mask]

    def __post_init__(self) -> None:
        if not self.items or not self.classes:
            raise InputError(
                f"Found {len(self.items)} pictures with masks and {len(self.classes)} named "
                "classes; expected one or more of each."
            )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over classes, names and the masks' bytes."""
        digest = hashlib.sha256(json.dumps(sorted(self.classes.items())).encode())
        for item in self.items:
            digest.update(item.name.encode() + b"\0" + item.mask.read_bytes())
        return digest.hexdigest()

    @property
    def names(self) -> tuple[str, ...]:
        """The classes' names, by rising id."""
        return tuple(self.classes[number] for number in sorted(self.classes))

    def image(self, i: int) -> Image.Image:
        """Read picture ``i``: RGB, upright."""
        return open_image(self.items[i].image, min_side=ENCODING_MIN_SIDE)

    def mask(self, i: int) -> Mask:
        """Return (H, W) places in :attr:`names`, -1 where a pixel has none of these names."""
        ids_HW = self.read_ids(self.items[i])
        ids_K = np.array(sorted(self.classes), dtype=np.int64)
        places_HW = np.searchsorted(ids_K, ids_HW).clip(max=len(ids_K) - 1)
        return np.where(ids_K[places_HW] == ids_HW, places_HW, -1).astype(np.int32)

    def only(self, ids: Sequence[int]) -> MaskedImages:
        """Keep these classes; pixels of the others have no name then.

        Raises:
            InputError: if none of the ids is a class.
        """
        wanted = frozenset(ids)
        kept = {number: name for number, name in self.classes.items() if number in wanted}
        if not kept:
            raise InputError(
                f"None of the ids asked for is a class; there are {min(self.classes)} to "
                f"{max(self.classes)}."
            )
        return MaskedImages(self.items, kept, self.read_ids)


def read_folder(folder: Path) -> MaskedImages:
    """Read ``images/``, ``masks/*.png`` (a pixel is its class id) and ``classes.json``.

    Raises:
        InputError: if a file is missing or has another form.
    """
    classes = read_classes(folder / CLASSES_FILE)
    return MaskedImages(pairs(folder / "images", folder / "masks"), classes, read_index_mask)


def read_classes(path: Path) -> dict[int, str]:
    """Read ``{"id": "name"}``; names that stand for no class are left out.

    Raises:
        MissingError: if there is no such file.
        InputError: if it has another form.
    """
    values = read_json(path)
    if not isinstance(values, dict) or not all(
        key.isascii() and key.isdigit() and isinstance(name, str) for key, name in values.items()
    ):
        raise InputError(f'{path} holds {str(values)[:80]}; expected {{"1": "person", ...}}.')
    return named({int(key): name for key, name in values.items()})


def named(classes: Mapping[int, str]) -> dict[int, str]:
    """Leave out ids whose name stands for no class."""
    return {number: name for number, name in classes.items() if name.strip().lower() not in UNNAMED}


def spoken(name: str) -> str:
    """Return a class's name as one says it: "wall-other-merged" is "wall", "Column_Pole" a pole."""
    plain = name
    while _COCO_ENDINGS.search(plain):
        plain = _COCO_ENDINGS.sub("", plain)
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain)
    return " ".join(re.split(r"[\s_-]+", plain)).strip().lower() or name


def pairs(
    images: Path, masks: Path, *, ending: str = "", names: Sequence[str] | None = None
) -> tuple[MaskedImage, ...]:
    """Pair pictures with masks of the same name.

    Args:
        ending: what a mask's name has behind the picture's.
        names: the pictures to take, without suffix; None: all that have a mask.

    Raises:
        MissingError: if a folder is missing.
        InputError: if a picture that was named, or a mask's picture, is missing.
    """
    if not masks.is_dir():
        raise MissingError(f"There is no folder of masks {masks}.", path=masks)
    by_stem = {path.stem: path for path in find_images(images)}
    found = {path.stem.removesuffix(ending): path for path in sorted(masks.glob(f"*{ending}.png"))}
    wanted = list(found) if names is None else list(names)
    missing = [name for name in wanted if name not in by_stem or name not in found]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(wanted)} pictures lack the file in {images} or the mask in "
            f"{masks}: {', '.join(missing[:5])}."
        )
    return tuple(MaskedImage(name, by_stem[name], found[name]) for name in wanted)


def read_index_mask(item: MaskedImage) -> Mask:
    """Return the values of a mask of one channel (of a palette's indices, not its colours).

    Raises:
        InputError: if it cannot be read or has colours.
    """
    values = read_pixels(item)
    if values.ndim != 2:
        raise InputError(
            f"The mask {item.mask} has {values.shape[-1]} channels; expected one, of class ids."
        )
    return values.astype(np.int32)


def read_pixels(item: MaskedImage) -> npt.NDArray[Any]:
    """Return a mask file's values as they are stored."""
    try:
        with Image.open(item.mask) as picture:
            return np.array(picture)
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"The mask {item.mask} cannot be read: {error}.") from error
