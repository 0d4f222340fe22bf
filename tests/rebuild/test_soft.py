"""Soft tokens: TailDrop, and the frozen text encoder that takes them for words."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lexret.captions.sources import open_captions
from lexret.config.rebuild import NetworkConfig
from lexret.encoders.lexical_model import LexicalModel
from lexret.errors import InputError
from lexret.rebuild.model import RebuildModel
from lexret.rebuild.prepared import PreparedPictures
from lexret.rebuild.queries import (
    queries_of_pictures,
    queries_of_soft_tokens,
    soft_tokens,
)
from lexret.rebuild.soft import FrozenTexts, tail_drop_mask
from tests.rebuild.conftest import TINY_NETWORK


@pytest.fixture
def texts(lexical: LexicalModel) -> FrozenTexts:
    return FrozenTexts(lexical.contextual_text.side)


@pytest.fixture
def model(lexical: LexicalModel) -> RebuildModel:
    torch.manual_seed(0)
    return RebuildModel(NetworkConfig.model_validate(TINY_NETWORK), lexical).eval()


def test_tail_drop_keeps_the_first_tokens() -> None:
    assert tail_drop_mask(torch.tensor([0, 1, 3]), 3).tolist() == [
        [False, False, False],
        [True, False, False],
        [True, True, True],
    ]


def test_rows_of_words_given_as_soft_tokens_are_those_words(texts: FrozenTexts) -> None:
    ids = texts.token_ids(["red dog", "a cat"])
    marked = torch.cat(
        [torch.full((2, 1), texts.first), ids, torch.full((2, 1), texts.last)], dim=1
    )
    expected = texts.outputs_of_texts(marked)
    kept = torch.ones(2, 2, dtype=torch.bool)
    with torch.no_grad():
        found = texts.outputs_of_soft(texts.rows_TH[ids], kept)
    torch.testing.assert_close(found.hidden_BTH, expected.hidden_BTH[:, 1:-1])
    torch.testing.assert_close(found.pooled_BH, expected.pooled_BH)


def test_words_behind_soft_tokens_are_read_as_one_text(texts: FrozenTexts) -> None:
    ids = texts.token_ids(["red dog"])
    whole = texts.outputs_of_soft(texts.rows_TH[ids], torch.ones(1, 2, dtype=torch.bool))
    split = texts.outputs_of_soft(
        texts.rows_TH[ids[:, :1]], torch.ones(1, 1, dtype=torch.bool), ids[:, 1:]
    )
    torch.testing.assert_close(split.pooled_BH, whole.pooled_BH)


def test_what_is_cut_off_is_as_if_it_had_never_been(texts: FrozenTexts) -> None:
    soft = torch.randn(1, 3, 16)
    cut = texts.outputs_of_soft(soft, tail_drop_mask(torch.tensor([2]), 3))
    short = texts.outputs_of_soft(soft[:, :2], torch.ones(1, 2, dtype=torch.bool))
    torch.testing.assert_close(cut.pooled_BH, short.pooled_BH)
    torch.testing.assert_close(cut.hidden_BTH[:, :2], short.hidden_BTH)


def test_gradients_pass_through_the_frozen_encoder_and_change_nothing_in_it(
    texts: FrozenTexts,
) -> None:
    soft = torch.randn(1, 3, 16, requires_grad=True)
    texts.outputs_of_soft(soft, torch.ones(1, 3, dtype=torch.bool)).pooled_BH.sum().backward()
    assert soft.grad is not None
    assert soft.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in texts.parameters())


def test_a_query_of_soft_tokens_is_a_unit_vector_and_words_change_it(
    model: RebuildModel, lexical: LexicalModel, pictures: PreparedPictures
) -> None:
    soft = soft_tokens(model, pictures)
    assert soft.shape == (12, 3, 16)
    alone = queries_of_soft_tokens(model, lexical, soft)
    mixed = queries_of_soft_tokens(model, lexical, soft, ["snow"] * 12)
    norms = (alone.normalized().to_scipy().multiply(alone.to_scipy())).sum(1)
    assert abs(norms - 1).max() < 1e-5
    assert all(vector.weight_of("snow") > 0 for vector in mixed)
    assert (alone.to_scipy() != mixed.to_scipy()).nnz > 0
    with pytest.raises(InputError, match="2 texts beside soft tokens of 12 pictures"):
        queries_of_soft_tokens(model, lexical, soft, ["a", "b"])


def test_a_photo_and_a_text_are_a_query_for_any_index(
    model: RebuildModel,
    lexical: LexicalModel,
    pictures: PreparedPictures,
    captions_file: Path,
) -> None:
    captions = open_captions(captions_file)
    images = [captions.image(i) for i in range(3)]
    found = queries_of_pictures(model, lexical, images, ["snow"] * 3)
    soft = soft_tokens(model, pictures)[:3]
    expected = queries_of_soft_tokens(model, lexical, soft, ["snow"] * 3)
    for mine, theirs in zip(found, expected, strict=True):
        words = {word.word: word.weight for word in theirs.words()}
        # Features of prepared pictures are kept in two bytes each.
        assert all(abs(mine.weight_of(word) - words[word]) < 0.02 for word in words)


def test_a_model_without_soft_tokens_says_so(
    lexical: LexicalModel, pictures: PreparedPictures
) -> None:
    values = {**TINY_NETWORK, "soft": {"num_tokens": 0}}
    model = RebuildModel(NetworkConfig.model_validate(values), lexical)
    assert model.texts is None
    with pytest.raises(InputError, match="no soft tokens"):
        soft_tokens(model, pictures)
