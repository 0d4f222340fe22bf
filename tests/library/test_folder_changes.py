"""Several folders of pictures in one index: ids, filters, folders that are gone, moved, removed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from lexret.engine import open_index
from lexret.engine.corrections.corrections import (
    DocumentCorrection,
    change_corrections,
    load_corrections,
)
from lexret.engine.query.filters import path_filter
from lexret.engine.query.query import Query
from lexret.errors import InputError, MissingError
from lexret.library.folders import (
    id_of_file,
    index_for,
    picture_folders,
    picture_path,
    record_roots,
)
from lexret.library.lookup import document_named
from lexret.library.updating import update_run
from lexret.library.updating.index_report import IndexReport
from lexret.library.updating.indexing import index_folders


def paint(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), colour).save(path)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Two folders of pictures that share a name of a file; the place of their index is beside."""
    paint(tmp_path / "photos" / "1.png", (200, 10, 10))
    paint(tmp_path / "photos" / "sea" / "2.png", (10, 10, 200))
    paint(tmp_path / "scans" / "1.png", (10, 200, 10))
    paint(tmp_path / "scans" / "sea" / "3.png", (10, 100, 200))
    return tmp_path


def update(here: Path, encoder, *names: str, index: str = ".lexret", **options) -> IndexReport:
    return index_folders([here / one for one in names], here / index, encoder, **options)


def ids(here: Path, index: str = ".lexret") -> list[str]:
    return open_index(here / index).doc_ids()


def fitting(here: Path, glob: str, index: str = ".lexret") -> list[str]:
    hits = open_index(here / index).find(Query(filters=(path_filter(glob),)))
    return [hit.doc_id for hit in hits]


def test_two_folders_with_the_same_names_lie_in_one_index(here: Path, colours) -> None:
    report = update(here, colours, "photos", "scans")
    assert (report.num_added, report.num_encoded, report.num_pictures) == (4, 4, 4)
    assert ids(here) == ["../scans/1.png", "../scans/sea/3.png", "1.png", "sea/2.png"]
    index = open_index(here / ".lexret")
    assert index.manifest.roots == ("../photos", "../scans")
    folders = picture_folders(index.manifest.roots, index.path)
    for doc_id in index.doc_ids():
        path = picture_path(folders[0].path, doc_id)
        assert path.is_file()
        assert id_of_file(path, folders) == doc_id
        assert document_named(index, str(path)) == doc_id
    assert update(here, colours, "photos", "scans").num_unchanged == 4


def test_path_filters_reach_into_every_folder(here: Path, colours) -> None:
    update(here, colours, "photos", "scans")
    assert fitting(here, "sea") == ["../scans/sea/3.png", "sea/2.png"]
    assert fitting(here, "sea/**") == ["sea/2.png"]
    assert fitting(here, "**/sea/**") == ["../scans/sea/3.png", "sea/2.png"]
    assert fitting(here, "../scans/**") == fitting(here, "scans")
    assert fitting(here, "scans") == ["../scans/1.png", "../scans/sea/3.png"]


def test_a_folder_recorded_absolutely_is_filtered_by_its_absolute_path(here: Path, colours) -> None:
    update(here, colours, "photos", "scans", index="photos/.lexret")
    index = "photos/.lexret"
    first, second = f"{here}/scans/1.png", f"{here}/scans/sea/3.png"
    assert ids(here, index) == [first, second, "1.png", "sea/2.png"]
    assert fitting(here, f"{here}/scans/*.png", index) == [first]
    assert fitting(here, "scans", index) == [first, second]


def test_a_folder_is_added_to_an_index_that_is_there(here: Path, colours) -> None:
    update(here, colours, "photos")
    report = update(here, colours, "scans")
    assert (report.num_added, report.num_removed, report.num_pictures) == (2, 0, 4)
    (here / "scans" / "1.png").unlink()
    (here / "photos" / "1.png").unlink()
    report = update(here, colours, "scans")  # the other one is not looked through
    assert (report.num_removed, report.num_pictures) == (1, 3)
    report = update(here, colours)  # all
    assert (report.num_removed, report.num_pictures) == (1, 2)


def test_a_picture_moved_from_one_folder_to_another_is_not_encoded(here: Path, colours) -> None:
    update(here, colours, "photos", "scans")
    (here / "photos" / "1.png").rename(here / "scans" / "red.png")
    report = update(here, colours)
    assert (report.num_renamed, report.num_removed, report.num_encoded) == (1, 0, 0)
    assert colours.num_encoded == 4


def test_pictures_of_a_folder_that_is_not_there_stay(here: Path, colours) -> None:
    update(here, colours, "photos", "scans")
    (here / "scans").rename(here / "away")
    report = update(here, colours)
    assert report.absent == (here / "scans",)
    assert (report.num_removed, report.num_pictures) == (0, 4)
    with pytest.raises(MissingError, match="no folder"):
        update(here, colours, "scans")
    (here / "scans").mkdir()  # the empty place where a disk belongs
    for names in ((), ("scans",), ("photos", "scans")):
        with pytest.raises(InputError, match=r"No picture is left in .*scans.*--allow-empty"):
            update(here, colours, *names)
    assert len(ids(here)) == 4
    assert update(here, colours, allow_empty=True).num_removed == 2
    assert ids(here) == ["1.png", "sea/2.png"]


def test_no_folder_there_is_an_error(here: Path, colours) -> None:
    update(here, colours, "photos")
    (here / "photos").rename(here / "away")
    with pytest.raises(MissingError, match=r"None of the folders.*--remove-root"):
        update(here, colours)
    with pytest.raises(MissingError):
        update(here, colours, index="nowhere")


def test_a_folder_without_pictures_is_not_added(here: Path, colours) -> None:
    update(here, colours, "photos")
    (here / "empty").mkdir()
    with pytest.raises(InputError, match="no picture in"):
        update(here, colours, "empty")
    assert open_index(here / ".lexret").manifest.roots == ("../photos",)


def test_a_folder_leaves_with_its_pictures(here: Path, colours) -> None:
    update(here, colours, "photos", "scans")
    report = update(here, colours, remove=[here / "scans"])
    assert (report.num_removed, report.num_pictures) == (2, 2)
    index = open_index(here / ".lexret")
    assert index.manifest.roots == ("../photos",)
    assert index.doc_ids() == ["1.png", "sea/2.png"]
    with pytest.raises(InputError, match=r"scans is no folder of the index.*photos"):
        update(here, colours, remove=[here / "scans"])
    with pytest.raises(InputError, match="no other folder"):
        update(here, colours, remove=[here / "photos"])
    with pytest.raises(InputError, match="decide for one"):
        update(here, colours, "photos", remove=[here / "photos"])


def test_when_the_first_folder_leaves_the_others_keep_their_vectors(here: Path, colours) -> None:
    update(here, colours, "photos", "scans")
    before = open_index(here / ".lexret")
    update(here, colours, remove=[here / "photos"])
    after = open_index(here / ".lexret")
    assert after.doc_ids() == ["1.png", "sea/3.png"]
    assert after.manifest.roots == ("../scans",)
    for doc_id in after.doc_ids():
        old, new = before.document(f"../scans/{doc_id}"), after.document(doc_id)
        assert new.fields == {**old.fields, "path": doc_id}
        assert after.vector(doc_id).words() == before.vector(f"../scans/{doc_id}").words()
    report = update(here, colours)
    assert (report.num_unchanged, report.num_encoded) == (2, 0)
    assert colours.num_encoded == 4


def test_when_the_first_folder_leaves_the_precision_stays(here: Path, colours) -> None:
    low = type(colours)(colours.vocabulary, precision="bfloat16")
    update(here, low, "photos", "scans")
    update(here, low, remove=[here / "photos"])
    assert open_index(here / ".lexret").manifest.precision == "bfloat16"


def test_a_folder_that_moved_is_named_anew_and_nothing_is_encoded(here: Path, colours) -> None:
    update(here, colours, "photos", "scans", index="index")
    (here / "photos").rename(here / "pictures")
    report = update(here, colours, "pictures", index="index", remove=[here / "photos"])
    assert (report.num_renamed, report.num_removed, report.num_encoded) == (2, 0, 0)
    names = [one.path.name for one in picture_folders(
        open_index(here / "index").manifest.roots, here / "index")]  # fmt: skip
    assert names == ["scans", "pictures"]
    assert update(here, colours, index="index").num_unchanged == 4


@pytest.mark.parametrize("outer_first", [True, False])
def test_a_folder_gives_way_to_one_that_holds_it_or_lies_in_it(
    here: Path, colours, outer_first: bool
) -> None:
    old, new = ("photos", "photos/sea") if outer_first else ("photos/sea", "photos")
    update(here, colours, old)
    before = colours.num_encoded
    report = update(here, colours, new, remove=[here / old])
    assert ids(here) == (["2.png"] if outer_first else ["1.png", "sea/2.png"])
    assert colours.num_encoded - before == (0 if outer_first else 1)
    assert report.num_pictures == len(ids(here))
    assert update(here, colours).num_unchanged == len(ids(here))


def test_an_index_moves_together_with_its_folders(
    here: Path, colours, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("photos", "scans"):
        (here / "all").mkdir(exist_ok=True)
        (here / name).rename(here / "all" / name)
    index_folders([here / "all/photos", here / "all/scans"], here / "all/.lexret", colours)
    (here / "elsewhere").mkdir()
    shutil.move(here / "all", here / "elsewhere" / "all")
    monkeypatch.setattr(update_run.PictureUpdate, "_take", None)  # nothing is read
    report = index_folders([], here / "elsewhere" / "all" / ".lexret", colours)
    assert (report.num_unchanged, report.num_pictures, report.absent) == (4, 4, ())


def test_making_anew_keeps_all_folders_or_says_so(here: Path, colours) -> None:
    update(here, colours, "photos", "scans")
    with pytest.raises(InputError, match="scans too"):
        update(here, colours, "photos", rebuild=True)
    assert update(here, colours, rebuild=True).num_encoded == 4
    assert len(ids(here)) == 4
    assert update(here, colours, "photos", rebuild=True, remove=[here / "scans"]).num_pictures == 2


def test_behind_an_absolute_first_folder_all_are_absolute(tmp_path: Path) -> None:
    index = tmp_path / "a" / ".lexret"
    assert record_roots([tmp_path / "a", tmp_path / "b"], index) == ("..", str(tmp_path / "b"))
    roots = record_roots([tmp_path / "b", tmp_path / "a"], index)
    assert roots == (str(tmp_path / "b"), str(tmp_path / "a"))
    assert record_roots([tmp_path / "b"], index, recorded=roots) == roots


def test_corrections_follow_pictures_to_other_ids(here: Path, colours) -> None:
    update(here, colours, "photos", "scans")

    def corrected() -> dict[str, list[str]]:
        pictures = load_corrections(here / ".lexret").documents
        return {doc_id: list(one.added) for doc_id, one in pictures.items()}

    for doc_id, word in {"1.png": "green", "../scans/1.png": "red"}.items():
        one = DocumentCorrection({word: 0.5})
        change_corrections(here / ".lexret", lambda old, d=doc_id, c=one: old.with_document(d, c))
    (here / "photos" / "1.png").rename(here / "photos" / "new.png")
    update(here, colours)
    assert corrected() == {"../scans/1.png": ["red"], "new.png": ["green"]}
    update(here, colours, remove=[here / "photos"])
    assert corrected() == {"1.png": ["red"]}


def test_the_index_that_holds_a_folder_is_found_from_it(here: Path, colours) -> None:
    photos, scans, new = (here / name for name in ("photos", "scans", "new"))
    assert index_for([photos, scans]) == photos / ".lexret"
    update(here, colours, "photos", "scans")
    assert index_for([new, scans]) == here / ".lexret"
    assert index_for([new]) == new / ".lexret"
    update(here, colours, "scans", index="scans/.lexret")
    assert index_for([photos, scans]) == scans / ".lexret"
