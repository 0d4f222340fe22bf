"""Pictures of the captions that a static text encoder is taught with.

Legend: P pictures, B pictures of a batch, Q patches, D codebook dimension, F backbone features, U
words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from lexret.captions.caption_set import CaptionSet
from lexret.captions.joined import JoinedCaptions
from lexret.encoders.activations import activate
from lexret.encoders.image.feature_cache import (
    CachedFeatures,
    Features,
    JoinedFeatures,
    cached_features,
)
from lexret.encoders.image.image_side import ImageSide
from lexret.encoders.lexical_model import LexicalModel
from lexret.encoders.towers.picture_side import PursuitSide
from lexret.training.precision import quick_precision

_BATCH: Final = 32


class CaptionPictures:
    """Pictures of a caption set, encoded on demand.

    Args:
        numbers: which pictures, in the order of their captions.
        feature_cache: a folder with backbone features, as training keeps them; missing ones are
            added. None: the backbone encodes the pictures and nothing is kept.
        progress: called with "features" or "pictures", how many are done and how many there are.
    """

    def __init__(
        self,
        model: LexicalModel,
        captions: CaptionSet,
        numbers: Sequence[int],
        feature_cache: Path | None,
        progress: Callable[[str, int, int], None],
    ) -> None:
        self._model, self._captions, self._numbers = model, captions, list(numbers)
        self._feature_cache, self._progress = feature_cache, progress

    @property
    def owners(self) -> list[int]:
        """For each caption the number of its picture, from 0."""
        return [new for new, i in enumerate(self._numbers) for _ in self._captions.captions(i)]

    @torch.no_grad()
    def weights(self, word_ids_U: Tensor) -> Tensor:
        """Return (P, U) bfloat16 activations for some words.

        Raises:
            ImageError: if a picture cannot be read.
        """
        side, images = self._model.torch_images.side, self._model.torch_images
        device = side.codebook_VD.device
        chosen_U = word_ids_U.to(device)
        features = self._features()
        parts = []
        for start in range(0, len(self._numbers), _BATCH):
            chunk = self._numbers[start : start + _BATCH]
            if features is None:
                features_BQF = images.features([self._captions.image(i) for i in chunk])
            else:
                features_BQF = torch.from_numpy(features[np.array(chunk)].astype(np.float32))
            weights_BU = self._weights(side, features_BQF.to(device), chosen_U)
            parts.append(weights_BU.bfloat16().cpu())
            self._progress("pictures", start + len(chunk), len(self._numbers))
        return torch.cat(parts)

    def _weights(
        self, side: ImageSide | PursuitSide, features_BQF: Tensor, chosen_U: Tensor
    ) -> Tensor:
        activation = self._model.checkpoint.config.activation
        if isinstance(side, PursuitSide):
            return side.word_weights(features_BQF, activation)[:, chosen_U]
        codebook_UD = side.codebook_VD[chosen_U]
        vectors_BQD = side.patch_vectors(features_BQF)
        with quick_precision():
            logits_BU = (vectors_BQD @ codebook_UD.t()).amax(1).float() + side.bias_V[chosen_U]
        return activate(logits_BU, activation)

    def _features(self) -> CachedFeatures | None:
        if self._feature_cache is None:
            return None
        if isinstance(self._captions, JoinedCaptions):
            # Each set has a cache of its own, as training keeps them.
            return JoinedFeatures([self._cached(part) for part in self._captions.sets])
        return self._cached(self._captions)

    def _cached(self, captions: CaptionSet) -> Features:
        assert self._feature_cache is not None
        return cached_features(
            captions,
            self._model.checkpoint.config.image,
            self._feature_cache,
            progress=lambda done, total: self._progress("features", done, total),
            device=self._model.device,
            backbone=self._model.torch_images.backbone,
        )
