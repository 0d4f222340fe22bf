"""The file of a model's word levels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lexret.encoders.folder.record import WEIGHTS_FILE, ModelRecord
from lexret.encoders.folder.word_levels import LEVELS_FILE, read_word_levels, save_word_levels
from lexret.errors import CorruptError


def record(folder: Path, *, weights: str = "ab" * 32, num_words: int = 3) -> ModelRecord:
    values = {
        "sha256": {WEIGHTS_FILE: weights},
        "vocabulary": {"num_words": num_words},
        "config": {"name": "m"},
    }
    return ModelRecord(folder, values)


def test_a_model_without_levels_has_none(tmp_path: Path) -> None:
    assert read_word_levels(record(tmp_path)) is None


def test_levels_are_read_as_they_were_saved(tmp_path: Path) -> None:
    levels = np.array([0.0, 0.25, 0.5], np.float32)
    save_word_levels(record(tmp_path), levels, {"sources": ["train.jsonl"]})
    found = read_word_levels(record(tmp_path))
    assert found is not None
    assert found.tolist() == levels.tolist()


def test_levels_of_other_weights_are_refused(tmp_path: Path) -> None:
    save_word_levels(record(tmp_path), np.zeros(3, np.float32), {})
    with pytest.raises(CorruptError, match="belongs to the weights abababababab"):
        read_word_levels(record(tmp_path, weights="cd" * 32))


def test_levels_of_too_few_words_are_refused(tmp_path: Path) -> None:
    save_word_levels(record(tmp_path), np.zeros(3, np.float32), {})
    with pytest.raises(CorruptError, match="expected 4 finite numbers"):
        read_word_levels(record(tmp_path, num_words=4))


def test_a_damaged_file_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / LEVELS_FILE).write_bytes(b"nonsense")
    with pytest.raises(CorruptError, match="held-words --save"):
        read_word_levels(record(tmp_path))
