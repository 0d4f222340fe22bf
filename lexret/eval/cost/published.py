"""Published zero-shot figures, drawn next to measured curves for scale.

CLIP ViT-B/16's are from open_clip's retrieval table. LexVLA's (Li et al., NeurIPS 2024) were read
off the authors' figure of recall against sparsity: +-0.2 from text to image, +-0.6 from image to
text. Data sets and training data of both are far larger than those that lexret ships with: they
show the shape of the curve and are no comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Published:
    """Published figures of one system on one data set.

    Attributes:
        words: active words (dimensions, for a dense model).
        text_to_image: R@1/5/10 in percent.
        image_to_text: R@1/5/10 in percent.
    """

    system: str
    data: str
    words: int
    text_to_image: tuple[float, float, float]
    image_to_text: tuple[float, float, float]


PUBLISHED: Final = (
    Published("LexVLA", "COCO", 1100, (40.7, 66.5, 76.4), (57.1, 81.2, 88.0)),
    Published("LexVLA", "COCO", 296, (38.3, 64.3, 74.7), (56.6, 79.8, 87.7)),
    Published("LexVLA", "COCO", 69, (31.9, 57.7, 68.5), (49.9, 75.0, 83.0)),
    Published("LexVLA", "Flickr30k", 1100, (68.0, 89.8, 94.1), (83.9, 96.9, 98.7)),
    Published("LexVLA", "Flickr30k", 296, (66.7, 88.9, 93.5), (83.1, 97.0, 98.5)),
    Published("LexVLA", "Flickr30k", 69, (58.1, 83.9, 89.9), (77.3, 95.0, 97.3)),
    Published("CLIP ViT-B/16", "COCO", 512, (33.1, 58.4, 69.0), (52.4, 76.7, 84.6)),
    Published("CLIP ViT-B/16", "Flickr30k", 512, (62.2, 85.7, 91.9), (82.2, 96.6, 99.0)),
)
