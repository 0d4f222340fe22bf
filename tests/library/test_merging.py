"""Indexes that become one: folders, ids, fields, models that do not go together."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image
from sealing import change_sealed

from lexret.engine import EmbeddedIndex, EmbeddedIndexWriter, open_index, vectors
from lexret.engine.commits import Commits
from lexret.engine.corrections.corrections import DocumentCorrection, change_corrections
from lexret.errors import InputError, LockedError, MismatchError
from lexret.library.fields import set_fields
from lexret.library.updating.indexing import index_folders
from lexret.library.updating.merging import merge_indexes
from lexret.vocabulary import Vocabulary


def paint(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), colour).save(path)


@pytest.fixture
def here(tmp_path: Path, colours) -> Path:
    """Two folders, each with its index in it."""
    paint(tmp_path / "a" / "1.png", (200, 10, 10))
    paint(tmp_path / "a" / "2.png", (10, 200, 10))
    paint(tmp_path / "b" / "1.png", (10, 10, 200))
    for name in ("a", "b"):
        index_folders([tmp_path / name], tmp_path / name / ".lexret", colours, model_source="mini")
    return tmp_path


def test_two_indexes_become_one_and_nothing_is_encoded(
    here: Path, colours, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "DOCUMENTS_AT_ONCE", 1)
    set_fields(here / "b/.lexret", {"1.png": {"stars": 5}})
    report = merge_indexes([here / "a/.lexret", here / "b/.lexret"], here / ".lexret")
    assert (report.num_documents, report.num_shared) == (3, 0)
    assert report.roots == (here / "a", here / "b")
    index = open_index(here / ".lexret")
    assert index.doc_ids() == ["../b/1.png", "1.png", "2.png"]
    assert index.manifest.model_source == "mini"
    for old, name, new in (("a", "1.png", "1.png"), ("b", "1.png", "../b/1.png")):
        source = open_index(here / old / ".lexret")
        assert index.vector(new).words() == source.vector(name).words()
        before = {k: v for k, v in source.document(name).fields.items() if v is not None}
        after = {k: v for k, v in index.document(new).fields.items() if v is not None}
        assert after == {**before, "path": new}
    report = index_folders([], here / ".lexret", colours)
    assert (report.num_unchanged, report.num_encoded) == (3, 0)
    assert colours.num_encoded == 3


def test_a_picture_that_both_hold_is_taken_from_the_newer(here: Path, colours) -> None:
    shutil.copytree(here / "a/.lexret", here / "old")
    change_sealed(here / "old/manifest.json", roots=[f"{here}/a"])
    paint(here / "a" / "1.png", (1, 2, 250))
    os.utime(here / "a" / "1.png", ns=(2**62, 2**62))
    index_folders([here / "a"], here / "a/.lexret", colours)
    for order in (("old", "a/.lexret"), ("a/.lexret", "old")):
        target = here / f"merged-{order[0][0]}"
        report = merge_indexes([here / one for one in order], target)
        assert (report.num_documents, report.num_shared) == (2, 2)
        assert open_index(target).vector("1.png").words(1)[0].word == "blue"


def test_one_of_the_indexes_may_be_replaced(here: Path) -> None:
    target = here / "a/.lexret"
    with EmbeddedIndexWriter.open(target), pytest.raises(LockedError):
        merge_indexes([target, here / "b/.lexret"], target)
    assert merge_indexes([target, here / "b/.lexret"], target).num_documents == 3
    assert open_index(target).doc_ids() == [f"{here}/b/1.png", "1.png", "2.png"]


def test_a_folder_inside_another_becomes_part_of_it(here: Path, colours) -> None:
    index_folders([here], here / "whole", colours)
    report = merge_indexes([here / "a/.lexret", here / "whole"], here / "merged")
    assert report.roots == (here,)
    assert (report.num_documents, report.num_shared) == (3, 2)
    assert open_index(here / "merged").doc_ids() == ["a/1.png", "a/2.png", "b/1.png"]


def test_corrections_come_along_and_are_not_mixed_into_vectors(here: Path) -> None:
    for name in ("a", "b"):
        change_corrections(
            here / name / ".lexret",
            lambda old, name=name: old.with_document("1.png", DocumentCorrection({"green": 0.5}))
            .with_muted(frozenset({name})),
        )  # fmt: skip
    merge_indexes([here / "a/.lexret", here / "b/.lexret"], here / ".lexret")
    index = open_index(here / ".lexret")
    assert set(index.corrections.documents) == {"1.png", "../b/1.png"}
    assert index.corrections.muted == {"a", "b"}
    stored = EmbeddedIndex(here / ".lexret").vector("1.png")
    assert stored.words() == EmbeddedIndex(here / "a/.lexret").vector("1.png").words()


def test_indexes_that_do_not_go_together_are_both_named(here: Path, colours) -> None:
    other = type(colours)(colours.vocabulary, "colours-2")
    more = type(colours)(Vocabulary(["red", "green", "blue", "more"]))
    for encoder in (other, more):
        index_folders([here / "b"], here / "other", encoder, rebuild=True)
        with pytest.raises(MismatchError, match=r"/a/\.lexret.*colours-1.*/other.*colours-"):
            merge_indexes([here / "a/.lexret", here / "other"], here / "merged")
    assert not (here / "merged").exists()
    for fields in ({"stars": 5}, {"stars": "five"}):
        place = here / ("a" if fields["stars"] == 5 else "b") / ".lexret"
        set_fields(place, {"1.png": fields})
    with pytest.raises(MismatchError, match=r"'stars' is int64 in .*/a/.*text.*/b/"):
        merge_indexes([here / "a/.lexret", here / "b/.lexret"], here / "merged")


def test_whole_numbers_beside_numbers_become_numbers(here: Path) -> None:
    set_fields(here / "a/.lexret", {"1.png": {"stars": 5}})
    set_fields(here / "b/.lexret", {"1.png": {"stars": 4.5}})
    merge_indexes([here / "a/.lexret", here / "b/.lexret"], here / "merged")
    index = open_index(here / "merged")
    assert index.columns["stars"] == "float64"
    assert index.document(index.doc_ids()[0]).fields["stars"] in (4.5, 5.0)


def test_what_cannot_be_merged_is_refused(here: Path, batch, make_index) -> None:
    for sources in ([here / "a/.lexret"], [here / "a/.lexret", here / "a/../a/.lexret"]):
        with pytest.raises(InputError, match="two different"):
            merge_indexes(sources, here / "merged")
    with pytest.raises(InputError, match="already"):
        make_index(here / "there", ["x"], batch({"dog": 1.0}))
        merge_indexes([here / "a/.lexret", here / "b/.lexret"], here / "there")


def test_indexes_without_folders_keep_their_ids(tmp_path: Path, batch, make_index) -> None:
    make_index(tmp_path / "a", ["x", "y"], batch({"dog": 1.0}, {"cat": 1.0}))
    make_index(tmp_path / "b", ["z"], batch({"red": 1.0}))
    make_index(tmp_path / "c", ["y"], batch({"red": 1.0}))
    merge_indexes([tmp_path / "a", tmp_path / "b"], tmp_path / "merged")
    assert open_index(tmp_path / "merged").doc_ids() == ["x", "y", "z"]
    with pytest.raises(InputError, match=r"1 ids are in several .*'y'"):
        merge_indexes([tmp_path / "a", tmp_path / "c"], tmp_path / "other")


def test_the_first_index_says_in_what_precision_the_merged_one_goes_on(here: Path, colours) -> None:
    low = type(colours)(colours.vocabulary, precision="bfloat16")
    index_folders([here / "a"], here / "low", low)
    merge_indexes([here / "low", here / "b/.lexret"], here / "one")
    merge_indexes([here / "b/.lexret", here / "low"], here / "two")
    assert open_index(here / "one").manifest.precision == "bfloat16"
    assert open_index(here / "two").manifest.precision == "float32"


def test_rounded_weights_are_not_rounded_again(here: Path, colours) -> None:
    for name in ("a", "b"):
        index_folders([here / name], here / f"{name}8", colours, weights="8bit")
    merge_indexes([here / "a8", here / "b8"], here / "merged")
    index = open_index(here / "merged")
    assert index.manifest.weights == "8bit"
    assert index.vector("2.png").words() == open_index(here / "a8").vector("2.png").words()
    merge_indexes([here / "a8", here / "b/.lexret"], here / "exact")
    index = open_index(here / "exact")
    assert index.manifest.weights == "exact"
    assert index.vector("2.png").words() == open_index(here / "a8").vector("2.png").words()


def correct(place: Path, doc_id: str, word: str) -> None:
    one = DocumentCorrection({word: 0.5})
    change_corrections(place, lambda now: now.with_document(doc_id, one))


def test_a_merge_that_is_killed_after_its_commit_has_lost_nothing_and_may_be_repeated(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources, target = [here / "a/.lexret", here / "b/.lexret"], here / "merged"
    correct(here / "b/.lexret", "1.png", "red")

    class Killed(BaseException):
        pass

    def die(self: Commits) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Commits, "clean", die)
        with pytest.raises(Killed):
            merge_indexes(sources, target)
    index = open_index(target)
    assert list(index.corrections.documents) == [f"{here}/b/1.png"]
    set_fields(target, {"1.png": {"stars": 5}})
    correct(target, "2.png", "blue")
    assert merge_indexes(sources, target).num_documents == 3
    index = open_index(target)
    assert set(index.corrections.documents) == {f"{here}/b/1.png", "2.png"}
    assert index.document("1.png").fields["stars"] == 5
    with pytest.raises(InputError, match="already"):  # another merge
        merge_indexes([*sources, here / "merged-more"], target)
