"""``lexret export`` over a small index."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lexret.cli.main import main
from lexret.engine import EmbeddedIndexWriter
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


def export(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["export", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def index_path(tmp_path: Path, tiny_vocabulary: Vocabulary) -> Path:
    path = tmp_path / "photos" / ".lexret"
    with EmbeddedIndexWriter.create(path, tiny_vocabulary, model_id="test-1") as writer:
        rows = SparseBatch.from_words([{"dog": 0.8, "red": 0.6}, {}], tiny_vocabulary)
        writer.add(["dog.jpg", "nothing.jpg"], rows)
        writer.commit()
    return path


def test_the_folder_of_pictures_is_enough(index_path: Path, tmp_path: Path) -> None:
    result = export("anserini", index_path.parent, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "2 pictures (1 of them without a word), 2 impacts at scale 100" in result.stdout
    (part,) = (tmp_path / "out" / "collection").iterdir()
    first = json.loads(part.read_text().splitlines()[0])
    assert first == {"id": "dog.jpg", "contents": "", "vector": {"t0": 80, "t2": 60}}


def test_ciff_is_written_at_the_scale_that_was_asked_for(index_path: Path, tmp_path: Path) -> None:
    result = export("ciff", index_path, "-o", tmp_path / "out", "--scale", 10)
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "out" / "export.json").read_text())["scale"] == 10
    assert (tmp_path / "out" / "index.ciff").stat().st_size > 0


def test_errors_are_told_with_status_2(index_path: Path, tmp_path: Path) -> None:
    assert export("ciff", tmp_path / "none", "-o", tmp_path / "out").exit_code == 2
    assert export("ciff", index_path, "-o", index_path).exit_code == 2
    assert export("ciff", index_path, "-o", tmp_path / "out", "--scale", 0).exit_code == 2
