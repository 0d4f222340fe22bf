"""Encoder of pictures in torch.

Legend: B items, P patches, F backbone features, D codebook dimension, V words.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from lexret.config import ModelConfig
from lexret.encoders.folder.checkpoint import Checkpoint
from lexret.encoders.folder.loading import codebook_of, load_side
from lexret.encoders.image.backbones import ImageBackbone
from lexret.encoders.image.image_side import ImageSide
from lexret.encoders.model.computing import in_chunks, lowered, unit_rows
from lexret.encoders.model.vectors import image_vectors, keep_strongest
from lexret.encoders.protocol import PatchEncoding, PatchGrid, require_pictures
from lexret.encoders.threshold import least_weight
from lexret.encoders.towers.picture_side import PursuitSide, TowerBackbone
from lexret.sparse import FloatArray, Precision, SparseBatch
from lexret.vocabulary import Vocabulary

_NUM_TRANSFORMERS: Final = 4


class ImageEncoder:
    """Encoder of pictures; implements :class:`~lexret.encoders.protocol.PatchEncoder`.

    Args:
        precision: what the vectors of pictures, and the features that :meth:`features` gives, are
            computed in; ``bfloat16`` is about twice as fast on processors that have
            instructions for it (avx512_bf16, AMX). Patches and dense vectors
            (:meth:`encode_patches`, :meth:`encode_dense`) are always computed in float32 from
            pictures; all results are float32.
        device: what it computes on; features and vectors that it gives are on the CPU.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        precision: Precision = "float32",
        device: torch.device | None = None,
    ) -> None:
        self._precision: Precision = precision
        self._device = device or torch.device("cpu")
        self._config = checkpoint.config
        self._model_id = checkpoint.model_id
        self._vocabulary = checkpoint.vocabulary
        self._backbone = _backbone(checkpoint.config).to(self._device)
        codebook_VD = codebook_of(checkpoint, "image.codebook_VD")
        self._side = _side(checkpoint.config, codebook_VD)
        load_side(self._side, checkpoint, "image.")
        self._side.to(self._device)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words that the vectors weigh."""
        return self._vocabulary

    @property
    def model_id(self) -> str:
        """Identity of the model."""
        return self._model_id

    @property
    def precision(self) -> Precision:
        """What pictures' vectors are computed in; indexes record it."""
        return self._precision

    @property
    def grid(self) -> PatchGrid:
        """How the patches lie over a picture."""
        return self._backbone.grid

    @property
    def runtime(self) -> str:
        """What computes the vectors, and its version; indexes record it."""
        return f"torch {torch.__version__}"

    @property
    def backbone(self) -> ImageBackbone | TowerBackbone:
        """The frozen backbone, for exports; do not change it."""
        return self._backbone

    @property
    def side(self) -> ImageSide | PursuitSide:
        """The network, for training that learns from it; do not change it."""
        return self._side

    def features(self, images: Sequence[Image.Image]) -> Tensor:
        """Return (B, P, F) frozen backbone features of RGB pictures, on the CPU."""
        return self.features_of_pixels(self._pixels(images))

    def pixels(self, image: Image.Image) -> Tensor:
        """Return the (3, S, S) uint8 pixels that the backbone sees; threads may call it."""
        return self._backbone.transform(image)

    def features_of_pixels(self, pixels_B3SS: Tensor) -> Tensor:
        """Return :meth:`features` of pixels that :meth:`pixels` gave."""
        return self._features(pixels_B3SS).cpu()

    def _features(self, pixels_B3SS: Tensor) -> Tensor:
        """Return the features on the encoder's device."""
        with lowered(self._precision, self._device):
            result: Tensor = self._backbone(pixels_B3SS.to(self._device))
        return result.float()

    def encode_pixels(self, pixels_B3SS: Tensor) -> SparseBatch:
        """Return the vectors of :meth:`encode` for pixels that :meth:`pixels` gave."""
        return self.encode_features(self._features(pixels_B3SS))

    def encode(self, images: Sequence[Image.Image], *, batch_size: int = 32) -> SparseBatch:
        """Return one L2-normalised vector a picture, its ``max_image_words`` strongest words.

        Raises:
            InputError: if it is not given a list of pictures of Pillow.
        """
        batches = [
            self.encode_pixels(self._pixels(chunk)) for chunk in in_chunks(images, batch_size)
        ]
        return SparseBatch.concatenate(batches, self._vocabulary)

    @torch.inference_mode()
    def encode_features(self, features_BPF: Tensor) -> SparseBatch:
        """Return the vectors of :meth:`encode` for features that :meth:`features` gave."""
        with lowered(self._precision, self._device):
            weights_BV = self._side.word_weights(
                features_BPF.to(self._device),
                self._config.activation,
                precision=getattr(torch, self._precision),
            )
        return image_vectors(weights_BV.float().cpu(), self._config, self._vocabulary)

    @torch.inference_mode()
    def encode_dense(
        self, images: Sequence[Image.Image], *, batch_size: int = 32
    ) -> npt.NDArray[np.float32]:
        """Return (B, D) unit vectors of whole pictures, in the codebook's space, without words.

        Their inner product with :meth:`TextEncoder.encode_dense` is what the model learns to match
        besides its words.
        """
        rows = [
            self._side.with_picture_vectors(self._whole_features(chunk))[1].cpu()
            for chunk in in_chunks(images, batch_size)
        ]
        return unit_rows(rows, self._side.codebook_VD.shape[1])

    @torch.inference_mode()
    def encode_patches(self, images: Sequence[Image.Image]) -> list[PatchEncoding]:
        """Return the pictures' vectors with those of their patches, on one scale, in float32."""
        require_pictures(images)
        return [self._encode_patches(self._whole_features([image])) for image in images]

    @torch.inference_mode()
    def encode_patch_features(self, features_BPF: Tensor) -> list[PatchEncoding]:
        """Return the vectors of :meth:`encode_patches` for features that :meth:`features` gave."""
        return [
            self._encode_patches(features_1PF.to(self._device))
            for features_1PF in features_BPF.split(1)
        ]

    @torch.inference_mode()
    def dense_pictures(self, features_BPF: Tensor) -> FloatArray:
        """Return (B, D) unit vectors of pictures from features; see :meth:`encode_dense`."""
        pictures_BD = self._side.with_picture_vectors(features_BPF.to(self._device))[1]
        unit_BD: FloatArray = functional.normalize(pictures_BD, dim=-1).float().cpu().numpy()
        return unit_BD

    @torch.inference_mode()
    def dense_patches(self, features_BPF: Tensor) -> FloatArray:
        """Return (B, P, D) unit vectors of patches in the codebook's space, before the words."""
        patches_BPD = self._side.patch_vectors(features_BPF.to(self._device))
        unit_BPD: FloatArray = functional.normalize(patches_BPD, dim=-1).float().cpu().numpy()
        return unit_BPD

    def _whole_features(self, images: Sequence[Image.Image]) -> Tensor:
        """Return features in full precision on the encoder's device."""
        result: Tensor = self._backbone(self._pixels(images).to(self._device))
        return result

    def _pixels(self, images: Sequence[Image.Image]) -> Tensor:
        """Return (B, 3, S, S) pixels, transformed in threads: resizing lets other threads run."""
        require_pictures(images)
        # A picture that is named twice is transformed once: two threads must not load it together.
        distinct = {id(image): image for image in images}
        with ThreadPoolExecutor(_NUM_TRANSFORMERS, thread_name_prefix="lexret-transform") as pool:
            done = dict(zip(distinct, pool.map(self.pixels, distinct.values()), strict=True))
        return torch.stack([done[id(image)] for image in images])

    def _encode_patches(self, features_1PF: Tensor) -> PatchEncoding:
        weights_PV = self._side.patch_weights(features_1PF, self._config.activation)[0].cpu()
        image_V, winners_V = weights_PV.max(0)
        weights_1V = image_V.unsqueeze(0)
        norm = keep_strongest(weights_1V, self._config.max_image_words).norm().clamp_min(1e-12)
        vector = image_vectors(weights_1V, self._config, self._vocabulary).row(0)
        if self._config.threshold > 0:
            # What is no word of a patch alone. No length may be greater than the picture's, so
            # that each of its words stays in the patch that gave it.
            norms_P1 = weights_PV.norm(dim=1, keepdim=True).clamp_max(norm)
            least_P1 = norms_P1 * least_weight(self._config.threshold)
            weights_PV = torch.where(weights_PV > least_P1, weights_PV, 0.0)
        return PatchEncoding(
            image=vector,
            patches=SparseBatch.from_dense((weights_PV / norm).numpy(), self._vocabulary),
            grid=self.grid,
            winning_patches=winners_V.numpy().astype(np.int32)[vector.term_ids],
        )


def _backbone(config: ModelConfig) -> ImageBackbone | TowerBackbone:
    is_tower = config.image.adapter == "pursuit"
    return TowerBackbone(config.image) if is_tower else ImageBackbone(config.image)


def _side(config: ModelConfig, codebook_VD: Tensor) -> ImageSide | PursuitSide:
    if config.image.adapter == "pursuit":
        return PursuitSide(config.max_image_words, codebook_VD)
    return ImageSide(config.image, codebook_VD)
