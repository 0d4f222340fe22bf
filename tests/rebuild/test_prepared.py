"""Prepared pictures: what is kept of each, once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lexret.captions.sources import open_captions
from lexret.encoders.lexical_model import LexicalModel
from lexret.errors import CorruptError, InputError
from lexret.rebuild.prepared import (
    PreparedPictures,
    averaged_fields,
    prepared_pictures,
    ranked_words,
)
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


def test_features_are_averaged_over_even_fields() -> None:
    grid = np.arange(36.0).reshape(6, 6)
    features = grid.reshape(1, 36, 1)
    corners = [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11]]
    expected = [np.mean([place + 12 * row for place in corner])
                for row in range(3) for corner in corners]  # fmt: skip
    assert averaged_fields(features)[0, :, 0].tolist() == expected


def test_a_grid_of_2_x_2_fills_all_fields() -> None:
    found = averaged_fields(np.arange(4.0).reshape(1, 4, 1))
    assert found.shape == (1, 9, 1)
    assert np.isfinite(found).all()


def test_words_fall_and_are_relative_to_the_strongest(tiny_vocabulary: Vocabulary) -> None:
    vectors = SparseBatch.from_words([{"dog": 0.5, "car": 2.0, "two": 1.0}, {}], tiny_vocabulary)
    ids, weights = ranked_words(vectors, 2)
    assert ids.tolist() == [[3, 4], [-1, -1]]
    assert weights.tolist() == [[1.0, 0.5], [0.0, 0.0]]


def test_pictures_are_prepared_once(
    captions_file: Path, lexical: LexicalModel, pictures: PreparedPictures, pictures_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def refuse(*_: object) -> None:
        raise AssertionError("prepared again")

    monkeypatch.setattr("lexret.rebuild.prepared._prepare", refuse)
    captions = open_captions(captions_file)
    again = prepared_pictures(
        captions, lexical, pictures_folder, side=16, feature_cache=pictures_folder
    )
    assert (again.pixels == pictures.pixels).all()
    assert again.word_ids.max() < len(lexical.vocabulary)
    norms = np.linalg.norm(again.dense.astype(np.float32), axis=1)
    np.testing.assert_allclose(norms, 1, atol=0.01)
    # Of two captions in a row of five the first comes again.
    assert (again.text_ids[:, 0] == again.text_ids[:, 2]).all()
    assert (again.text_ids[:, 0] != again.text_ids[:, 1]).any()


def test_a_damaged_folder_is_reported(
    captions_file: Path, lexical: LexicalModel, tmp_path: Path
) -> None:
    captions = open_captions(captions_file)
    prepared_pictures(captions, lexical, tmp_path, side=8, feature_cache=tmp_path)
    (place,) = tmp_path.glob("*/pixels.npy")
    place.write_bytes(place.read_bytes()[:100])
    with pytest.raises(CorruptError, match="cannot be read"):
        prepared_pictures(captions, lexical, tmp_path, side=8, feature_cache=tmp_path)


def test_smaller_pictures_are_means_of_squares(pictures: PreparedPictures) -> None:
    found = pictures.reduced(8).pixels
    expected = pictures.pixels[3, 2:4, 4:6].astype(float).mean((0, 1))
    np.testing.assert_allclose(found[3, 1, 2], expected, atol=0.51)
    assert pictures.reduced(16) is pictures
    with pytest.raises(InputError, match="no multiple of 5 px"):
        pictures.reduced(5)
