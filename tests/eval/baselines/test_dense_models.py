"""Dense models through transformers, with a CLIP that is made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexret.errors import InputError, MissingError, MissingPackageError
from lexret.eval.baselines.dense_models import dense_scores, open_dense_model
from tests.tiny_towers import save_tiny_clip, without_open_clip


def test_a_clip_from_a_folder_gives_cosines(tmp_path: Path) -> None:
    save_tiny_clip(tmp_path)
    model = open_dense_model(f"transformers:{tmp_path}")
    pictures = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue", "green")]
    texts = ["a red car", "blue"]
    np.testing.assert_allclose(np.linalg.norm(model.images(pictures), axis=1), 1.0, rtol=1e-5)
    scores = dense_scores(model, pictures, texts)
    assert scores.shape == (3, 2)
    assert (np.abs(scores) <= 1 + 1e-6).all()
    # One at a time or all together: padding must not change a text.
    np.testing.assert_allclose(model.texts(texts)[0], model.texts(texts[:1])[0], atol=1e-5)


def test_missing_weights_and_packages_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingError, match="save_pretrained"):
        open_dense_model(f"transformers:{tmp_path / 'none'}")
    with pytest.raises(InputError, match="open_clip:ARCHITECTURE"):
        open_dense_model("clip")
    without_open_clip(monkeypatch)
    with pytest.raises(MissingPackageError, match=r"lexret\[clip\]"):
        open_dense_model("open_clip:ViT-B-16:openai")
