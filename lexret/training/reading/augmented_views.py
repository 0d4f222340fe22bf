"""Augmented views: pictures that are read again in each step, without cached features.

They are for sets whose features fit on no disk, and for augmentation. What is done to a picture is
a function of seed, step and picture, so that a resumed run sees the same. Threads read and resize
the pictures (Pillow does both outside of Python's lock); the backbone then encodes them together.

Legend: P patches, F features, S the backbone's image size.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps
from torch import Tensor

from lexret.captions.caption_set import CaptionSet
from lexret.config import DataConfig
from lexret.encoders.image.backbones import ImageBackbone
from lexret.errors import ImageError, MissingError
from lexret.training.random_draws import Stream, generator
from lexret.training.reading.unreadable import UnreadablePictures

# Sides of a crop: between 3:4 and 4:3, as ImageNet models are trained (Szegedy et al., 2015).
_MAX_LOG_RATIO = math.log(4 / 3)
_TRIES = 10


class PictureView:
    """View of a set's pictures: features on demand, mirrored and cropped at random if configured.

    Args:
        backbone: on the device that it is to run on.
        unreadable: notes pictures that cannot be read, and raises when they are too many.
        precision: what the backbone's products are computed in.
    """

    def __init__(
        self,
        captions: CaptionSet,
        backbone: ImageBackbone,
        config: DataConfig,
        *,
        seed: int,
        unreadable: UnreadablePictures,
        precision: torch.dtype = torch.float32,
    ) -> None:
        self._captions, self._backbone, self._config = captions, backbone, config
        self._seed, self._unreadable = seed, unreadable
        self._device = next(backbone.parameters()).device
        self._precision = precision
        self._pool = ThreadPoolExecutor(max_workers=config.workers or os.cpu_count())

    def read(self, rows: npt.NDArray[np.int64], step: int) -> Tensor:
        """Return (len(rows), P, F) float32 features on the backbone's device.

        They are NaN all through where a picture cannot be read.

        Raises:
            InputError: if more pictures cannot be read than may be left out.
        """
        found = list(self._pool.map(lambda row: self._pixels(row, step), rows.tolist()))
        read = [i for i, pixels in enumerate(found) if pixels is not None]
        config = self._backbone.config
        shape = (len(rows), len(self._backbone.grid), config.feature_dim)
        features = torch.full(shape, torch.nan, device=self._device)
        if read:
            pixels_N3SS = torch.stack([pixels for pixels in found if pixels is not None])
            low = self._precision != torch.float32
            with torch.autocast(self._device.type, dtype=self._precision, enabled=low):
                encoded = self._backbone(pixels_N3SS.to(self._device))
            features[torch.tensor(read, device=self._device)] = encoded.float()
        return features

    def _pixels(self, row: int, step: int) -> Tensor | None:
        try:
            image = self._captions.image(row)
        except (ImageError, MissingError) as error:
            self._unreadable.note(self._captions.name(row), error)
            return None
        rng = generator(Stream.AUGMENTATION, self._seed, step, row)
        if self._config.flip and rng.random() < 0.5:
            image = ImageOps.mirror(image)
        if self._config.crop < 1.0:
            image = random_crop(image, self._config.crop, rng)
        return self._backbone.transform(image)


def random_crop(image: Image.Image, least: float, rng: np.random.Generator) -> Image.Image:
    """Return a random rectangle of a picture, of at least the share ``least`` of its area."""
    for _ in range(_TRIES):
        area = rng.uniform(least, 1.0) * image.width * image.height
        ratio = math.exp(rng.uniform(-_MAX_LOG_RATIO, _MAX_LOG_RATIO))
        width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < width <= image.width and 0 < height <= image.height:
            left = int(rng.integers(image.width - width + 1))
            top = int(rng.integers(image.height - height + 1))
            return image.crop((left, top, left + width, top + height))
    return image  # of an extreme shape: no such rectangle fits
