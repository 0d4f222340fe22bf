"""Words from a classifier of patches."""

from __future__ import annotations

import numpy as np

from lexret.eval.patches.class_activation import ClassActivation, class_words
from lexret.vocabulary import Vocabulary


def test_patches_say_the_names_of_their_classes(tiny_vocabulary: Vocabulary) -> None:
    words = class_words([["dog", "red dog"], ["beach"], ["zeppelin"]], tiny_vocabulary)
    assert [len(row) for row in words] == [2, 1, 0]
    head = ClassActivation(np.eye(3) * 20.0, np.zeros(3), words)
    found = head.patch_words(np.eye(3)).toarray()
    place = {word: tiny_vocabulary.term_id(word) for word in ("dog", "red", "beach")}
    np.testing.assert_allclose(found[0, [place["dog"], place["red"]]], 0.5**0.5, rtol=1e-3)
    np.testing.assert_allclose(found[1, place["beach"]], 1.0, rtol=1e-3)
    assert found[2].max() < 1e-3
