"""Classifier that the frozen image backbone was trained with, if lexret knows it.

A classifier of pooled features can be put to each patch's features instead of their mean (class
activation maps: Zhou et al., CVPR 2016).

Legend: P patches, F features, C classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lexret.config import ImageConfig
from lexret.encoders.image.package_weights import package_state
from lexret.encoders.pretrained import LITE2
from lexret.encoders.torchvision_ops import declare_missing_operators
from lexret.vocabulary import Vocabulary

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class ClassHead:
    """Linear classifier of backbone features.

    Attributes:
        weights_CF: of each class.
        bias_C: of each class.
        names: the names of each class, at least one.
    """

    weights_CF: Floats
    bias_C: Floats
    names: tuple[tuple[str, ...], ...]


def class_head(config: ImageConfig) -> ClassHead | None:
    """Return the classifier of a backbone over ImageNet's 1,000 classes; None if unknown."""
    if config.weights != f"package:{LITE2.package}":
        return None
    state = package_state(LITE2)
    weights_CF, bias_C = (state[f"_fc.{part}"].numpy() for part in ("weight", "bias"))
    return ClassHead(weights_CF, bias_C, _imagenet_names(len(weights_CF)))


def name_words(names: Iterable[str], vocabulary: Vocabulary) -> list[int]:
    """Return the words of a class's names, rising."""
    return sorted({term_id for name in names for term_id in vocabulary.match(name)[0]})


def _imagenet_names(num_classes: int) -> tuple[tuple[str, ...], ...]:
    """Return the names of ImageNet's classes, as timm has them."""
    declare_missing_operators()
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    descriptions = (str(info.index_to_description(i)) for i in range(num_classes))
    return tuple(tuple(name.strip() for name in text.split(",")) for text in descriptions)
