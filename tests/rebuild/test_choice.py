"""Choices of tokens: controls control what they say, and what is left out has no effect."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lexret.config.rebuild import NetworkConfig
from lexret.encoders.lexical_model import LexicalModel
from lexret.rebuild.choice import TokenChoice, rebuild_pictures, shuffled_rows
from lexret.rebuild.model import RebuildModel
from lexret.rebuild.prepared import PreparedPictures
from tests.rebuild.conftest import TINY_NETWORK


def a_model(lexical: LexicalModel, **changes: object) -> RebuildModel:
    """A model of random weights in which every token has an effect."""
    torch.manual_seed(0)
    config = NetworkConfig.model_validate({**TINY_NETWORK, **changes})
    model = RebuildModel(config, lexical).eval()
    for name, parameter in model.network.named_parameters():
        if name.endswith("out.weight"):
            torch.nn.init.normal_(parameter)
    return model.requires_grad_(False)


@pytest.mark.parametrize("count", [2, 3, 50])
def test_shuffled_rows_are_all_rows_and_none_its_own(count: int) -> None:
    others = shuffled_rows(count)
    assert sorted(others.tolist()) == list(range(count))
    assert (others != np.arange(count)).all()


def test_nothing_gives_one_picture_whatever_the_original(
    lexical: LexicalModel, pictures: PreparedPictures
) -> None:
    found = rebuild_pictures(a_model(lexical), pictures, TokenChoice())
    assert found.pixels.shape == (12, 16, 16, 3)
    assert (found.pixels == found.pixels[0]).all()
    assert len(np.unique(found.entries)) > 1


@pytest.mark.parametrize(
    "choice", [TokenChoice(words=3), TokenChoice(cells=True), TokenChoice(soft=2)]
)
def test_tokens_of_another_picture_give_that_pictures(
    lexical: LexicalModel, pictures: PreparedPictures, choice: TokenChoice
) -> None:
    model = a_model(lexical)
    own = rebuild_pictures(model, pictures, choice)
    control = TokenChoice(choice.words, choice.cells, choice.soft, others=True)
    others = rebuild_pictures(model, pictures, control)
    np.testing.assert_allclose(
        own.pixels[shuffled_rows(12)].astype(int), others.pixels.astype(int), atol=1
    )
    assert not (own.pixels == own.pixels[0]).all()


def test_shuffled_text_is_another_pictures_beside_the_pictures_own_cells(
    lexical: LexicalModel, pictures: PreparedPictures
) -> None:
    model = a_model(lexical, text="captions")
    names = ("own", "shuffled", "none")
    own, shuffled, none = (
        rebuild_pictures(model, pictures, TokenChoice(cells=True, text=text)).pixels
        for text in names
    )
    assert (own != shuffled).any()
    assert (own != none).any()
    # Where all pictures have one text, another's is the same.
    same = PreparedPictures(
        **{**vars(pictures), "text_ids": np.repeat(pictures.text_ids[:1], 12, axis=0)}
    )
    own, shuffled = (
        rebuild_pictures(model, same, TokenChoice(cells=True, text=text)).pixels
        for text in names[:2]
    )
    assert (own == shuffled).all()


def test_without_a_caption_the_network_sees_no_text(
    lexical: LexicalModel, pictures: PreparedPictures
) -> None:
    model = a_model(lexical, text="captions")
    nothing = torch.full((2, 5), -1)
    found = model.text(nothing)
    assert not found.mask_BT.any()
    assert torch.isfinite(found.hidden_BTH).all()


def test_a_choice_says_what_it_is() -> None:
    assert TokenChoice().name == "nothing"
    assert TokenChoice(21, cells=True, soft=1).name == "21 words, cells, 1 soft"
    assert TokenChoice(5, others=True).name == "5 words, of another picture"
    assert TokenChoice(cells=True, text="shuffled").name == "cells, shuffled text"
