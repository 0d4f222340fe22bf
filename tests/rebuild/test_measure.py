"""Measures of rebuilt pictures and of mixed queries, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexret.captions.sources import open_captions
from lexret.encoders.lexical_model import LexicalModel, load_model
from lexret.eval.mixed.queries import MixedQueries
from lexret.eval.rebuild.measure import (
    RebuildMeter,
    entries_in_use,
    evenly_chosen,
    feature_distances,
    psnr,
)
from lexret.eval.rebuild.mixed import measure_mixed, precision
from lexret.rebuild.folder import load_rebuild_model
from lexret.rebuild.prepared import PreparedPictures, prepared_pictures
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


def test_psnr_by_hand() -> None:
    black = np.zeros((2, 4, 4, 3), np.uint8)
    off = black.copy()
    off[0] += 16
    found = psnr(off, black)
    assert found[0] == pytest.approx(20 * np.log10(255 / 16))
    assert np.isfinite(found[1]) and found[1] > 60


def test_feature_distance_is_of_the_averages() -> None:
    mine = np.array([[[2.0, 0.0], [0.0, 2.0]]])
    assert feature_distances(mine, mine[:, ::-1])[0] == pytest.approx(0)
    assert feature_distances(mine, np.array([[[1.0, 0.0], [3.0, 0.0]]]))[0] == pytest.approx(
        1 - 0.5**0.5
    )


def test_rows_are_spread_evenly() -> None:
    assert evenly_chosen(10, 4).tolist() == [0, 2, 5, 7]
    assert evenly_chosen(3, 9).tolist() == [0, 1, 2]
    assert entries_in_use([np.array([[1, 2]]), np.array([[2, 7]])]) == 3


def test_originals_find_themselves_and_another_picture_does_not(
    captions_file: Path, static_model_folder: Path, tmp_path: Path
) -> None:
    lexical, captions = load_model(static_model_folder), open_captions(captions_file)
    prepared = prepared_pictures(captions, lexical, tmp_path, side=96, feature_cache=tmp_path)
    meter = RebuildMeter(captions, lexical, prepared.pixels, feature_cache=tmp_path)
    rows = np.arange(12)
    own = meter.measure(np.asarray(prepared.pixels), rows)
    others = meter.measure(np.asarray(prepared.pixels)[np.roll(rows, 5)], rows)
    assert own.own_entry_rank == 1
    assert own.psnr > 60 > 20 > others.psnr
    assert own.distance == pytest.approx(0, abs=0.02)
    assert others.distance > own.distance
    assert others.own_entry_rank > 1


CAPTIONS = """\
{"image": "a.png", "captions": ["a dog in the snow"]}
{"image": "b.png", "captions": ["dogs play", "snowy field"]}
{"image": "c.png", "captions": ["a puppy on snow"]}
{"image": "d.png", "captions": ["a dog runs"]}
{"image": "e.png", "captions": ["a man in the snow"]}
"""


def test_precision_leaves_the_photo_itself_out(tiny_vocabulary: Vocabulary) -> None:
    index = SparseBatch.from_words(
        [{"dog": 1.0}, {"dog": 0.5, "red": 0.5}, {"car": 1.0}, {"red": 1.0}], tiny_vocabulary
    )
    right = np.array([[True, True, False, False]])
    asked = MixedQueries(np.array([0]), ("red",), right)
    queries = SparseBatch.from_words([{"dog": 1.0}], tiny_vocabulary)
    assert precision(index, queries, asked) == 50.0  # of two that are right one is found


def test_prepared_pictures_may_be_chosen(pictures: PreparedPictures, lexical: LexicalModel) -> None:
    some = pictures.rows(np.array([4, 1]))
    assert len(some) == 2
    assert (some.pixels[1] == pictures.pixels[1]).all()


def test_every_kind_of_mixed_query_is_measured_and_its_controls(
    tmp_path: Path, decoder_folder: Path, lexical: LexicalModel
) -> None:
    file = tmp_path / "captions.jsonl"
    file.write_text(CAPTIONS, encoding="utf-8")
    random = np.random.default_rng(0)
    for name in "abcde":
        noise = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{name}.png")
    captions = open_captions(file)
    prepared = prepared_pictures(captions, lexical, tmp_path, side=16, feature_cache=tmp_path)
    index = lexical.images.encode([captions.image(i) for i in range(5)])
    model = load_rebuild_model(decoder_folder, lexical)
    found = measure_mixed(model, lexical, captions, prepared, index, num_soft=2)
    assert found.pop("queries") == 1
    assert len(found) == 7  # this model has no static text encoder
    assert all(0 <= value <= 100 for value in found.values())
