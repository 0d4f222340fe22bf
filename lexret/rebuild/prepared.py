"""Prepared pictures: what rebuilding needs of each, computed once and kept as arrays on disk.

A folder ``<fingerprint>`` holds arrays of N pictures with P backbone patches:

``pixels.npy`` (N, S, S, 3) uint8 ``coarse.npy`` (N, R * R, F) float16: the backbone's features,
averaged over R x R fields ``dense.npy`` (N, D) float16: the pictures' unit vectors in the
codebook's space ``word_ids.npy`` (N, K) int32, the strongest first; -1 where a picture has fewer
words ``word_weights.npy`` (N, K) float16, relative to the strongest word; 0 where there is none
``text_ids.npy`` (N, C, T) int32: tokens of C captions for the text encoder; -1 after the end
``prepared.json`` what they belong to; written last

Legend: F backbone features, D codebook dimension.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from lexret.captions.caption_set import CaptionSet
from lexret.encoders.image.pixels import square_pixels
from lexret.errors import CorruptError, InputError, StorageError
from lexret.files.folders import make_folder, whole_folder
from lexret.files.text import parse_json
from lexret.sparse import SparseBatch

if TYPE_CHECKING:
    from lexret.encoders.lexical_model import LexicalModel

FIELDS: Final = 3
MOST_WORDS: Final = 296
MOST_TOKENS: Final = 24
NUM_CAPTIONS: Final = 5
_ARRAYS: Final = ("pixels", "coarse", "dense", "word_ids", "word_weights", "text_ids")
_AT_ONCE: Final = 64
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class PreparedPictures:
    """N prepared pictures; see the module for the arrays."""

    pixels: npt.NDArray[np.uint8]
    coarse: npt.NDArray[np.float16]
    dense: npt.NDArray[np.float16]
    word_ids: npt.NDArray[np.int32]
    word_weights: npt.NDArray[np.float16]
    text_ids: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.pixels)

    @classmethod
    def joined(cls, parts: list[PreparedPictures]) -> PreparedPictures:
        """Concatenate several sets, in memory."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS))

    def reduced(self, side: int) -> PreparedPictures:
        """Return the pictures at a smaller side: each pixel the mean of a square of them.

        Raises:
            InputError: if the side they have is no multiple of it.
        """
        found = self.pixels.shape[1]
        if found == side:
            return self
        if found % side:
            raise InputError(
                f"Pictures were prepared at {found} px, which is no multiple of {side} px."
            )
        step = found // side
        parts = []
        for start in range(0, len(self), 1024):
            squares = self.pixels[start : start + 1024].reshape(-1, side, step, side, step, 3)
            parts.append(np.rint(squares.mean((2, 4), dtype=np.float32)).astype(np.uint8))
        return replace(self, pixels=np.concatenate(parts))

    def rows(self, rows: npt.NDArray[np.int64] | slice) -> PreparedPictures:
        """Return some of the pictures."""
        return PreparedPictures(*(getattr(self, name)[rows] for name in _ARRAYS))


def prepared_pictures(
    captions: CaptionSet,
    model: LexicalModel,
    folder: Path,
    *,
    side: int,
    feature_cache: Path,
    progress: Progress | None = None,
) -> PreparedPictures:
    """Return a set's prepared pictures; those that are missing are made.

    Args:
        model: whose words and whose backbone.
        folder: holds one sub-folder a set, side and model.
        side: pixels of a picture's side.
        feature_cache: of the backbone's features; see
            :func:`lexret.encoders.image.feature_cache.cached_features`.
        progress: called with (pictures done, pictures in all).

    Raises:
        ImageError, MissingError: if a picture cannot be read.
        StorageError: if the folder cannot be written.
        CorruptError: if what is there cannot be read.
    """
    identity = {
        "format": 1,
        "pictures": captions.fingerprint,
        "side": side,
        "model": model.model_id,
        "fields": FIELDS,
        "words": MOST_WORDS,
        "tokens": [NUM_CAPTIONS, MOST_TOKENS],
    }
    place = folder / hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    if not (place / "prepared.json").is_file():
        arrays = _prepare(captions, model, side, feature_cache, progress)
        try:
            make_folder(folder)
            with whole_folder(place) as fresh:
                for name, array in arrays.items():
                    np.save(fresh / f"{name}.npy", array)
                (fresh / "prepared.json").write_text(json.dumps(identity), encoding="utf-8")
        except OSError as error:
            raise StorageError(f"Cannot keep prepared pictures in {place}: {error}.") from error
    return _opened(place, len(captions))


def _opened(place: Path, num_pictures: int) -> PreparedPictures:
    try:
        parse_json((place / "prepared.json").read_text(encoding="utf-8"))
        arrays = [np.load(place / f"{name}.npy", mmap_mode="r") for name in _ARRAYS]
    except (OSError, ValueError) as error:
        raise CorruptError(f"The prepared pictures in {place} cannot be read: {error}.") from error
    if any(len(array) != num_pictures for array in arrays):
        raise CorruptError(f"{place} does not hold {num_pictures} pictures; delete it.")
    return PreparedPictures(*arrays)


def _prepare(
    captions: CaptionSet,
    model: LexicalModel,
    side: int,
    feature_cache: Path,
    progress: Progress | None,
) -> dict[str, npt.NDArray[Any]]:
    import torch

    from lexret.encoders.image.feature_cache import cached_features
    from lexret.encoders.model.image_encoder import ImageEncoder

    encoder = ImageEncoder(model.checkpoint, precision="bfloat16")
    features = cached_features(
        captions,
        model.checkpoint.config.image,
        feature_cache,
        progress=progress,
        backbone=encoder.backbone,
    )
    parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in _ARRAYS[:5]}
    for start in range(0, len(captions), _AT_ONCE):
        rows = range(start, min(start + _AT_ONCE, len(captions)))
        parts["pixels"].append(
            np.stack([square_pixels(captions.image(i), side).transpose(1, 2, 0) for i in rows])
        )
        chunk_BPF = torch.from_numpy(np.array(features[start : start + _AT_ONCE])).float()
        parts["coarse"].append(averaged_fields(chunk_BPF.numpy()).astype(np.float16))
        parts["dense"].append(encoder.dense_pictures(chunk_BPF).astype(np.float16))
        ids, weights = ranked_words(encoder.encode_features(chunk_BPF), MOST_WORDS)
        parts["word_ids"].append(ids)
        parts["word_weights"].append(weights.astype(np.float16))
        if progress is not None:
            progress(rows.stop, len(captions))
    arrays = {name: np.concatenate(found) for name, found in parts.items()}
    arrays["text_ids"] = caption_tokens(captions, model)
    return arrays


def averaged_fields(features_BPF: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return (B, R * R, F) patch features of a square grid, averaged over R x R even fields."""
    batch, patches, width = features_BPF.shape
    side = round(patches**0.5)
    grid = features_BPF.reshape(batch, side, side, width)
    edges = [round(side * i / FIELDS) for i in range(FIELDS + 1)]
    fields = [
        grid[:, edges[row] : max(edges[row + 1], edges[row] + 1),
             edges[column] : max(edges[column + 1], edges[column] + 1)].mean((1, 2))
        for row in range(FIELDS)
        for column in range(FIELDS)
    ]  # fmt: skip
    return np.stack(fields, axis=1)


def ranked_words(
    vectors: SparseBatch, k: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Return (N, k) the words of sparse vectors by falling weight, and (N, k) their weights.

    Weights are relative to the strongest word's; where there is no word, -1 and 0.
    """
    ids = np.full((len(vectors), k), -1, np.int32)
    weights = np.zeros((len(vectors), k), np.float32)
    for row, vector in enumerate(vectors):
        order = np.lexsort((vector.term_ids, -vector.weights))[:k]
        ids[row, : len(order)] = vector.term_ids[order]
        if len(order):
            weights[row, : len(order)] = vector.weights[order] / vector.weights[order[0]]
    return ids, weights


def caption_tokens(captions: CaptionSet, model: LexicalModel) -> npt.NDArray[np.int32]:
    """Return (N, C, T) token ids of each picture's first captions, -1 after their end.

    Fewer captions than C are repeated.

    Raises:
        InputError: if the model's text side is no transformer.
    """
    from lexret.encoders.text.transformer import TextTransformer

    transformer = model.contextual_text.side.transformer
    if not isinstance(transformer, TextTransformer):
        raise InputError(f"The model {model.model_id} has no text transformer; expected one.")
    tokenizer = transformer.tokenizer
    found = np.full((len(captions), NUM_CAPTIONS, MOST_TOKENS), -1, np.int32)
    for i in range(len(captions)):
        texts = captions.captions(i)
        encoded = tokenizer(
            [texts[j % len(texts)] for j in range(NUM_CAPTIONS)],
            truncation=True,
            max_length=MOST_TOKENS,
        )["input_ids"]
        for j, ids in enumerate(encoded):
            found[i, j, : len(ids)] = ids
    return found
