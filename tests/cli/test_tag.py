"""``lexret tag``: a dry run unless told otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from lexret.cli.main import main
from lexret.encoders import load_model
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.pictures.keywords import plan_keywords
from lexret.sparse import SparseBatch


def tag(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["tag", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def photos(tmp_path: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    model = load_model(tiny_model_folder)
    for name in ("a.jpg", "b.png"):
        Image.new("RGB", (30, 20), (90, 40, 10)).save(tmp_path / name)
    rows = [{"dog": 0.8, "beach": 0.3, "sea": 0.05}, {"car": 1.0}, {"red": 1.0}]
    with EmbeddedIndexWriter.create(
        tmp_path / ".lexret", model.vocabulary, model_id=model.model_id, roots=[".."]
    ) as writer:
        writer.add(["a.jpg", "b.png", "gone.jpg"], SparseBatch.from_words(rows, model.vocabulary))
        writer.commit()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_is_written_without_write(photos: Path) -> None:
    before = (photos / "a.jpg").read_bytes()
    result = tag()
    assert result.exit_code == 0
    assert result.stdout == "a.jpg: +dog, +beach\nb.png: +car\n"
    assert "nothing was written" in result.stderr and "gone.jpg" in result.stderr
    assert (photos / "a.jpg").read_bytes() == before


def test_words_are_written_and_taken_back(photos: Path) -> None:
    before = (photos / "a.jpg").read_bytes()
    assert tag("a.jpg", "-k", 1, "--write").stdout == "a.jpg: +dog\n"
    assert plan_keywords(photos / "a.jpg", ["dog"]).content is None
    assert tag("a.jpg", "--write").stdout == "a.jpg: +beach\n"
    assert tag("a.jpg", "--write").exit_code == 1
    assert tag("--remove").stdout == "a.jpg: -dog, -beach\n"
    assert (photos / "a.jpg").read_bytes() != before
    assert tag("--remove", "--write").stdout == "a.jpg: -dog, -beach\n"
    assert (photos / "a.jpg").read_bytes() == before
