"""Words of captions, their latent semantic vectors, and how rare they are."""

from __future__ import annotations

import numpy as np
import torch

from lexret.captions.word_use import caption_words
from lexret.encoders.text.caption_terms import CaptionTerms
from lexret.training.words.caption_statistics import fit_terms, rarity
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["dog", "beach", "red", "car", "two", "blue"])
TEXTS = ["a dog, a dog", "two dogs on the beach", "red car", "a red car", "car on a beach", "car"]


def test_a_caption_holds_each_of_its_words_once() -> None:
    held = caption_words(["a dog, a dog", "nothing", "red car"], WORDS).toarray()
    assert held.tolist() == [[1, 0, 0, 0, 0, 0], [0] * 6, [0, 0, 1, 1, 0, 0]]


def test_rarity_falls_with_the_number_of_captions() -> None:
    weights = rarity(caption_words(["car"] * 5 + ["blue"], WORDS))
    expected = [1, 1, 1, 0.5, 1, 5 / 6]
    torch.testing.assert_close(weights, torch.tensor(expected))


def test_latent_vectors_keep_all_products_where_there_are_dimensions_enough() -> None:
    texts = [text for text in TEXTS for _ in range(3)]
    words_NV = caption_words(texts, WORDS)
    terms = CaptionTerms(6, 6)
    fit_terms(terms, words_NV)
    found = terms(torch.from_numpy(words_NV.toarray())).numpy()
    counts = words_NV.toarray().sum(0)
    tfidf = words_NV.toarray() * (np.log((1 + len(texts)) / (1 + counts)) + 1)
    tfidf[:, counts < 3] = 0
    tfidf /= np.linalg.norm(tfidf, axis=1, keepdims=True)
    np.testing.assert_allclose(found @ found.T, tfidf @ tfidf.T, atol=1e-5)


def test_rare_words_and_unused_rows_give_nothing() -> None:
    terms = CaptionTerms(4, 3)
    fit_terms(terms, caption_words(["car"] * 3 + ["blue"], WORDS))
    own_BV = torch.zeros(3, 6)
    own_BV[0, 5] = own_BV[1, 0] = own_BV[2, 3] = 1  # blue (rare), dog (absent), car
    vectors = terms(own_BV)
    assert vectors[0].abs().sum() == 0
    assert vectors[1].abs().sum() == 0
    torch.testing.assert_close(vectors[2].norm(), torch.tensor(1.0))
