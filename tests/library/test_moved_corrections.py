"""Corrections follow pictures whose files are moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from lexret.engine import open_index
from lexret.engine.corrections.corrections import DocumentCorrection, change_corrections
from lexret.library.updating.indexing import index_folders


def test_corrections_follow_a_picture_that_is_moved(tmp_path: Path, colours: Any) -> None:
    root, place = tmp_path / "photos", tmp_path / "photos" / ".lexret"
    root.mkdir()
    Image.new("RGB", (20, 20), (255, 0, 0)).save(root / "a.png")
    Image.new("RGB", (20, 20), (0, 255, 0)).save(root / "b.png")
    index_folders([root], place, colours)
    sha256 = open_index(place).document("a.png").fields["sha256"]
    one = DocumentCorrection({"blue": 0.5}, sha256=str(sha256))
    change_corrections(place, lambda now: now.with_document("a.png", one))
    (root / "a.png").rename(root / "c.png")
    index_folders([root], place, colours)
    index = open_index(place)
    assert set(index.corrections.documents) == {"c.png"}
    assert index.vector("c.png").weight_of("blue") == 0.5
    (root / "c.png").rename(root / "b.png")  # over another picture
    index_folders([root], place, colours)
    assert open_index(place).vector("b.png").weight_of("blue") == 0.5
