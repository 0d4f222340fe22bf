"""Constants of class evidence, shared by its two implementations.

Chosen on Flickr8k's dev split and coco-dev.
"""

from __future__ import annotations

from typing import Final

WORDS_A_CLASS: Final = 12
# So much of the picture's mean is added to each patch.
CONTEXT: Final = 0.5
# Evidence below the first counts for nothing; below the second, it holds rare words back.
LEAST: Final = 0.03
ENOUGH: Final = 0.05
# Probabilities are kept so far from 0 and 1; the margin is that of train.caption_words_margin.
SURE: Final = 1e-4
MARGIN: Final = 3.0
