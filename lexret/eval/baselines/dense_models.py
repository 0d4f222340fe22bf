"""Dense models for comparison: CLIP and its kin, through open_clip or transformers.

``open_clip:ARCHITECTURE/PRETRAINED`` (or with a colon; PRETRAINED may be a file) or
``transformers:NAME`` (or a folder). None of them ships with lexret; where a package or the weights
are missing, the error says how to get them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
from PIL import Image

from lexret.errors import InputError
from lexret.sparse import FloatArray

_BATCH: Final = 32


class DenseModel(Protocol):
    """Dense model: pictures and texts to unit vectors of one space."""

    def images(self, pictures: Sequence[Image.Image]) -> FloatArray:
        """Return (N, D) unit vectors."""
        ...

    def texts(self, texts: Sequence[str]) -> FloatArray:
        """Return (N, D) unit vectors."""
        ...


def open_dense_model(source: str) -> DenseModel:
    """Load a dense model.

    Raises:
        InputError: if the source is of neither kind.
        MissingPackageError: if its package is not installed.
        MissingError: if its weights cannot be loaded.
    """
    kind, _, name = source.partition(":")
    if kind == "open_clip" and name:
        return _OpenClip(name)
    if kind == "transformers" and name:
        return _Transformers(name)
    raise InputError(
        f"Found the dense model {source!r}; expected open_clip:ARCHITECTURE/PRETRAINED or "
        "transformers:NAME."
    )


class _OpenClip:
    """Dense model of open_clip."""

    def __init__(self, name: str) -> None:
        from lexret.encoders.tower_source import parse_source
        from lexret.encoders.towers.open_clip_towers import load_open_clip

        self._model: Any
        self._model, self._transform, self._tokenize = load_open_clip(
            parse_source(f"open_clip:{name}")
        )

    def images(self, pictures: Sequence[Image.Image]) -> FloatArray:
        """Return (N, D) unit vectors."""
        import torch

        pixels = torch.stack([self._transform(picture) for picture in pictures])
        with torch.inference_mode():
            return _unit(self._model.encode_image(pixels))

    def texts(self, texts: Sequence[str]) -> FloatArray:
        """Return (N, D) unit vectors."""
        import torch

        with torch.inference_mode():
            return _unit(self._model.encode_text(self._tokenize(list(texts))))


class _Transformers:
    """Dense model of transformers."""

    def __init__(self, name: str) -> None:
        from lexret.encoders.towers.transformers_towers import load_transformers

        self._model: Any
        self._model, self._processor = load_transformers(name)

    def images(self, pictures: Sequence[Image.Image]) -> FloatArray:
        """Return (N, D) unit vectors."""
        import torch

        from lexret.encoders.towers.transformers_towers import pooled

        inputs = self._processor(images=list(pictures), return_tensors="pt")
        with torch.inference_mode():
            return _unit(pooled(self._model.get_image_features(**inputs)))

    def texts(self, texts: Sequence[str]) -> FloatArray:
        """Return (N, D) unit vectors."""
        import torch

        from lexret.encoders.towers.transformers_towers import pooled

        # SigLIP was trained on texts of full length; CLIP's attention leaves the padding out.
        inputs = self._processor.tokenizer(
            list(texts),
            padding="max_length",
            truncation=True,
            max_length=int(self._model.config.text_config.max_position_embeddings),
            return_tensors="pt",
        )
        with torch.inference_mode():
            return _unit(pooled(self._model.get_text_features(**inputs)))


def _unit(vectors: Any) -> FloatArray:
    found: FloatArray = vectors.float().numpy().astype(np.float32)
    unit: FloatArray = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
    return unit


def dense_scores(
    model: DenseModel, pictures: Sequence[Image.Image], texts: Sequence[str]
) -> FloatArray:
    """Return (I, T) cosines."""
    images_ID = np.concatenate(
        [
            model.images(pictures[start : start + _BATCH])
            for start in range(0, len(pictures), _BATCH)
        ]
    )
    texts_TD = np.concatenate(
        [model.texts(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
    )
    scores: FloatArray = images_ID @ texts_TD.T
    return scores
