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
    assert result.exit_code == 2  # gone.jpg
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


def test_one_damaged_or_unwritable_file_does_not_end_the_run(photos: Path) -> None:
    damaged = (photos / "a.jpg").read_bytes()[:30]
    (photos / "a.jpg").write_bytes(damaged)
    (photos / "gone.jpg").write_bytes((photos / "b.png").read_bytes())
    (photos / "gone.jpg").chmod(0o444)
    assert "gone.jpg may not be written" in tag().stderr  # a dry run says so, too
    result = tag("--write")
    assert result.exit_code == 2 and result.stdout == "b.png: +car\n"
    assert "a.jpg" in result.stderr and "damaged" in result.stderr
    assert "gone.jpg may not be written: it is read-only" in result.stderr
    assert "1 file changed" in result.stderr and "2 pictures left alone" in result.stderr
    assert (photos / "a.jpg").read_bytes() == damaged


def test_a_run_without_faults_ends_with_0_and_one_without_changes_with_1(photos: Path) -> None:
    assert tag("b.png", "--write").exit_code == 0
    assert tag("b.png", "--write").exit_code == 1
