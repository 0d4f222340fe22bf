"""Image side of a lexical model that was made of a two-tower model.

Legend: B pictures, P patches, S pixels a side, D dimensions, V words.
"""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from lexret.config import Activation, ImageConfig
from lexret.encoders.image.pixels import square_pixels
from lexret.encoders.image.standardising import standardised
from lexret.encoders.protocol import PatchGrid
from lexret.encoders.tower_source import DIGEST
from lexret.encoders.towers.opening import open_towers
from lexret.encoders.towers.pursuit import pursue


class TowerBackbone(nn.Module):
    """Backbone that is the picture tower of a two-tower model.

    Its features are the picture's unit vector, then those of its patches, in the space that both
    towers share. Where patches are not told apart, the picture's vector is its only patch, too.
    Pictures are resized (not cropped) to a square, so that a patch is a fixed part of the whole
    picture.

    Raises:
        CorruptError: if the tower's weights are not those that the model was made of.
        InputError, MissingError, MissingPackageError: if the tower cannot be loaded.
    """

    def __init__(self, config: ImageConfig) -> None:
        super().__init__()
        self.config = config
        side = config.image_size // config.stride
        self.grid = PatchGrid(side, side)
        digest = config.weights.removeprefix(DIGEST)
        self.towers = open_towers(config.backbone, fingerprint=digest)

    @property
    def num_vectors(self) -> int:
        """Vectors of a picture: its own, and one a patch."""
        return 1 + len(self.grid)

    def train(self, mode: bool = True) -> TowerBackbone:
        """Stay in evaluation mode."""
        return super().train(False)

    def transform(self, image: Image.Image) -> Tensor:
        """Return a (3, S, S) uint8 tensor of an RGB picture, resized with antialiasing.

        Raises:
            InputError: if the picture is not RGB.
        """
        return torch.from_numpy(square_pixels(image, self.config.image_size))

    @torch.inference_mode()
    def forward(self, pixels_B3SS: Tensor) -> Tensor:
        """Return (B, 1 + P, D) unit vectors of uint8 pixels."""
        inputs_B3SS = standardised(pixels_B3SS, self.config.mean, self.config.std)
        if len(self.grid) == 1:
            pictures_BD = self.towers.encode_pictures(inputs_B3SS)
            features = pictures_BD.unsqueeze(1).expand(-1, 2, -1)
        else:
            pictures_BD, patches_BPD = self.towers.encode_patches(inputs_B3SS)
            features = torch.cat([pictures_BD.unsqueeze(1), patches_BPD], dim=1)
        return functional.normalize(features.float(), dim=-1)


class PursuitSide(nn.Module):
    """Image side that writes a picture's vector as a sum of a few words' vectors.

    A patch has the picture's words, each by how much more than nothing its own vector is like the
    word's; the likest patch has the picture's whole weight of it. So the largest weight over the
    patches is the picture's, as of any model.

    Args:
        num_words: steps of the pursuit.
        codebook_VD: the words' unit vectors; a row of zeros is a word that no picture has.
    """

    mean_D: Tensor
    codebook_VD: Tensor

    def __init__(self, num_words: int, codebook_VD: Tensor) -> None:
        super().__init__()
        self.num_words = num_words
        self.register_buffer("codebook_VD", codebook_VD)
        # The mean of pictures, which says nothing of one of them.
        self.register_buffer("mean_D", codebook_VD.new_zeros(codebook_VD.shape[1]))

    def word_weights(
        self,
        features_BPF: Tensor,
        activation: Activation,
        *,
        precision: torch.dtype = torch.float32,
    ) -> Tensor:
        """Return (B, V) weights of the pictures' words, not normalised, always in float32."""
        with torch.autocast(features_BPF.device.type, enabled=False):
            return pursue(self._centred(features_BPF[:, 0]), self.codebook_VD, self.num_words)

    def patch_weights(self, features_BPF: Tensor, activation: Activation) -> Tensor:
        """Return (B, P, V) weights of every patch; their maximum is :meth:`word_weights`."""
        weights_BV = self.word_weights(features_BPF, activation)
        likeness_BPV = self._centred(features_BPF[:, 1:]) @ self.codebook_VD.t()
        likeness_BPV.sub_(likeness_BPV.amin(1, keepdim=True)).clamp_min_(0.0)
        most_B1V = likeness_BPV.amax(1, keepdim=True)
        # Where all patches are alike, each has the whole weight.
        shares_BPV = torch.where(most_B1V > 0, likeness_BPV / most_B1V.clamp_min(1e-12), 1.0)
        return shares_BPV * weights_BV.unsqueeze(1)

    def patch_vectors(self, features_BPF: Tensor) -> Tensor:
        """Return (B, P, D) patches in the towers' space."""
        return features_BPF[:, 1:]

    def with_picture_vectors(self, features_BPF: Tensor) -> tuple[Tensor, Tensor]:
        """Return :meth:`patch_vectors`, and (B, D) vectors of the whole pictures."""
        return features_BPF[:, 1:], features_BPF[:, 0]

    def _centred(self, vectors: Tensor) -> Tensor:
        return functional.normalize(vectors.float() - self.mean_D, dim=-1)
