"""Which hits of a search are sure, by the model's calibration."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lexret
from lexret.library.asking.calibration import Calibration, save_calibration


@pytest.fixture
def photos(tmp_path: Path, static_model_folder: Path) -> lexret.Library:
    model = tmp_path / "model"
    shutil.copytree(static_model_folder, model)
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(6):
        noise = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{i}.png")
    return lexret.Library.create(folder, model=str(model))


def calibrate(photos: lexret.Library, least: float) -> None:
    model = photos.encoders(photos.snapshot()).record
    # The score alone is the evidence.
    calibration = Calibration((1.0, 0.0, 0.0, 0.0, 0.0), (0.2,), (least,), 100, "data")
    save_calibration(model.folder, calibration, model_id=model.model_id, text_encoder="static")


def test_without_a_calibration_nothing_is_said(photos: lexret.Library) -> None:
    results = photos.search("dog")
    assert len(results)
    assert {hit.sure for hit in results} == {None}
    assert results.num_sure is None


def test_hits_with_enough_evidence_are_sure_and_the_others_stay(photos: lexret.Library) -> None:
    scores = [hit.score for hit in photos.search("dog")]
    assert scores[0] > scores[-1]
    calibrate(photos, (scores[0] + scores[-1]) / 2)
    results = photos.search("dog")
    assert [hit.score for hit in results] == scores
    assert [hit.sure for hit in results] == [score >= (scores[0] + scores[-1]) / 2
                                             for score in scores]  # fmt: skip
    assert results.num_sure == sum(score >= (scores[0] + scores[-1]) / 2 for score in scores)


def test_filters_alone_and_pictures_are_not_judged(photos: lexret.Library) -> None:
    calibrate(photos, 0.0)
    assert {hit.sure for hit in photos.search("path:**")} == {None}
    assert {hit.sure for hit in photos.similar("0.png")} == {None}
    assert {hit.sure for hit in photos.search("dog path:**")} == {True}
