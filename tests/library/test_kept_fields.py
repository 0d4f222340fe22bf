"""What people gave a picture outlives the runs that cannot read it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from lexret.engine import open_index
from lexret.engine.corrections.corrections import DocumentCorrection, change_corrections
from lexret.errors import CorruptError
from lexret.library.fields import set_fields
from lexret.library.updating.indexing import index_folders
from lexret.library.updating.kept_fields import KEPT_FILE
from lexret.library.updating.merging import merge_indexes

GIVEN = {"stars": 5, "place": "Nice"}


def paint(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), colour).save(path)


@pytest.fixture
def root(tmp_path: Path, colours) -> Path:
    root = tmp_path / "photos"
    for name, colour in {"a": (200, 9, 9), "b": (9, 200, 9)}.items():
        paint(root / f"{name}.png", colour)
    index_folders([root], root / ".lexret", colours)
    set_fields(root / ".lexret", {"a.png": GIVEN})
    return root


def own(root: Path, doc_id: str = "a.png") -> dict[str, object]:
    fields = open_index(root / ".lexret").document(doc_id).fields
    return {name: fields[name] for name in GIVEN if fields.get(name) is not None}


def half_written(path: Path) -> bytes:
    """Leave a picture as a sync program does that is just writing it; return the whole."""
    whole = path.read_bytes()
    path.write_bytes(whole[:40])
    return whole


def kept_file(root: Path) -> Path:
    return root / ".lexret" / KEPT_FILE


@pytest.mark.parametrize("comes_back", ["as it was", "changed"])
def test_fields_outlive_a_run_that_cannot_read_the_file(
    root: Path, colours, comes_back: str
) -> None:
    whole = half_written(root / "a.png")
    for _ in range(2):
        report = index_folders([root], root / ".lexret", colours)
        assert [skipped.path for skipped in report.skipped] == ["a.png"]
        assert open_index(root / ".lexret").doc_ids() == ["b.png"]
    if comes_back == "changed":
        paint(root / "a.png", (190, 9, 9))
    else:
        (root / "a.png").write_bytes(whole)
    index_folders([root], root / ".lexret", colours)
    assert own(root) == GIVEN
    assert kept_file(root).read_text().count("sha256") == 0


def test_fields_come_back_with_a_file_that_was_away_under_whatever_name(
    root: Path, colours, tmp_path: Path
) -> None:
    shutil.move(root / "a.png", tmp_path / "away.png")
    index_folders([root], root / ".lexret", colours)
    shutil.move(tmp_path / "away.png", root / "again.png")
    index_folders([root], root / ".lexret", colours)
    assert own(root, "again.png") == GIVEN


def test_another_picture_of_the_name_of_one_that_is_gone_gets_nothing(
    root: Path, colours, tmp_path: Path
) -> None:
    shutil.move(root / "a.png", tmp_path / "away.png")
    index_folders([root], root / ".lexret", colours)
    paint(root / "a.png", (7, 7, 7))
    index_folders([root], root / ".lexret", colours)
    assert own(root) == {}
    shutil.move(tmp_path / "away.png", root / "c.png")
    index_folders([root], root / ".lexret", colours)
    assert (own(root), own(root, "c.png")) == ({}, GIVEN)


def test_a_file_that_could_not_be_read_and_then_is_gone_is_known_by_its_content_alone(
    root: Path, colours
) -> None:
    whole = half_written(root / "a.png")
    index_folders([root], root / ".lexret", colours)
    (root / "a.png").unlink()
    index_folders([root], root / ".lexret", colours)
    paint(root / "a.png", (7, 7, 7))
    index_folders([root], root / ".lexret", colours)
    assert own(root) == {}
    (root / "c.png").write_bytes(whole)
    index_folders([root], root / ".lexret", colours)
    assert own(root, "c.png") == GIVEN


def test_a_run_over_another_folder_takes_no_file_for_gone(
    root: Path, colours, tmp_path: Path
) -> None:
    archive, place = tmp_path / "archive", root / ".lexret"
    paint(archive / "z.png", (9, 9, 200))
    index_folders([archive], place, colours)
    (doc_id,) = (found for found in open_index(place).doc_ids() if found.endswith("z.png"))
    set_fields(place, {doc_id: GIVEN})
    half_written(archive / "z.png")
    index_folders([archive], place, colours)
    index_folders([root], place, colours)  # does not look at the archive
    paint(archive / "z.png", (9, 9, 180))
    index_folders([archive], place, colours)
    assert own(root, doc_id) == GIVEN


def test_an_index_that_is_made_anew_keeps_the_fields_of_what_it_cannot_read(
    root: Path, colours
) -> None:
    whole = half_written(root / "a.png")
    index_folders([root], root / ".lexret", colours, rebuild=True)
    (root / "a.png").write_bytes(whole)
    index_folders([root], root / ".lexret", colours, rebuild=True)
    assert own(root) == GIVEN


def test_kept_fields_come_along_when_indexes_are_merged(
    root: Path, colours, tmp_path: Path
) -> None:
    paint(tmp_path / "more" / "c.png", (9, 9, 200))
    index_folders([tmp_path / "more"], tmp_path / "more/.lexret", colours)
    whole = half_written(root / "a.png")
    index_folders([root], root / ".lexret", colours)
    merge_indexes([tmp_path / "more/.lexret", root / ".lexret"], tmp_path / ".lexret")
    (root / "a.png").write_bytes(whole)
    index_folders([], tmp_path / ".lexret", colours)
    assert own(tmp_path, "../photos/a.png") == GIVEN


def test_a_field_that_has_another_type_by_now_stays_kept(root: Path, colours) -> None:
    whole = half_written(root / "a.png")
    index_folders([root], root / ".lexret", colours, rebuild=True)
    set_fields(root / ".lexret", {"b.png": {"stars": "many"}})
    (root / "a.png").write_bytes(whole)
    index_folders([root], root / ".lexret", colours)
    assert own(root) == {"place": "Nice"}
    assert '"stars": 5' in kept_file(root).read_text()


def test_a_damaged_list_is_named_with_a_remedy(root: Path, colours) -> None:
    kept_file(root).write_text("{")
    with pytest.raises(CorruptError, match=r"kept-fields\.json is damaged.*lexret repair"):
        index_folders([root], root / ".lexret", colours)


def test_corrections_stay_with_a_file_that_cannot_be_read_though_there_is_a_copy(
    root: Path, colours
) -> None:
    shutil.copy(root / "a.png", root / "copy.png")
    index_folders([root], root / ".lexret", colours)
    sha256 = str(open_index(root / ".lexret").document("a.png").fields["sha256"])
    one = DocumentCorrection({"blue": 0.5}, sha256=sha256)
    change_corrections(root / ".lexret", lambda now: now.with_document("a.png", one))
    whole = half_written(root / "a.png")
    index_folders([root], root / ".lexret", colours)
    (root / "a.png").write_bytes(whole)
    index_folders([root], root / ".lexret", colours)
    assert set(open_index(root / ".lexret").corrections.documents) == {"a.png"}


def test_a_copy_neither_takes_what_is_kept_nor_makes_it_forgotten(root: Path, colours) -> None:
    for name in ("copy", "twin"):
        shutil.copy(root / "a.png", root / f"{name}.png")
    index_folders([root], root / ".lexret", colours)
    set_fields(root / ".lexret", {"twin.png": GIVEN})
    whole = half_written(root / "a.png")
    (root / "third.png").write_bytes(whole)
    index_folders([root], root / ".lexret", colours)
    (root / "fourth.png").write_bytes(whole)
    index_folders([root], root / ".lexret", colours)
    (root / "a.png").write_bytes(whole)
    index_folders([root], root / ".lexret", colours)
    names = ("a", "copy", "twin", "third", "fourth")
    found = {name: own(root, f"{name}.png") for name in names}
    assert found == {"a": GIVEN, "copy": {}, "twin": GIVEN, "third": {}, "fourth": {}}


def test_a_picture_that_moved_keeps_its_fields_when_the_index_is_made_anew(
    root: Path, colours
) -> None:
    (root / "a.png").rename(root / "moved.png")
    index_folders([root], root / ".lexret", colours, rebuild=True)
    assert own(root, "moved.png") == GIVEN
    assert not kept_file(root).exists()
