"""Runs that begin at a match of wholes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from lexret.config import RunConfig, merged
from lexret.encoders import load_model
from lexret.errors import InputError
from lexret.training.loop import train
from tests.training.test_run import Recorder, tensors_of

STARTED: dict[str, Any] = {
    "model": {
        "codebook": {"sources": ["text_side"], "dim": 8},
        "image": {"adapter": "context", "spread": 0.3, "silent_words": ["photo"]},
        "text": {
            "lora_rank": 0,
            "mapper_width": 16,
            "caption_terms": 10,
            "caption_term_dim": 4,
            "train_codebook": True,
            "word_bias": True,
        },
    },
    "train": {
        "start": "correlated",
        "start_epochs": 2,
        "start_batch_size": 6,
        "start_words": [10, 6],
        "distill_weight": 1.0,
        "anchor_weight": 0.1,
        "region": 0.6,
        "head_patches": 3,
        "patch_dropout": 0.0,
    },
}


@pytest.fixture
def started(recipe_values: dict[str, Any]) -> RunConfig:
    return RunConfig.model_validate(merged(recipe_values, STARTED))


def test_the_start_puts_words_where_the_text_side_puts_them(
    started: RunConfig, tmp_path: Path
) -> None:
    train(started, tmp_path / "run", Recorder(), stop_after=1)
    (file,) = (tmp_path / "run" / "features").glob("start-*.safetensors")
    start = load_file(file)
    codebook_VD = start["text.codebook_VD"]
    assert torch.equal(codebook_VD, start["image.codebook_VD"])
    torch.testing.assert_close(codebook_VD.norm(dim=1), torch.ones(len(codebook_VD)))
    assert start["text.mapper.terms.idf_R"].count_nonzero() > 0
    assert start["text.mapper.map.down.weight"].abs().sum() > 0  # the MLPs have learnt
    # "photo" is silent, the other words share one bias.
    assert start["image.bias_V"].unique().numel() == 2
    assert start["text.bias_V"].unique().numel() == 1


def test_a_started_run_ends_in_a_model_that_says_what_it_was_evaluated_with(
    started: RunConfig, tmp_path: Path
) -> None:
    outcome = train(started, tmp_path / "run", Recorder())
    model = load_model(outcome.model)
    assert outcome.result is not None
    batch = model.texts.encode(["A red circle.", "two dogs"])
    assert batch.nnz > 0
    assert set(model.checkpoint.tensors) >= {"text.mapper.terms.term_ids_R", "image.adapter.mean_F"}


def test_an_interrupted_started_run_equals_an_uninterrupted_one(
    started: RunConfig, tmp_path: Path
) -> None:
    train(started, tmp_path / "whole", Recorder())
    train(started, tmp_path / "cut", Recorder(), stop_after=3)
    train(started, tmp_path / "cut", Recorder())
    whole, cut = (tensors_of(tmp_path / run / "model") for run in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_runs_that_begin_alike_share_a_start(started: RunConfig, tmp_path: Path) -> None:
    cache = {"data": {"feature_cache": str(tmp_path / "cache")}}
    for run, changes in {
        "one": {},
        "again": {"train": {"anchor_weight": 0.0}, "model": {"activation": "relu"}},
        "other": {"train": {"start_epochs": 1}},
    }.items():
        values = merged(merged(started.model_dump(), cache), changes)
        train(RunConfig.model_validate(values), tmp_path / run, Recorder(), stop_after=1)
    assert len(list((tmp_path / "cache").glob("start-*.safetensors"))) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"image": {"adapter": "attention"}}}, "needs model.image.adapter = 'context'"),
        ({"model": {"codebook": {"sources": ["random"]}}}, "need each other"),
        ({"data": {"cached": False}}, "needs data.cached = true"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(
    recipe_values: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    values = merged(merged(recipe_values, STARTED), changes)
    with pytest.raises(ValueError, match=message):
        RunConfig.model_validate(values)


def test_a_codebook_wider_than_the_features_is_refused(
    recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    wide = {"model": {"codebook": {"dim": 1000}}}
    config = RunConfig.model_validate(merged(merged(recipe_values, STARTED), wide))
    with pytest.raises(InputError, match=r"codebook\.dim is too large"):
        train(config, tmp_path / "run", Recorder())
