"""What model folders tell of themselves without being loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lexret.encoders.folder.catalogue import (
    card_section,
    model_folders,
    read_card,
    summarize,
)
from lexret.errors import CorruptError, MissingError


def test_shipped_models_come_first_and_places_are_searched(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    shipped = model_folders()
    assert "mini" in [folder.name for folder in shipped]
    assert model_folders([tiny_model_folder]) == [*shipped, tiny_model_folder]
    assert model_folders([tiny_model_folder.parent]) == [*shipped, tiny_model_folder]
    with pytest.raises(MissingError, match="No model at"):
        model_folders([tmp_path])


def test_a_summary_tells_size_words_and_recall(tiny_model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_model_folder, folder)
    meta = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    meta["numbers"] = {"dev": {"text_to_image": {"R@1": 12, "median_rank": 3}}}
    (folder / "model.json").write_text(json.dumps(meta), encoding="utf-8")
    summary = summarize(folder)
    assert (summary.name, summary.num_words) == ("tiny", 60)
    assert summary.model_id.startswith("tiny-")
    assert summary.recall == {"text_to_image": {"R@1": 12.0}}
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert summary.num_bytes == sum(path.stat().st_size for path in files)
    assert summarize(tiny_model_folder).recall == {}


def test_a_card_is_read_by_sections(tmp_path: Path) -> None:
    assert read_card(tmp_path) == ""
    card = "# m\n\n## What it is\n\nA model.\n\n## Licence and limits\n\nFree.\n\n## Recipe\n\nx\n"
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    assert card_section(read_card(tmp_path), "Licence and limits") == "Free."
    assert card_section(card, "Licence") == ""
    assert card_section(card, "Recipe") == "x"
    (tmp_path / "README.md").write_bytes(b"\xff")
    with pytest.raises(CorruptError, match="UTF-8"):
        read_card(tmp_path)
