"""A damaged index of pictures is checked, repaired, and made whole again by the next run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from lexret.engine import open_index
from lexret.engine.corrections.corrections import change_corrections, load_corrections
from lexret.engine.corrections.layout import CORRECTIONS_FILE, PENDING_FILE
from lexret.engine.segments.manifest import Manifest
from lexret.errors import CorruptError, DamageError, MissingError
from lexret.library.fields import set_fields
from lexret.library.integrity import check_library, num_waiting, repair_library
from lexret.library.library import Library
from lexret.library.updating.index_report import IndexReport
from lexret.library.updating.indexing import index_folders
from lexret.library.updating.kept_fields import KEPT_FILE
from lexret.library.updating.merging import merge_indexes
from lexret.library.updating.refused import REFUSED_FILE

COLOURS = {"red.png": (250, 10, 10), "green.png": (10, 250, 10), "more/blue.png": (10, 10, 250)}


@pytest.fixture
def root(tmp_path: Path, colours) -> Path:
    folder = tmp_path / "photos"
    for name, colour in COLOURS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), colour).save(folder / name)
    index_folders([folder], folder / ".lexret", colours)
    set_fields(folder / ".lexret", {"red.png": {"stars": 5}})
    change_corrections(
        folder / ".lexret",
        lambda now: now.with_document("green.png", now.of("green.png").plus("red", 0.25)),
    )
    return folder


def update(root: Path, colours) -> IndexReport:
    return index_folders([root], root / ".lexret", colours)


def damage(root: Path, pattern: str, place: int = -1) -> None:
    """Flip a bit in every file of a name."""
    files = [file for file in (root / ".lexret").glob(pattern) if file.stat().st_size]
    assert files
    for file in files:
        data = bytearray(file.read_bytes())
        data[place] ^= 1
        file.write_bytes(data)


def contents(root: Path) -> dict[str, object]:
    index = open_index(root / ".lexret")
    return {
        document.doc_id: (document.fields, index.vector(document.doc_id).words())
        for document in index.documents()
    }


@pytest.mark.parametrize("file", ["weights.bin", "lows.bin", "lists.bin"])
def test_pictures_whose_words_are_lost_are_encoded_again_and_keep_all_else(
    root: Path, colours, file: str
) -> None:
    before = contents(root)
    damage(root, f"segments/*/{file}", place=0)
    with pytest.raises(DamageError, match=r"lexret repair"):
        contents(root)
    assert not check_library(root / ".lexret").report.is_whole
    report = repair_library(root / ".lexret")
    assert report.without_vector and not report.lost_fields
    found = check_library(root / ".lexret")
    assert (found.report.is_whole, found.num_waiting) == (True, len(report.without_vector))
    encoded = colours.num_encoded
    again = update(root, colours)
    assert colours.num_encoded - encoded == len(report.without_vector)
    assert (again.num_removed, again.num_pictures) == (0, 3)
    assert contents(root) == before
    assert num_waiting(root / ".lexret") == 0


def test_fields_of_files_that_are_lost_are_read_again(root: Path, colours) -> None:
    before = contents(root)
    damage(root, "segments/*/documents.bin", place=0)  # the offsets of the ids
    report = repair_library(root / ".lexret")
    assert report.num_unnamed == 3
    assert update(root, colours).num_added == 3
    after = contents(root)
    assert after.keys() == before.keys()
    fields, words = after["green.png"]
    assert (fields["stars"], words) == (None, before["green.png"][1])


def test_words_of_the_index_come_from_its_model(
    root: Path, colours, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(root)
    damage(root, "vocabulary-*.txt", place=0)
    with pytest.raises(DamageError, match="vocabulary"):
        contents(root)
    monkeypatch.setattr(
        "lexret.library.integrity._words_of", lambda manifest, model: colours.vocabulary
    )
    report = repair_library(root / ".lexret")
    assert not report.lost_something
    assert contents(root) == before


def test_words_that_no_model_knows_leave_all_as_it_is(root: Path, colours) -> None:
    damage(root, "vocabulary-*.txt", place=0)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    for dry_run in (True, False):
        with pytest.raises(CorruptError, match=r"colours-1 with --model.*--rebuild"):
            repair_library(root / ".lexret", dry_run=dry_run)
    assert {path: path.read_bytes() for path in before} == before
    set_aside = root / ".lexret" / "damaged"
    assert not set_aside.exists()


def test_an_index_without_any_manifest_leaves_corrections_and_a_way_on(root: Path, colours) -> None:
    for name in ("manifest.json", "manifest.copy.json"):
        damage(root, name, place=90)
    planned = repair_library(root / ".lexret", dry_run=True)
    assert not planned.is_usable and (root / ".lexret/manifest.json").exists()
    report = repair_library(root / ".lexret")
    assert not report.is_usable
    assert report.aside is not None and (report.aside / "segments").is_dir()
    with pytest.raises(MissingError):
        open_index(root / ".lexret")
    assert update(root, colours).num_added == 3
    assert open_index(root / ".lexret").vector("green.png").weight_of("red") == 0.25


@pytest.mark.parametrize("name", ["manifest.json", "corrections.json"])
def test_a_file_of_which_there_is_a_copy_is_restored(root: Path, colours, name: str) -> None:
    before = contents(root)
    damage(root, name, place=90)
    for ask in (lambda: Library.open(root), lambda: Library(root / ".lexret").search(like="x")):
        with pytest.raises(DamageError, match=f"{name} is damaged.*lexret check.*lexret repair"):
            ask()
    library = Library(root / ".lexret")
    report = library.repair()
    assert (report.restored, report.lost_something) == ([name], False)
    assert library.check().report.is_whole
    assert contents(root) == before
    (root / ".lexret" / name).unlink()
    with pytest.raises(DamageError, match="missing"):
        Library.open(root)
    assert library.repair().restored == [name]
    assert contents(root) == before


def test_corrections_damaged_twice_keep_what_both_tell(root: Path) -> None:
    index = root / ".lexret"
    change_corrections(
        index, lambda now: now.with_document("red.png", now.of("red.png").minus("blue"))
    )
    for name in ("corrections.json", "corrections.copy.json"):
        text = (index / name).read_text()
        assert '"red": 0.25' in text
        weight = "0.26" if "copy" in name else "0.27"
        (index / name).write_text(text.replace('"red": 0.25', f'"red": {weight}'))
    report = repair_library(index)
    assert any("green.png" in line for line in report.lost_additions)
    corrections = open_index(index).corrections
    assert corrections.documents.keys() == {"red.png"}
    assert corrections.of("red.png").removed == {"blue"}


def test_rebuilding_does_not_lose_fields_that_a_repair_would_save(root: Path, colours) -> None:
    damage(root, "manifest.json", place=90)
    with pytest.raises(DamageError, match="lexret repair"):
        index_folders([root], root / ".lexret", colours, rebuild=True)
    repair_library(root / ".lexret")
    index_folders([root], root / ".lexret", colours, rebuild=True)
    assert open_index(root / ".lexret").document("red.png").fields["stars"] == 5


def test_a_lost_manifest_is_no_reason_to_make_a_new_index(root: Path, colours) -> None:
    (root / ".lexret" / "manifest.json").unlink()
    with pytest.raises(DamageError, match="its copy is there"):
        update(root, colours)
    assert Manifest.load_if_sound(root / ".lexret") is None
    assert not repair_library(root / ".lexret").lost_something
    assert update(root, colours).num_unchanged == 3


def test_a_damaged_list_of_refused_files_has_them_read_again(root: Path, colours) -> None:
    (root / "broken.png").write_bytes(b"no picture")
    os.utime(root / "broken.png", ns=(10**18, 10**18))
    update(root, colours)
    path = root / ".lexret" / REFUSED_FILE
    text = path.read_text()
    path.write_text(text.replace("broken.png", "brokeN.png", 1))
    update(root, colours)
    assert path.read_text() == text


def test_nothing_is_done_to_a_whole_index(root: Path) -> None:
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    report = repair_library(root / ".lexret")
    assert (report.lost_something, report.aside, report.num_documents) == (False, None, 3)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_a_second_repair_keeps_what_the_first_put_aside(root: Path, colours) -> None:
    asides = set()
    for _ in range(2):
        damage(root, "segments/*/weights.bin")
        report = repair_library(root / ".lexret")
        assert report.aside is not None
        asides.add(report.aside)
        update(root, colours)
    assert len(asides) == 2 and all(aside.is_dir() for aside in asides)


def test_a_merge_of_a_damaged_index_is_refused_and_leaves_all_as_it_was(
    root: Path, colours, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (8, 8), (9, 200, 9)).save(other / "1.png")
    index_folders([other], other / ".lexret", colours)
    damage(root, "segments/*/weights.bin")
    files = [path for folder in (root, other) for path in folder.rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files if path.name != "lock"}
    for target in (tmp_path / "all", other / ".lexret"):
        with pytest.raises(DamageError, match=r"weights\.bin is damaged"):
            merge_indexes([root / ".lexret", other / ".lexret"], target)
    assert {path: path.read_bytes() for path in before} == before
    assert not (tmp_path / "all" / "manifest.json").exists()


def test_a_damaged_vector_is_not_given_to_another_picture_of_that_content(
    root: Path, colours
) -> None:
    damage(root, "segments/*/weights.bin")
    before = (root / ".lexret" / "manifest.json").read_bytes()
    (root / "copy.png").write_bytes((root / "green.png").read_bytes())
    with pytest.raises(DamageError, match=r"weights\.bin is damaged"):
        update(root, colours)
    assert (root / ".lexret" / "manifest.json").read_bytes() == before
    repair_library(root / ".lexret")
    update(root, colours)
    index = open_index(root / ".lexret")
    assert index.vector("copy.png").words(1)[0].word == "green"


def keep_fields(root: Path, colours) -> bytes:
    """Leave a picture that has fields half written, so that a run keeps them; return the whole."""
    whole = (root / "red.png").read_bytes()
    (root / "red.png").write_bytes(whole[:40])
    update(root, colours)
    return whole


@pytest.mark.parametrize("file", [KEPT_FILE, "kept-fields.copy.json"])
def test_kept_fields_are_restored_from_their_copy_and_the_other_way_round(
    root: Path, colours, file: str
) -> None:
    whole = keep_fields(root, colours)
    damage(root, file, place=200)
    (finding,) = check_library(root / ".lexret").report.findings
    assert finding.file == file
    report = repair_library(root / ".lexret")
    assert (report.restored, report.lost_something) == ([file], False)
    assert check_library(root / ".lexret").report.is_whole
    (root / "red.png").write_bytes(whole)
    update(root, colours)
    assert contents(root)["red.png"][0]["stars"] == 5


def test_kept_fields_that_are_lost_for_good_are_put_aside_and_told(root: Path, colours) -> None:
    keep_fields(root, colours)
    damage(root, "kept-fields*.json", place=200)
    with pytest.raises(DamageError, match="lexret repair"):
        update(root, colours)
    assert repair_library(root / ".lexret", dry_run=True).lost_something
    assert (root / ".lexret" / KEPT_FILE).exists()
    report = repair_library(root / ".lexret")
    assert KEPT_FILE in report.lost_additions[0]
    assert report.aside is not None and (report.aside / KEPT_FILE).exists()
    update(root, colours)
    assert check_library(root / ".lexret").report.is_whole


def test_damaged_corrections_of_a_commit_that_was_cut_off_leave_those_of_before(
    root: Path,
) -> None:
    pending = root / ".lexret" / PENDING_FILE
    pending.write_bytes((root / ".lexret" / CORRECTIONS_FILE).read_bytes())
    damage(root, PENDING_FILE, place=40)
    with pytest.raises(DamageError, match="lexret repair"):
        contents(root)
    (finding,) = check_library(root / ".lexret").report.findings
    assert finding.file == PENDING_FILE
    report = repair_library(root / ".lexret")
    assert PENDING_FILE in report.lost_additions[0]
    assert not pending.exists()
    assert report.aside is not None and (report.aside / PENDING_FILE).exists()
    assert load_corrections(root / ".lexret").of("green.png").added == {"red": 0.25}
