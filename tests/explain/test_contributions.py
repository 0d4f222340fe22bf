import numpy as np
import pytest

from lexret.errors import MismatchError
from lexret.explain.contributions import Contribution, contribute
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["cat", "dog", "hat", "red", "zoo"])


def vector(words: dict[str, float], vocabulary: Vocabulary = WORDS) -> LexicalVector:
    return SparseBatch.from_words([words], vocabulary).row(0)


def test_products_of_shared_words_come_by_falling_product():
    query = vector({"cat": 0.5, "dog": 0.25, "red": 0.75})
    image = vector({"dog": 0.5, "red": 0.25, "zoo": 1.0})
    assert contribute(query, image) == (
        Contribution("red", 0.75, 0.25, 0.1875),
        Contribution("dog", 0.25, 0.5, 0.125),
    )


def test_equal_products_come_in_the_order_of_their_words():
    both = {"zoo": 0.5, "cat": 0.5, "hat": 0.5}
    assert [one.word for one in contribute(vector(both), vector(both))] == ["cat", "hat", "zoo"]


def test_the_word_with_id_zero_counts():
    assert [one.word for one in contribute(vector({"cat": 1.0}), vector({"cat": 0.5}))] == ["cat"]


def test_products_sum_to_the_score_of_the_float32_weights():
    rng = np.random.default_rng(7)
    names = [f"w{i}" for i in range(300)]
    words = Vocabulary(names)
    rows = [dict(zip(names, rng.random(300).astype(np.float32), strict=True)) for _ in range(2)]
    query, image = vector(rows[0], words), vector(rows[1], words)
    score = float(query.weights.astype(np.float64) @ image.weights.astype(np.float64))
    assert sum(one.product for one in contribute(query, image)) == pytest.approx(score, rel=1e-12)


def test_nothing_shared_gives_no_products():
    assert contribute(vector({"cat": 1.0}), vector({"dog": 1.0})) == ()


def test_vectors_of_other_vocabularies_are_refused():
    with pytest.raises(MismatchError, match=r"5 words.*2 words"):
        contribute(vector({"cat": 1.0}), vector({"cat": 1.0}, Vocabulary(["cat", "cow"])))
