"""Batches encoded in parts, and with checkpointed transformers, against whole ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lexret.captions.sources import open_captions
from lexret.config import RunConfig, merged
from lexret.encoders.image.feature_cache import cached_features
from lexret.encoders.network import LexicalNetwork
from lexret.training.reading.batches import Batch, BatchSource
from lexret.training.step import Learner, make_optimizer, train_step
from lexret.vocabulary import Vocabulary

# Every loss takes part, and all of them look at the whole batch.
ALL_LOSSES = {
    "dense_weight": 0.3,
    "captions_per_image": 2,
    "penalty_weight": 0.1,
    "distill_weight": 0.2,
    "clip_norm": 1e9,
}


class Stage:
    """A learner with its first batch, the same for every change of the recipe."""

    def __init__(self, values: dict[str, Any], folder: Path, **changes: Any) -> None:
        self.config = RunConfig.model_validate(merged(values, {"train": {**ALL_LOSSES, **changes}}))
        vocabulary = Vocabulary.load(Path(self.config.model.vocabulary))
        torch.manual_seed(0)
        self.learner = Learner(LexicalNetwork(self.config.model, vocabulary), self.config.train)
        self.learner.train()
        captions = open_captions(self.config.data.train)
        features = cached_features(captions, self.config.model.image, folder)
        self.batch = BatchSource(captions, [features], vocabulary, self.config.train).batch(0)

    def without_dropout(self) -> Stage:
        for module in self.learner.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        return self

    def step(self, batch: Batch | None = None, *, step: int = 0) -> dict[str, Tensor]:
        """Take one step and return its losses and gradients."""
        optimizer = make_optimizer(self.learner, self.config.train)
        losses = train_step(
            self.learner, optimizer, batch or self.batch, self.config, step=step, num_steps=10
        )
        found = {name: p.grad for name, p in self.learner.trainable().items()}
        grads = {name: grad.clone() for name, grad in found.items() if grad is not None}
        assert len(grads) > 10
        return {"total": torch.tensor(losses.total), **grads}


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("micro_batch", [1, 4, 6])
def test_a_batch_in_parts_has_the_gradients_of_the_whole(
    recipe_values: dict[str, Any], tmp_path: Path, micro_batch: int
) -> None:
    whole = Stage(recipe_values, tmp_path).without_dropout().step()
    parts = Stage(recipe_values, tmp_path, micro_batch=micro_batch).without_dropout().step()
    assert_same(parts, whole)


def test_parts_without_the_vocabulary_have_the_gradients_of_the_whole(
    recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    found = []
    for micro_batch in (None, 2):
        stage = Stage(recipe_values, tmp_path, micro_batch=micro_batch).without_dropout()
        optimizer = make_optimizer(stage.learner, stage.config.train)
        train_step(
            *(stage.learner, optimizer, stage.batch, stage.config),
            step=0,
            num_steps=10,
            num_steps_without_words=5,
        )
        grads = {n: p.grad for n, p in stage.learner.trainable().items() if p.grad is not None}
        found.append(grads)
        assert not any("codebook" in name for name in grads)
    assert_same(found[1], found[0])


def test_parts_are_encoded_twice_with_the_same_dropout(
    recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    values = merged(recipe_values, {"model": {"image": {"dropout": 0.5}}})
    # Where the masks differed between both passes, the gradients would be of another function:
    # a step along them would not lower the loss as foretold.
    # (Distillation's gradient leaves the teacher out, and is none of the loss's.)
    stage = Stage(values, tmp_path, micro_batch=2, distill_weight=0.0)
    start = {name: p.detach().clone() for name, p in stage.learner.trainable().items()}
    first = stage.step()
    rate = 1e-5
    with torch.no_grad():
        for name, parameter in stage.learner.trainable().items():
            parameter.copy_(start[name] - rate * first[name])
    second = stage.step()
    fall = rate * sum(float(first[name].square().sum()) for name in first if name != "total")
    assert float(first["total"] - second["total"]) == pytest.approx(fall, rel=0.1)


def test_checkpointed_gradients_are_the_same(recipe_values: dict[str, Any], tmp_path: Path) -> None:
    kept = Stage(recipe_values, tmp_path).step()
    again = Stage(recipe_values, tmp_path, gradient_checkpointing=True)
    layers = [m for m in again.learner.modules() if getattr(m, "gradient_checkpointing", False)]
    assert layers
    assert_same(again.step(), kept)


def test_a_picture_that_cannot_be_read_and_its_texts_take_no_part(
    recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    stage = Stage(recipe_values, tmp_path).without_dropout()
    batch = stage.batch
    readable_B = torch.ones(6, dtype=torch.bool)
    readable_B[2] = False
    holed = Batch(batch.features_BPF, batch.texts, batch.owners_T, batch.shares_BV, readable_B)
    rows = readable_B.nonzero().squeeze(1).tolist()
    assert batch.shares_BV is not None
    smaller = Batch(
        batch.features_BPF[rows],
        [batch.texts[2 * row + k] for row in rows for k in (0, 1)],
        batch.owners_T[readable_B.repeat_interleave(2)],
        batch.shares_BV[rows],
        readable_B[rows],
    )
    fresh = Stage(recipe_values, tmp_path).without_dropout()
    assert_same(stage.step(holed), fresh.step(smaller))


SWITCHES: dict[str, dict[str, Any]] = {
    "the paper's activation and threshold": {
        "model": {"activation": "elu1p", "threshold": 60**-0.5, "max_image_words": 60},
        "train": {"image_words": None, "text_words": None},
    },
    "true zeros": {"model": {"activation": "log1p_relu"}},
    "plain strongest words": {"model": {"activation": "relu"}, "train": {"image_words": [8, 8]}},
    "overuse": {"train": {"penalty": "overuse"}},
    "overuse, the other reading": {"train": {"penalty": "overuse_v"}},
    "flops": {"train": {"penalty": "flops"}},
    "no penalty": {"train": {"penalty": "none"}},
    "several captions": {"train": {"captions_per_image": 3}},
    "frozen text": {"model": {"text": {"lora_rank": 0}}},
    "small frozen weights": {"model": {"text": {"dtype": "bfloat16"}}},
    "hard negatives": {"train": {"hard_negatives": 0.5}},
}


@pytest.mark.parametrize("switch", SWITCHES)
def test_each_switch_gives_a_step_with_finite_gradients(
    recipe_values: dict[str, Any], tmp_path: Path, switch: str
) -> None:
    changes = SWITCHES[switch]
    values = merged(recipe_values, {"model": changes.get("model", {})})
    found = Stage(values, tmp_path, **changes.get("train", {})).step()
    assert all(tensor.isfinite().all() for tensor in found.values())
    frozen = values["model"]["text"]["lora_rank"] == 0
    assert any(".lora_" in name for name in found) != frozen
