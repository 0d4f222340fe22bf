"""Ranks and recall against cases counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lexret.errors import InputError, MismatchError
from lexret.eval.retrieval import recall as module
from lexret.eval.retrieval.recall import (
    Recall,
    RetrievalRanks,
    RetrievalResult,
    evaluate_retrieval,
    ranks_from_scores,
    retrieval_ranks,
)
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

OWNERS = np.array([0, 0, 1, 2])


def as_lists(ranks: RetrievalRanks) -> tuple[list[int], list[int]]:
    return ranks.text_to_image.tolist(), ranks.image_to_text.tolist()


def test_ranks_count_what_scores_higher_than_the_own_one() -> None:
    scores = np.array(
        [
            # captions of 0, 0, 1, 2
            [0.9, 0.1, 0.5, 0.2],
            [0.3, 0.6, 0.4, 0.7],
            [0.2, 0.3, 0.1, 0.1],
        ]
    )
    # Text 1 belongs to picture 0, which scores 0.1 below both others; text 2 to picture 1 (0.4),
    # below picture 0; text 3 to picture 2 (0.1), below both.
    # Picture 0's best caption wins; picture 1's (0.4) is below 0.6 and 0.7; picture 2's (0.1) is
    # below 0.2 and 0.3 and tied with a foreign 0.1.
    assert as_lists(ranks_from_scores(scores, OWNERS)) == ([1, 3, 2, 3], [1, 3, 4])


def test_ties_count_against_us_but_not_among_own_captions() -> None:
    scores = np.zeros((3, 4))
    # All score alike: every text has its picture last of three; picture 0's two captions are
    # beaten by the two foreign ones, the others' by the three foreign ones.
    assert as_lists(ranks_from_scores(scores, OWNERS)) == ([3, 3, 3, 3], [3, 4, 4])


def test_average_precision_counts_every_own_caption_and_ties_against_us() -> None:
    # Picture 0's captions stand first and (behind one foreign, tied with another) fourth.
    scores = np.array([[0.9, 0.3, 0.5, 0.3], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    found = ranks_from_scores(scores, OWNERS).image_to_text_ap
    np.testing.assert_allclose(found, [(1 / 1 + 2 / 4) / 2, 1.0, 1.0])


def test_any_own_caption_counts_wherever_it_stands() -> None:
    owners = np.array([1, 0, 1])
    scores = np.array([[0.0, 1.0, 0.0], [0.1, 0.5, 0.9]])
    assert as_lists(ranks_from_scores(scores, owners)) == ([1, 1, 1], [1, 1])


def test_recall_is_percent_of_ranks_within_k() -> None:
    ranks = np.array([1, 1, 2, 5, 6, 10, 11, 200])
    assert Recall.from_ranks(ranks) == Recall(
        25.0, 50.0, 75.0, 5.5, pytest.approx(100 * sum(1 / rank for rank in ranks) / 8)
    )


def test_a_result_has_the_published_json_shape() -> None:
    up, down = Recall(1 / 3, 50.0, 75.0, 5.5, 40.0), Recall(10.0, 20.0, 30.0, 12.0, 15.0)
    assert RetrievalResult(up, down, 2, 10, 7 / 3, 4.0).as_dict() == {
        "text_to_image": {
            "R@1": 0.3333,
            "R@5": 50.0,
            "R@10": 75.0,
            "mAP": 40.0,
            "median_rank": 5.5,
        },
        "image_to_text": {"R@1": 10.0, "R@5": 20.0, "R@10": 30.0, "mAP": 15.0, "median_rank": 12.0},
        "num_images": 2,
        "num_captions": 10,
        "active_words": {"image": 2.3333, "text": 4.0},
    }


def test_recall_of_no_queries_is_an_error() -> None:
    with pytest.raises(InputError, match="no queries"):
        Recall.from_ranks(np.array([], dtype=np.int64))


def test_sparse_vectors_are_ranked_by_dot_product(tiny_vocabulary: Vocabulary) -> None:
    images = SparseBatch.from_words(
        [{"dog": 1.0}, {"dog": 0.5, "beach": 0.5}, {"car": 1.0, "red": 0.2}], tiny_vocabulary
    )
    texts = SparseBatch.from_words(
        [{"dog": 1.0}, {"beach": 1.0, "dog": 0.1}, {"red": 1.0}, {"dog": 1.0}], tiny_vocabulary
    )
    owners = np.array([0, 1, 2, 1])
    result = evaluate_retrieval(images, texts, owners)
    # Text 3, "dog", finds picture 0 before its own. Picture 0 scores 1 with its own caption and
    # with text 3: a tie, so rank 2. Picture 1 scores 0.55 with its own first caption: rank 1.
    assert as_lists(retrieval_ranks(images, texts, owners)) == ([1, 1, 1, 2], [2, 1, 1])
    assert result.text_to_image == Recall(75.0, 100.0, 100.0, 1.0, 87.5)
    assert result.image_to_text.r1 == pytest.approx(200 / 3)
    assert (result.num_images, result.num_captions) == (3, 4)
    assert result.active_words_image == pytest.approx(5 / 3)
    assert result.active_words_text == pytest.approx(5 / 4)


def test_an_empty_row_ranks_last_in_both_directions(tiny_vocabulary: Vocabulary) -> None:
    images = SparseBatch.from_words([{}, {"dog": 1.0}, {"car": 1.0}], tiny_vocabulary)
    texts = SparseBatch.from_words([{"red": 1.0}, {}, {"car": 1.0}], tiny_vocabulary)
    ranks = retrieval_ranks(images, texts, np.array([0, 1, 2]))
    assert as_lists(ranks) == ([3, 3, 1], [3, 3, 1])


@pytest.mark.parametrize("chunk_scores", [1, 50, 2**24])
def test_chunks_do_not_change_the_ranks(
    monkeypatch: pytest.MonkeyPatch, tiny_vocabulary: Vocabulary, chunk_scores: int
) -> None:
    generator = np.random.default_rng(0)
    # Small integers, so that there are many ties and sums are exact.
    images_IV = generator.integers(0, 3, (17, 6)).astype(np.float32)
    texts_TV = generator.integers(0, 3, (40, 6)).astype(np.float32)
    owners = np.concatenate([np.arange(17), generator.integers(0, 17, 23)])
    expected = as_lists(ranks_from_scores(images_IV @ texts_TV.T, owners))
    monkeypatch.setattr(module, "_CHUNK_SCORES", chunk_scores)
    images = SparseBatch.from_dense(images_IV, tiny_vocabulary)
    texts = SparseBatch.from_dense(texts_TV, tiny_vocabulary)
    assert as_lists(retrieval_ranks(images, texts, owners)) == expected
    assert as_lists(ranks_from_scores(images_IV @ texts_TV.T, owners)) == expected


@pytest.mark.parametrize(
    ("owners", "message"),
    [
        (np.array([0, 1]), "one integer for each of the 3 texts"),
        (np.array([0.0, 1.0, 0.0]), "float64"),
        (np.array([0, 1, 2]), "run from 0 to 2; expected 0 to 1"),
        (np.array([0, -1, 1]), "run from -1 to 1"),
        (np.array([0, 0, 0]), "1 of 2 pictures have no text"),
    ],
)
def test_owners_that_do_not_fit_are_an_error(owners: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ranks_from_scores(np.zeros((2, 3)), owners)


def test_scores_that_are_not_finite_are_an_error() -> None:
    with pytest.raises(InputError, match="finite"):
        ranks_from_scores(np.array([[np.nan]]), np.array([0]))


def test_other_vocabularies_are_an_error(tiny_vocabulary: Vocabulary) -> None:
    images = SparseBatch.from_words([{"dog": 1.0}], tiny_vocabulary)
    texts = SparseBatch.from_words([{"cat": 1.0}], Vocabulary(["cat"]))
    with pytest.raises(MismatchError):
        evaluate_retrieval(images, texts, np.array([0]))
