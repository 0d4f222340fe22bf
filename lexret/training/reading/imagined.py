"""Imagined pictures: features made with the classifier of the frozen backbone, without photos.

The backbone was trained to tell ImageNet's 1,000 classes apart; captions of a small data set name
few of them. Its classifier says in which direction of the feature space each class lies, so that
patches of a real picture, moved in the direction of "espresso", stand for a picture of an espresso.
Class names (from timm) are the captions; their WordNet definitions are not, because they speak of
what no picture shows ("used for", "native to").

Legend: P patches, F features, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.config import ImageConfig
from lexret.encoders.image.class_head import class_head
from lexret.encoders.pretrained import LITE2
from lexret.errors import InputError

FloatArray = npt.NDArray[np.float32]

# By how much the class's logit rises on the patches that are moved. Real photos of a class have
# logits of about 5 to 10 on average over their patches, more where the thing is.
_RISE: Final = (8.0, 20.0)
# Features of EfficientNet-Lite come out of a ReLU6.
_FEATURE_RANGE: Final = (0.0, 6.0)


class ImaginedPictures:
    """Set of imagined pictures, one a class, each time before another background.

    Raises:
        InputError: if lexret does not know the backbone's classifier.
    """

    def __init__(self, config: ImageConfig) -> None:
        head = class_head(config)
        if head is None:
            raise InputError(
                f"data.imagined needs the classifier of package:{LITE2.package}; the image "
                f"backbone's weights are {config.weights!r}."
            )
        weights_CF: FloatArray = head.weights_CF
        self._directions_CF = weights_CF / (weights_CF**2).sum(1, keepdims=True)
        self._captions = [_class_captions(names) for names in head.names]

    def __len__(self) -> int:
        return len(self._captions)

    def captions(self, i: int) -> tuple[str, ...]:
        """Return texts for class ``i``, with its names."""
        return self._captions[i]

    def features(self, i: int, background_PF: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return (P, F) features of a picture of class ``i`` before a real background.

        A random rectangle of patches, at least a ninth of the picture, is moved along the class's
        direction.
        """
        side = round(len(background_PF) ** 0.5)
        height, width = rng.integers((side + 2) // 3, side + 1, size=2)
        top, left = rng.integers(0, side - height + 1), rng.integers(0, side - width + 1)
        picture = background_PF.reshape(side, side, -1).copy()
        rise = rng.uniform(*_RISE) * rng.uniform(0.7, 1.3, size=(height, width, 1))
        picture[top : top + height, left : left + width] += rise * self._directions_CF[i]
        moved: FloatArray = picture.reshape(background_PF.shape).clip(*_FEATURE_RANGE)
        return moved.astype(np.float32)


def _class_captions(names: Sequence[str]) -> tuple[str, ...]:
    return (*(f"a photo of a {name}" for name in names), f"a {names[0]} in the picture")
