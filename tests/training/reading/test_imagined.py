"""Pictures imagined from the classifier of the real backbone package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lexret.captions.sources import open_captions
from lexret.config import ImageConfig, RunConfig
from lexret.encoders.pretrained import LITE2, locate
from lexret.errors import InputError
from lexret.presets import preset_values
from lexret.training.reading.batches import BatchSource
from lexret.training.reading.imagined import ImaginedPictures
from lexret.training.words.overuse import imagined_features
from lexret.vocabulary import Vocabulary

ESPRESSO = 967


@pytest.fixture(scope="module")
def imagined() -> ImaginedPictures:
    return ImaginedPictures(ImageConfig.model_validate(preset_values("mini")["model"]["image"]))


def test_each_class_has_its_names_as_captions(imagined: ImaginedPictures) -> None:
    assert len(imagined) == 1000
    captions = imagined.captions(ESPRESSO)
    assert captions == ("a photo of a espresso", "a espresso in the picture")
    assert all(caption.strip() for i in range(1000) for caption in imagined.captions(i))


def test_the_class_rises_on_a_rectangle_of_patches_and_the_rest_stays(
    imagined: ImaginedPictures,
) -> None:
    background = np.full((81, 1280), 1.0, dtype=np.float32)
    picture = imagined.features(ESPRESSO, background, np.random.default_rng(3))
    moved = (picture != background).any(1).reshape(9, 9)
    rows, cols = np.flatnonzero(moved.any(1)), np.flatnonzero(moved.any(0))
    assert moved.sum() == len(rows) * len(cols) >= 9
    assert moved[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1].all()
    assert picture.min() >= 0.0
    assert picture.max() <= 6.0
    state = torch.load(locate(LITE2), map_location="cpu", weights_only=True)
    logits = picture @ state["_fc.weight"].numpy().T
    inside = logits.reshape(9, 9, 1000)[moved]
    assert (inside.argmax(1) == ESPRESSO).all()
    assert (background == 1.0).all()


def test_a_backbone_without_a_known_classifier_is_refused(recipe: RunConfig) -> None:
    with pytest.raises(InputError, match="needs the classifier"):
        ImaginedPictures(recipe.model.image)


def test_batches_mix_real_and_imagined_pictures(
    imagined: ImaginedPictures, recipe: RunConfig
) -> None:
    captions = open_captions(recipe.data.train)
    features = np.ones((12, 9, 1280), dtype=np.float16)
    vocabulary = Vocabulary.load(Path(recipe.model.vocabulary))
    source = BatchSource(captions, [features], vocabulary, recipe.train, imagined)
    assert source.steps_per_epoch == 1012 // 6
    batches = [source.batch(step) for step in range(source.steps_per_epoch)]
    owners = torch.cat([batch.owners_T for batch in batches])
    assert len(set(owners.tolist())) == len(owners)
    batch = next(batch for batch in batches if (batch.owners_T < 12).any())
    for row, owner in enumerate(batch.owners_T.tolist()):
        real = bool((batch.features_BPF[row] == 1.0).all())
        assert real == (owner < 12)
        texts = captions.captions(owner) if owner < 12 else imagined.captions(owner - 12)
        assert batch.texts[row] in texts


def test_one_picture_a_class_is_imagined_and_again_the_same(imagined: ImaginedPictures) -> None:
    real = np.random.default_rng(0).uniform(0, 2, (3, 81, 1280)).astype(np.float16)
    features = imagined_features(imagined, real, seed=0)
    assert features.shape == (1000, 81, 1280)
    assert np.array_equal(features[:5], imagined_features(imagined, real, seed=0)[:5])
    assert not np.array_equal(features[:5], imagined_features(imagined, real, seed=1)[:5])
