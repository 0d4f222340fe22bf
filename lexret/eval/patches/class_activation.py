"""Class-activation baseline: the classes that the backbone's ImageNet head gives each patch.

A classifier of pooled features can be put to each patch's features instead of their mean: the
class activation maps of Zhou et al. (CVPR 2016). The softmax over the 1,000 classes at a patch is
spread over the words of the classes' names; what comes out are words by patch, as a lexical model
gives them, from the same frozen features but without anything that was trained on captions.

Legend: P patches, F features, C ImageNet classes, V words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lexret.encoders.image.class_head import class_head, name_words
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from lexret.encoders.lexical_model import LexicalModel

Floats = npt.NDArray[np.floating[Any]]


class ClassActivation:
    """Baseline from patch features to words, through the ImageNet head.

    Args:
        weights_CF: of the classifier.
        bias_C: of the classifier.
        words_CV: the words of each class's names, rows of length 1.
    """

    def __init__(self, weights_CF: Floats, bias_C: Floats, words_CV: SparseBatch) -> None:
        self._weights_CF = weights_CF
        self._bias_C = bias_C
        self._words_CV = words_CV.to_scipy()

    @classmethod
    def of(cls, model: LexicalModel) -> ClassActivation | None:
        """Return the head of a model's backbone, or None if lexret does not know it."""
        head = class_head(model.checkpoint.config.image)
        if head is None:
            return None
        return cls(head.weights_CF, head.bias_C, class_words(head.names, model.vocabulary))

    def patch_words(self, features_PF: Floats) -> csr_matrix:
        """Return (P, V) words of each patch."""
        logits_PC = features_PF @ self._weights_CF.T + self._bias_C
        exponentials_PC = np.exp(logits_PC - logits_PC.max(axis=1, keepdims=True))
        shares_PC = exponentials_PC / exponentials_PC.sum(axis=1, keepdims=True)
        from scipy.sparse import csr_matrix

        return csr_matrix(shares_PC @ self._words_CV)


def class_words(names: Sequence[Sequence[str]], vocabulary: Vocabulary) -> SparseBatch:
    """Return (C, V): 1 for the words of each class's names, rows normalised; a row may be empty."""
    rows = [
        {vocabulary.words[term_id]: 1.0 for term_id in name_words(group, vocabulary)}
        for group in names
    ]
    return SparseBatch.from_words(rows, vocabulary).normalized()
