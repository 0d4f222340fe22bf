"""Fixtures that tests of several rooms share; everything is made here, nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexret.vocabulary import Vocabulary


@pytest.fixture(scope="session")
def tiny_vocabulary() -> Vocabulary:
    """Six words, in an order that is not alphabetical."""
    return Vocabulary(["dog", "beach", "red", "car", "two", "blue"])


@pytest.fixture
def picture_folder(tmp_path: Path) -> Path:
    """A folder of three small pictures: red.png, blue.jpg, and noise.png in a folder below."""
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    Image.new("RGB", (48, 32), (200, 20, 20)).save(folder / "red.png")
    Image.new("RGB", (32, 48), (20, 20, 200)).save(folder / "blue.jpg")
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "more" / "noise.png")
    return folder
