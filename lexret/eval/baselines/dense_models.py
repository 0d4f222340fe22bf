"""Dense models for comparison: CLIP and its kin, through open_clip or transformers.

``open_clip:ARCHITECTURE:PRETRAINED`` (PRETRAINED may be a file) or ``transformers:NAME`` (or a
folder). None of them ships with lexret; where a package or the weights are missing, the error says
how to get them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
from PIL import Image

from lexret.errors import InputError, MissingError, MissingPackageError
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
        f"Found the dense model {source!r}; expected open_clip:ARCHITECTURE:PRETRAINED or "
        "transformers:NAME."
    )


class _OpenClip:
    """Dense model of open_clip."""

    def __init__(self, name: str) -> None:
        try:
            import open_clip  # type: ignore[import-not-found,unused-ignore]
        except ImportError as error:
            raise MissingPackageError(
                f"open_clip:{name} needs the package open_clip_torch: pip install open_clip_torch"
            ) from error
        architecture, _, pretrained = name.partition(":")
        try:
            made = open_clip.create_model_and_transforms(architecture, pretrained or None)
        except (RuntimeError, OSError, ValueError) as error:
            raise MissingError(f"open_clip cannot load {name!r}: {error}") from error
        self._model, self._transform = made[0].eval(), made[2]
        self._tokenize = open_clip.get_tokenizer(architecture)

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
        from lexret.encoders.torchvision_ops import declare_missing_operators

        declare_missing_operators()
        from transformers import AutoModel, AutoProcessor

        try:
            self._model = AutoModel.from_pretrained(name).eval()
            self._processor = AutoProcessor.from_pretrained(name)
        except (OSError, ValueError) as error:
            raise MissingError(
                f"transformers cannot load {name!r}: {error}. Where no hub can be reached, name a "
                "folder that save_pretrained wrote."
            ) from error
        if not hasattr(self._model, "get_image_features"):
            raise InputError(f"{name!r} has no image and text features; expected CLIP or SigLIP.")

    def images(self, pictures: Sequence[Image.Image]) -> FloatArray:
        """Return (N, D) unit vectors."""
        import torch

        inputs = self._processor(images=list(pictures), return_tensors="pt")
        with torch.inference_mode():
            return _unit(_pooled(self._model.get_image_features(**inputs)))

    def texts(self, texts: Sequence[str]) -> FloatArray:
        """Return (N, D) unit vectors."""
        import torch

        # SigLIP was trained on texts of full length; CLIP's attention leaves the padding out.
        inputs = self._processor(
            text=list(texts), padding="max_length", truncation=True, return_tensors="pt"
        )
        with torch.inference_mode():
            return _unit(_pooled(self._model.get_text_features(**inputs)))


def _pooled(output: Any) -> Any:
    # transformers 5 wraps the features in an output object, transformers 4 gives the tensor.
    return output if hasattr(output, "norm") else output.pooler_output


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
