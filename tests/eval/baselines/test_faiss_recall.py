"""Dense recall through an index beside recall from all scores."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from lexret.errors import InputError
from lexret.eval.baselines.faiss_recall import dense_ranks
from lexret.eval.retrieval.recall import ranks_from_scores
from lexret.interop.faiss_index import FaissSettings

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("faiss") is None, reason="lexret[dense]: no faiss"
)


def test_a_flat_index_gives_the_ranks_that_all_scores_give() -> None:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(40, 8)).astype(np.float32)
    owners = np.repeat(np.arange(40), 2)
    texts = (images[owners] + 2 * rng.normal(size=(80, 8))).astype(np.float32)
    found = dense_ranks(images, texts, owners, settings=FaissSettings(), depth=80)
    expected = ranks_from_scores(images @ texts.T, owners)
    assert found.text_to_image.tolist() == expected.text_to_image.tolist()
    assert found.image_to_text.tolist() == expected.image_to_text.tolist()
    cut = dense_ranks(images, texts, owners, settings=FaissSettings(), depth=3)
    far = expected.text_to_image > 3
    assert far.any()
    assert (cut.text_to_image[far] == 40).all()
    assert (cut.text_to_image[~far] == expected.text_to_image[~far]).all()


def test_owners_that_do_not_go_with_the_texts_are_refused() -> None:
    with pytest.raises(InputError, match="one owner a text"):
        dense_ranks(
            np.ones((1, 2), np.float32), np.ones((2, 2), np.float32), np.zeros(1, np.int64),
            settings=FaissSettings(),
        )  # fmt: skip
