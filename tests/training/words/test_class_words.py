"""The words that stand for the classes of a backbone's classifier."""

from __future__ import annotations

import numpy as np
import torch

from lexret.config import RunConfig
from lexret.encoders.image.class_evidence import ClassEvidence
from lexret.encoders.image.class_head import ClassHead
from lexret.encoders.network import LexicalNetwork
from lexret.training.words.class_words import set_class_words
from lexret.vocabularies.sources import open_vocabulary

NAMES = (("red dog", "zzz"), ("beach",))


def test_classes_get_their_names_and_what_texts_make_of_them(recipe: RunConfig) -> None:
    words = open_vocabulary(recipe.model.vocabulary)
    image = recipe.model.image.model_copy(update={"silent_words": ("red",)})
    network = LexicalNetwork(recipe.model.model_copy(update={"image": image}), words).eval()
    evidence = ClassEvidence(ClassHead(np.zeros((2, 256)), np.zeros(2), NAMES), 0.5)
    network.image.evidence = evidence
    uses_V = torch.full((len(words),), 100.0)
    dog, red, beach = (words.term_id(word) for word in ("dog", "red", "beach"))
    assert dog is not None and red is not None and beach is not None
    uses_V[dog] = 3
    set_class_words(network, uses_V)
    entries = evidence.table_N.view(2, -1), evidence.words_N.view(2, -1)
    found = [
        {word: weight for weight, word in zip(*pair, strict=True) if weight > 0}
        for pair in zip(*(table.tolist() for table in entries), strict=True)
    ]
    assert found[0][dog] == 1.0 and found[1][beach] == 1.0
    assert all(red not in words for words in found)
    assert all(1 < len(words) <= 7 for words in found)
    assert all(0 < weight <= 1 for words in found for weight in words.values())
    assert set(evidence.words_N[evidence.rare_N].tolist()) == {dog}
