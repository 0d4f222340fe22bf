"""Indexing folders of pictures: what is read again, what is encoded again, what is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image
from sealing import change_sealed

from lexret.engine import EmbeddedIndexWriter, open_index
from lexret.errors import (
    CorruptError,
    DamageError,
    InputError,
    LockedError,
    MismatchError,
    MissingError,
)
from lexret.library.folders import default_index, find_index, picture_root, record_root
from lexret.library.updating import commit_schedule, update_run
from lexret.library.updating.index_report import IndexReport
from lexret.library.updating.indexing import index_folders
from lexret.library.updating.records import KnownPicture
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


def paint(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), colour).save(path)


def update(root: Path, encoder, **options) -> IndexReport:
    return index_folders([root], default_index(root), encoder, **options)


def best_for(root: Path, word: str) -> list[str]:
    index = open_index(default_index(root))
    (hits,) = index.search(SparseBatch.from_words([{word: 1.0}], index.vocabulary))
    return [hit.doc_id for hit in hits]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    paint(folder / "red.png", (200, 10, 10))
    paint(folder / "deep" / "blue.jpg", (10, 10, 200))
    paint(folder / "green.webp", (10, 200, 10))
    return folder


def test_a_folder_is_indexed_and_searched(root: Path, colours) -> None:
    told: list[tuple[int, int]] = []
    report = update(root, colours, progress=lambda done, total: told.append((done, total)))
    assert (report.num_added, report.num_encoded, report.num_pictures) == (3, 3, 3)
    assert report.skipped == ()
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert best_for(root, "blue")[0] == "deep/blue.jpg"
    fields = open_index(default_index(root)).document("deep/blue.jpg").fields
    state = (root / "deep" / "blue.jpg").stat()
    assert fields["path"] == "deep/blue.jpg"
    assert (fields["size"], fields["mtime_ns"]) == (state.st_size, state.st_mtime_ns)
    assert (fields["width"], fields["height"]) == (16, 16)


def test_weights_stay_as_they_were_chosen_when_an_index_is_made_anew(root: Path, colours) -> None:
    update(root, colours, weights="8bit")
    update(root, colours)
    with pytest.raises(InputError, match="stores 8bit weights, but exact ones"):
        update(root, colours, weights="exact")
    update(root, colours, rebuild=True)
    assert open_index(default_index(root)).manifest.weights == "8bit"
    update(root, colours, rebuild=True, weights="exact")
    assert open_index(default_index(root)).manifest.weights == "exact"


def test_where_nothing_has_changed_no_record_is_made(
    root: Path, colours, monkeypatch: pytest.MonkeyPatch
) -> None:
    update(root, colours)
    made: list[str] = []
    of = KnownPicture.of

    def noting(document) -> KnownPicture:
        made.append(document.doc_id)
        return of(document)

    monkeypatch.setattr(KnownPicture, "of", noting)
    assert update(root, colours).num_unchanged == 3
    assert made == []
    paint(root / "red.png", (10, 200, 200))
    report = update(root, colours)
    assert (report.num_updated, report.num_unchanged) == (1, 2)
    assert set(made) == {"red.png"}


def test_an_index_of_something_else_is_not_brought_up_to_date(root: Path, colours) -> None:
    update(root, colours)
    with EmbeddedIndexWriter.open(default_index(root)) as writer:
        vector = SparseBatch.from_words([{"red": 1.0}], colours.vocabulary)
        writer.add(["none"], vector, fields={"path": ["none"], "size": [1]})
        writer.commit()
    with pytest.raises(CorruptError, match=r"'none' is no picture's: its field 'mtime_ns' is None"):
        update(root, colours)
    assert "deep/blue.jpg" in open_index(default_index(root))


def test_a_damaged_field_is_told_before_anything_is_written(root: Path, colours) -> None:
    update(root, colours)
    index = open_index(default_index(root))
    (segment,) = index.segments
    file = segment.folder / "documents.bin"
    place = segment.entry.files[file.name]["field.width.values"].offset
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    before = (default_index(root) / "manifest.json").read_bytes()
    paint(root / "new.png", (10, 10, 10))
    with pytest.raises(DamageError, match="width"):
        update(root, colours)
    assert (default_index(root) / "manifest.json").read_bytes() == before


def test_an_encoder_of_another_precision_is_refused(root: Path, colours) -> None:
    update(root, colours)
    low = type(colours)(colours.vocabulary, precision="bfloat16")
    with pytest.raises(InputError, match="encoded in float32, but bfloat16 is asked for"):
        update(root, low)
    update(root, low, rebuild=True)
    assert open_index(default_index(root)).manifest.precision == "bfloat16"
    with pytest.raises(InputError, match="encoded in bfloat16, but float32 is asked for"):
        update(root, colours)


def test_an_index_of_an_unknown_precision_is_not_opened(root: Path, colours) -> None:
    update(root, colours)
    manifest = default_index(root) / "manifest.json"
    change_sealed(manifest, precision="int3")
    with pytest.raises(CorruptError, match="'precision' of the manifest is 'int3'"):
        open_index(default_index(root))
    low = type(colours)(colours.vocabulary, precision="int3")
    with pytest.raises(InputError, match="found 'int3'"):
        update(root, low, rebuild=True)


def test_unchanged_files_are_not_read_again(
    root: Path, colours, monkeypatch: pytest.MonkeyPatch
) -> None:
    update(root, colours)
    monkeypatch.setattr(update_run, "read_files", None)
    with pytest.raises(TypeError):
        update(root, colours)  # so it would show if anything were read
    monkeypatch.undo()
    generation = open_index(default_index(root)).manifest.generation
    report = update(root, colours)
    assert (report.num_unchanged, report.num_encoded, report.num_added) == (3, 0, 0)
    assert open_index(default_index(root)).manifest.generation == generation
    assert colours.num_encoded == 3


def test_only_changed_and_new_files_are_encoded(root: Path, colours) -> None:
    update(root, colours)
    paint(root / "red.png", (10, 10, 201))
    paint(root / "new.png", (1, 2, 3))
    os.utime(root / "green.webp", ns=(1, 1))  # touched, the same content
    report = update(root, colours)
    assert (report.num_updated, report.num_added, report.num_unchanged) == (1, 1, 2)
    assert report.num_encoded == 2
    assert best_for(root, "blue")[0] == "red.png"
    assert open_index(default_index(root)).document("green.webp").fields["mtime_ns"] == 1
    assert update(root, colours).num_unchanged == 4


def test_renamed_moved_and_duplicate_files_are_not_encoded_again(root: Path, colours) -> None:
    update(root, colours)
    (root / "red.png").rename(root / "deep" / "rouge.png")
    shutil.copy(root / "green.webp", root / "copy.webp")
    report = update(root, colours)
    assert (report.num_renamed, report.num_added, report.num_removed) == (1, 1, 0)
    assert (report.num_encoded, report.num_pictures) == (0, 4)
    assert best_for(root, "red")[0] == "deep/rouge.png"
    assert best_for(root, "green")[:2] == ["copy.webp", "green.webp"]
    fields = open_index(default_index(root)).document("copy.webp").fields
    assert (fields["width"], fields["height"]) == (16, 16)


def test_duplicates_of_one_run_are_encoded_once(
    root: Path, colours, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_schedule, "PICTURES_A_COMMIT", 2)
    for number in range(9):
        shutil.copy(root / "red.png", root / f"red{number}.png")
    report = update(root, colours, batch_size=2)
    assert (report.num_added, report.num_encoded, report.num_pictures) == (12, 3, 12)
    assert len([doc_id for doc_id in best_for(root, "red")[:10] if "red" in doc_id]) == 10


def test_content_that_two_files_exchange_stays_right(
    root: Path, colours, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_schedule, "PICTURES_A_COMMIT", 1)
    paint(root / "a.png", (200, 0, 0))
    paint(root / "b.png", (0, 200, 0))
    update(root, colours)
    (root / "a.png").rename(root / "c")
    (root / "b.png").rename(root / "a.png")
    (root / "c").rename(root / "b.png")
    os.utime(root / "a.png", ns=(5, 5))
    os.utime(root / "b.png", ns=(5, 5))
    report = update(root, colours)
    assert (report.num_updated, report.num_encoded) == (2, 0)
    index = open_index(default_index(root))
    assert index.vector("a.png").words(1)[0].word == "green"
    assert index.vector("b.png").words(1)[0].word == "red"


def test_pictures_that_are_gone_leave_the_index(root: Path, colours) -> None:
    update(root, colours)
    (root / "red.png").unlink()
    report = update(root, colours)
    assert (report.num_removed, report.num_pictures) == (1, 2)
    assert "red.png" not in best_for(root, "red")


def test_unreadable_pictures_are_skipped_and_counted(root: Path, colours) -> None:
    update(root, colours)
    (root / "empty.jpg").touch()
    (root / "empty2.jpg").touch()
    (root / "text.png").write_text("no picture")
    (root / "green.webp").write_text("spoilt")
    report = update(root, colours)
    assert report.reasons() == [("empty file", 2), ("not a picture", 2)]
    assert {one.path for one in report.skipped} == {
        "empty.jpg",
        "empty2.jpg",
        "green.webp",
        "text.png",
    }
    assert (report.num_removed, report.num_pictures) == (1, 2)


def test_a_picture_that_the_model_rejects_does_not_stop_the_others(root: Path, colours) -> None:
    class Picky(type(colours)):
        def encode(self, items, *, batch_size: int = 32) -> SparseBatch:
            if any(image.getpixel((0, 0))[0] > 150 for image in items):
                raise InputError("A weight is NaN or infinite.")
            return super().encode(items, batch_size=batch_size)

    shutil.copy(root / "red.png", root / "same.png")
    report = update(root, Picky(colours.vocabulary))
    assert report.reasons() == [("rejected by the model", 2)]
    assert report.num_pictures == 2


def test_an_interrupted_run_goes_on_where_it_stopped(root: Path, colours) -> None:
    for number in range(10):
        paint(root / f"{number}.png", (number, 2 * number, 100))

    def interrupt(done: int, total: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        update(root, colours, batch_size=2, progress=interrupt)
    stored = len(open_index(default_index(root)))
    assert stored == 6
    report = update(root, colours, batch_size=2)
    assert (report.num_unchanged, report.num_encoded, report.num_pictures) == (6, 7, 13)


def test_what_the_camera_wrote_is_stored_and_follows_the_content(root: Path, colours) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Leica"
    exif[ExifTags.Base.DateTime] = "2024:06:15 00:00:00"
    Image.new("RGB", (16, 16), (9, 9, 9)).save(root / "taken.jpg", exif=exif)
    update(root, colours)
    shutil.copy(root / "taken.jpg", root / "deep" / "copy.jpg")
    update(root, colours)
    index = open_index(default_index(root))
    for name in ("taken.jpg", "deep/copy.jpg"):
        fields = index.document(name).fields
        assert (fields["camera"], fields["taken_s"], fields["exif"]) == ("Leica", 1718409600, 1)
    assert index.document("red.png").fields["exif"] == 0
    assert index.document("red.png").fields["taken_s"] is None
    assert colours.num_encoded == 4


def test_an_index_of_before_the_tags_gains_them_without_encoding(
    root: Path, colours, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(KnownPicture, "_tag_fields", lambda self: {})
        update(root, colours)
    assert "exif" not in open_index(default_index(root)).columns
    report = update(root, colours)
    assert (report.num_unchanged, report.num_updated, report.num_encoded) == (3, 0, 0)
    assert open_index(default_index(root)).document("red.png").fields["exif"] == 0
    monkeypatch.setattr(update_run.PictureUpdate, "_take", None)
    assert update(root, colours).num_unchanged == 3


def test_large_pictures_reach_the_encoder_reduced(root: Path, colours) -> None:
    Image.new("RGB", (3000, 2000), (1, 2, 3)).save(root / "large.jpg")
    update(root, colours)
    assert max(max(size) for size in colours.sizes) < 2000
    fields = open_index(default_index(root)).document("large.jpg").fields
    assert (fields["width"], fields["height"]) == (3000, 2000)


def test_a_folder_without_pictures_is_refused_and_gets_no_index(tmp_path: Path, colours) -> None:
    (tmp_path / "notes.txt").write_text("text")
    with pytest.raises(InputError, match="no picture in"):
        update(tmp_path, colours)
    assert not default_index(tmp_path).exists()
    with pytest.raises(MissingError, match="gone"):
        update(tmp_path / "gone", colours)


def test_an_index_of_only_broken_pictures_is_not_made(tmp_path: Path, colours) -> None:
    (tmp_path / "empty.jpg").touch()
    report = update(tmp_path, colours)
    assert (report.num_pictures, len(report.skipped)) == (0, 1)
    with pytest.raises(MissingError):
        open_index(default_index(tmp_path))


def test_vanished_pictures_are_suspected_to_be_on_an_unmounted_disk(root: Path, colours) -> None:
    index_path = root.parent / "index"
    index_folders([root], index_path, colours)
    shutil.rmtree(root)
    root.mkdir()
    with pytest.raises(InputError, match="--allow-empty"):
        index_folders([root], index_path, colours)
    assert len(open_index(index_path)) == 3
    report = index_folders([root], index_path, colours, allow_empty=True)
    assert (report.num_removed, report.num_pictures) == (3, 0)
    with pytest.raises(InputError, match="its index is empty"):
        index_folders([root], index_path, colours, allow_empty=True)
    paint(root / "again.png", (1, 2, 3))
    assert index_folders([root], index_path, colours).num_pictures == 1


def test_pictures_in_a_folder_that_cannot_be_listed_stay(
    root: Path, colours, monkeypatch: pytest.MonkeyPatch
) -> None:
    update(root, colours)
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if path == root / "deep":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    report = update(root, colours)
    assert report.reasons() == [("unreadable folder", 1)]
    assert report.num_pictures == 3


def test_another_model_is_refused_until_the_index_is_made_anew(root: Path, colours) -> None:
    update(root, colours)
    for other in (
        type(colours)(colours.vocabulary, "colours-2"),
        type(colours)(Vocabulary(["red", "green", "blue", "more"])),
    ):
        with pytest.raises(MismatchError, match=r"colours-1 .3 words.*--rebuild"):
            update(root, other)
        report = update(root, other, rebuild=True)
        assert (report.num_added, report.num_encoded) == (3, 3)
        assert open_index(default_index(root)).model_id == other.model_id
        update(root, colours, rebuild=True)
    EmbeddedIndexWriter.open(default_index(root)).close()  # the lock was let go


def test_a_damaged_index_is_made_anew_by_rebuild(root: Path, colours) -> None:
    update(root, colours)
    (default_index(root) / "manifest.json").write_text("{")
    assert update(root, colours, rebuild=True).num_added == 3
    assert len(list((default_index(root) / "segments").iterdir())) == 1


def test_a_folder_inside_of_another_is_refused(root: Path, colours, tmp_path: Path) -> None:
    index_path = tmp_path / "index"
    index_folders([root], index_path, colours)
    for other in (root / "deep", tmp_path):
        with pytest.raises(InputError, match="lies inside of"):
            index_folders([other], index_path, colours)


def test_folder_and_index_move_together(root: Path, colours, tmp_path: Path) -> None:
    update(root, colours, model_source="somewhere")
    moved = tmp_path / "elsewhere" / "photos"
    moved.parent.mkdir()
    root.rename(moved)
    index = open_index(default_index(moved))
    assert index.manifest.model_source == "somewhere"
    assert picture_root(index.manifest, index.path) == moved
    assert update(moved, colours).num_unchanged == 3


def test_the_root_is_relative_only_where_one_folder_holds_the_other(tmp_path: Path) -> None:
    assert record_root(tmp_path, tmp_path / ".lexret") == ".."
    assert record_root(tmp_path / "index" / "photos", tmp_path / "index") == "photos"
    assert record_root(tmp_path / "photos", tmp_path / "index") == str(tmp_path / "photos")


def test_the_index_is_found_from_a_folder_below(root: Path, colours) -> None:
    with pytest.raises(MissingError, match="lexret index DIR"):
        find_index(root / "deep")
    update(root, colours)
    assert find_index(root / "deep") == default_index(root)
    assert find_index(root) == default_index(root)


def test_a_second_run_at_the_same_time_is_refused(root: Path, colours) -> None:
    update(root, colours)
    with EmbeddedIndexWriter.open(default_index(root)), pytest.raises(LockedError):
        update(root, colours)


def test_file_names_that_are_no_utf8_survive(root: Path, colours) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    try:
        paint(root / name, (3, 2, 1))
    except OSError:
        pytest.skip("this file system wants UTF-8 names")
    update(root, colours)
    assert name in open_index(default_index(root))
    assert update(root, colours).num_unchanged == 4


def test_the_vectors_are_those_of_the_encoder(root: Path, colours) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(noise).save(root / "noise.png")
    update(root, colours)
    (expected,) = colours.encode([Image.fromarray(noise)])
    stored = open_index(default_index(root)).vector("noise.png")
    assert stored.weights.tolist() == expected.weights.tolist()
