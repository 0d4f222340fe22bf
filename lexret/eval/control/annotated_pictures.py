"""Annotated pictures: any pictures to measure on, with what captions or masks say they show."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from lexret.captions.caption_set import CaptionSet
from lexret.captions.json_lines import CAPTIONS_FILE
from lexret.captions.sources import PREFIXES, open_captions
from lexret.errors import InputError, MissingError
from lexret.eval.control.concepts import Inventory
from lexret.eval.patches.mask_formats import open_masked
from lexret.eval.patches.masks import CLASSES_FILE, MaskedImages
from lexret.eval.retrieval.encoding import Progress, encode_pictures
from lexret.sparse import FloatArray, SparseBatch
from lexret.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexret.encoders.lexical_model import LexicalModel

_SOURCES: Final = (
    f"a captions file, a folder that holds {CAPTIONS_FILE}, or one of pictures with masks (such "
    f"as {CLASSES_FILE} beside images/ and masks/; docs/patchdis.md has the layouts)"
)


@dataclass(frozen=True, eq=False)
class AnnotatedPictures:
    """Annotated pictures: the vectors of I pictures, and what these show.

    Attributes:
        sparse: I rows.
        dense_ID: unit vectors, the mean of the pictures' dense patches.
        inventory: what they show.
        fingerprint: hash of names and of what they show.
    """

    sparse: SparseBatch
    dense_ID: FloatArray
    inventory: Inventory
    fingerprint: str


class RecordingEncoder:
    """Image encoder that also records the dense vectors of the pictures that it encodes."""

    def __init__(self, model: LexicalModel) -> None:
        self._images = model.torch_images
        self._dense: list[FloatArray] = []

    @property
    def vocabulary(self) -> Vocabulary:
        """The words that the vectors weigh."""
        return self._images.vocabulary

    @property
    def model_id(self) -> str:
        """Identity of the model."""
        return self._images.model_id

    def encode(self, items: Sequence[Image.Image], *, batch_size: int = 32) -> SparseBatch:
        """Encode pictures as the model does."""
        encoded = []
        for start in range(0, len(items), batch_size):
            features_BPF = self._images.features(items[start : start + batch_size])
            encoded.append(self.encode_features(features_BPF))
        return SparseBatch.concatenate(encoded, self.vocabulary)

    def encode_features(self, features_BPF: Any) -> SparseBatch:
        """Encode pictures from their backbone features."""
        from lexret.encoders.towers.picture_side import PursuitSide

        images = self._images
        if isinstance(images.side, PursuitSide):  # the towers' own vectors
            self._dense.append(images.dense_pictures(features_BPF))
        else:
            self._dense.append(images.dense_patches(features_BPF).mean(axis=1))
        return self._images.encode_features(features_BPF)

    def dense(self) -> FloatArray:
        """Return (I, D) unit vectors of all pictures so far."""
        means_ID = np.concatenate(self._dense)
        unit: FloatArray = means_ID / np.linalg.norm(means_ID, axis=1, keepdims=True)
        return unit


def check_source(source: str) -> None:
    """Raise MissingError where a source is neither captions nor pictures with masks.

    It is quick, so that it comes before a model is loaded. Sources with a prefix, such as
    ``coco:``, are looked at when they are opened.
    """
    place = Path(source)
    if any(source.startswith(prefix) for prefix in PREFIXES) or place.is_file():
        return
    if not place.exists():
        raise MissingError(f"There is no {source}; expected {_SOURCES}.", path=place)
    if not (place / CAPTIONS_FILE).is_file() and masks_in(place) is None:
        raise MissingError(f"The folder {source} holds neither of what is expected: {_SOURCES}.")


def open_annotated(
    source: str, model: LexicalModel, *, batch_size: int = 32, progress: Progress | None = None
) -> AnnotatedPictures:
    """Encode pictures with captions, or a folder of pictures with masks.

    Raises:
        MissingError: if there is no such source.
        InputError: if a picture cannot be read.
    """
    check_source(source)
    encoder = RecordingEncoder(model)
    masked = masks_in(Path(source))
    if masked is not None:
        count = len(masked.items)
        sparse = encode_pictures(masked.image, count, encoder, batch_size, progress)
        return annotated_by_masks(masked, sparse, encoder.dense())
    captions = open_captions(source)
    sparse = encode_pictures(captions.image, len(captions), encoder, batch_size, progress)
    return annotated_by_captions(captions, sparse, encoder.dense())


def annotated_by_masks(
    masked: MaskedImages, sparse: SparseBatch, dense_ID: FloatArray
) -> AnnotatedPictures:
    """Annotate encoded pictures with what their masks show."""
    names = [item.name for item in masked.items]
    return _annotated(names, Inventory.of_masks(masked), sparse, dense_ID)


def annotated_by_captions(
    captions: CaptionSet, sparse: SparseBatch, dense_ID: FloatArray
) -> AnnotatedPictures:
    """Annotate encoded pictures with what their captions mention."""
    numbers = range(len(captions))
    inventory = Inventory.of_captions(captions.captions(i) for i in numbers)
    return _annotated([captions.name(i) for i in numbers], inventory, sparse, dense_ID)


def _annotated(
    names: Sequence[str], inventory: Inventory, sparse: SparseBatch, dense_ID: FloatArray
) -> AnnotatedPictures:
    digest = hashlib.sha256("\n".join([*names, *inventory.names]).encode())
    digest.update(np.packbits(inventory.shown_CI).tobytes())
    return AnnotatedPictures(sparse, dense_ID, inventory, digest.hexdigest())


def masks_in(folder: Path) -> MaskedImages | None:
    """Open a folder of pictures with masks; ``None`` if the source is something else.

    Raises:
        InputError: if it is such a folder and cannot be used.
    """
    if not folder.is_dir() or (folder / CAPTIONS_FILE).is_file():
        return None
    try:
        return open_masked(folder)
    except InputError:
        if (folder / CLASSES_FILE).is_file():
            raise
        return None
