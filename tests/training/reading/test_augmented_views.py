"""Training from pictures that are read in each step, some of which cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lexret.captions.caption_set import CaptionSet
from lexret.captions.sources import open_captions
from lexret.config import DataConfig, RunConfig, merged
from lexret.encoders.image.backbones import ImageBackbone
from lexret.encoders.image.feature_cache import cached_features
from lexret.errors import CorruptError, ImageError, InputError
from lexret.training.loop import train
from lexret.training.observer import SilentObserver
from lexret.training.reading.augmented_views import PictureView, random_crop
from lexret.training.reading.unreadable import UnreadablePictures

BROKEN = 3


@pytest.fixture
def broken_file(recipe: RunConfig, tmp_path: Path) -> Path:
    """The twelve pictures, of which one is cut short."""
    source = Path(recipe.data.train)
    folder = tmp_path / "broken"
    folder.mkdir()
    for path in source.parent.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    name = json.loads(source.read_text().splitlines()[BROKEN])["image"]
    (folder / name).write_bytes((folder / name).read_bytes()[:200])
    return folder / source.name


def view_of(
    captions: CaptionSet, recipe: RunConfig, folder: Path, *, limit: int = 0, **data: Any
) -> PictureView:
    return PictureView(
        captions,
        ImageBackbone(recipe.model.image),
        DataConfig(cached=False, workers=2, **data),
        seed=5,
        unreadable=UnreadablePictures(folder / "unreadable.jsonl", limit),
    )


def test_a_view_gives_the_features_that_a_cache_holds(recipe: RunConfig, tmp_path: Path) -> None:
    captions = open_captions(recipe.data.train)
    cached = cached_features(captions, recipe.model.image, tmp_path)
    rows = np.array([2, 7, 11])
    read = view_of(captions, recipe, tmp_path, flip=False).read(rows, step=0)
    assert isinstance(read, torch.Tensor)  # on the backbone's device: no trip through numpy
    np.testing.assert_allclose(read, cached[rows].astype(np.float32), rtol=0.01, atol=0.01)


def steps_of(run: Path) -> list[dict[str, Any]]:
    records = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [record for record in records if record["kind"] == "step"]


def test_the_backbone_computes_in_the_precision_that_it_is_told(
    recipe: RunConfig, tmp_path: Path
) -> None:
    captions, rows = open_captions(recipe.data.train), np.array([2, 7])
    whole, low = (
        PictureView(
            captions,
            ImageBackbone(recipe.model.image),
            DataConfig(cached=False, workers=2, flip=False),
            seed=5,
            unreadable=UnreadablePictures(tmp_path / "unreadable.jsonl", 0),
            precision=precision,
        ).read(rows, step=0)
        for precision in (torch.float32, torch.bfloat16)
    )
    assert whole.dtype == low.dtype == torch.float32
    assert not torch.equal(whole, low)
    torch.testing.assert_close(whole, low, rtol=0.1, atol=0.1)


def test_what_is_done_to_a_picture_depends_on_seed_and_step_alone(
    recipe: RunConfig, tmp_path: Path
) -> None:
    captions = open_captions(recipe.data.train)
    view = view_of(captions, recipe, tmp_path, crop=0.3)
    rows = np.array([0, 1])
    first, other = view.read(rows, step=4), view.read(rows, step=5)
    assert torch.equal(view.read(rows, step=4), first)
    assert not torch.equal(first, other)


def test_crops_are_within_their_bounds() -> None:
    image = Image.new("RGB", (40, 30))
    rng = np.random.default_rng(0)
    crops = [random_crop(image, 0.25, rng) for _ in range(100)]
    shares = [crop.width * crop.height / 1200 for crop in crops]
    assert 0.2 < min(shares) < 0.35
    assert max(shares) > 0.8
    assert all(0.6 < crop.width / crop.height < 1.6 for crop in crops)
    assert random_crop(Image.new("RGB", (500, 1)), 0.9, rng).size == (500, 1)


def test_crops_of_cached_features_are_refused() -> None:
    with pytest.raises(ValueError, match="crop below 1 needs cached = false"):
        DataConfig(crop=0.5)


def test_a_run_that_reads_its_pictures_in_each_step_can_be_resumed(
    recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    changes = {"data": {"cached": False, "crop": 0.5, "dev": ""}}
    config = RunConfig.model_validate(merged(recipe_values, changes))
    train(config, tmp_path / "whole", SilentObserver(), device="cpu")
    train(config, tmp_path / "cut", SilentObserver(), device="cpu", stop_after=3)
    train(config, tmp_path / "cut", SilentObserver(), device="cpu")
    whole, cut = (steps_of(tmp_path / run) for run in ("whole", "cut"))
    assert whole == cut
    assert len(whole) == 6
    assert not (tmp_path / "whole" / "features").exists()


@pytest.mark.parametrize("cached", [True, False])
def test_a_broken_picture_stops_a_run_unless_some_may_be_left_out(
    recipe_values: dict[str, Any], broken_file: Path, tmp_path: Path, cached: bool
) -> None:
    data = {"train": str(broken_file), "dev": "", "cached": cached}
    strict = RunConfig.model_validate(merged(recipe_values, {"data": data}))
    with pytest.raises(InputError, match=r"green-circle\.png is (cut short|damaged)"):
        train(strict, tmp_path / "strict", SilentObserver(), device="cpu")
    data["max_unreadable"] = 0.1
    lenient = RunConfig.model_validate(merged(recipe_values, {"data": data}))
    train(lenient, tmp_path / "run", SilentObserver(), device="cpu")
    told = (tmp_path / "run" / "unreadable.jsonl").read_text().splitlines()
    assert [json.loads(line)["picture"] for line in told] == ["green-circle.png"]
    assert all(np.isfinite(step["total"]) for step in steps_of(tmp_path / "run"))


def test_a_cache_remembers_the_pictures_that_it_lacks(
    recipe: RunConfig, broken_file: Path, tmp_path: Path
) -> None:
    captions = open_captions(broken_file)
    told: list[int] = []
    for times in (1, 2):  # built, then opened
        features = cached_features(
            captions, recipe.model.image, tmp_path, on_unreadable=lambda i, _: told.append(i)
        )
        assert told == [BROKEN] * times
        assert np.isnan(features).all((1, 2)).nonzero()[0].tolist() == [BROKEN]
    with pytest.raises(ImageError, match=r"green-circle\.png"):
        cached_features(captions, recipe.model.image, tmp_path)


def test_unreadable_pictures_count_once_up_to_their_limit(tmp_path: Path) -> None:
    file = tmp_path / "unreadable.jsonl"
    error = ImageError("a.jpg is empty (0 bytes).", reason="empty file")
    list_of_two = UnreadablePictures(file, 2)
    for name in ("a.jpg", "b.jpg", "a.jpg"):
        list_of_two.note(name, error)
    with file.open("a") as stream:
        stream.write('{"picture": "cut sho')
    again = UnreadablePictures(file, 2)
    assert len(again) == 2
    file.write_text(file.read_text().rpartition("\n")[0] + "\n")
    with pytest.raises(InputError, match=r"3 pictures cannot be read, 2 are allowed"):
        UnreadablePictures(file, 2).note("c.jpg", error)
    file.write_text("no json\n")
    with pytest.raises(CorruptError, match="delete it"):
        UnreadablePictures(file, 2)


def test_a_nan_of_the_backbone_is_not_taken_for_a_broken_picture(recipe: RunConfig) -> None:
    from lexret.training.reading.batches import BatchSource
    from lexret.vocabulary import Vocabulary

    captions = open_captions(recipe.data.train)
    features = np.ones((12, 9, 4), np.float16)
    features[:, 0, 0] = np.nan
    features[BROKEN] = np.nan
    vocabulary = Vocabulary.load(Path(recipe.model.vocabulary))
    config = recipe.train.model_copy(update={"batch_size": 12, "patch_dropout": 0.0})
    batch = BatchSource(captions, [features], vocabulary, config).batch(0)
    assert batch.readable_B.tolist() == [i != BROKEN for i in range(12)]
    assert torch.isnan(batch.features_BPF).sum() == 11
