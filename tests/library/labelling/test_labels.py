"""Labels of a library: trained, applied, corrected, kept and taken out again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lexret import Library
from lexret.engine import open_index
from lexret.engine.corrections.corrections import DocumentCorrection, change_corrections
from lexret.errors import (
    DamageError,
    InputError,
    LockedError,
    MismatchError,
    MissingError,
    UnknownPictureError,
)
from lexret.files.locks import WriterLock
from lexret.library.fields import set_fields
from lexret.library.label_file import LABELS_FILE
from lexret.library.labelling.examples import Source
from lexret.library.updating.indexing import index_folders
from lexret.library.updating.merging import merge_indexes
from lexret.library.updating.reader import Decoding
from lexret.vocabulary import Vocabulary
from tests.library.conftest import ColourEncoder

COLOURS = {
    "red1": (250, 5, 5), "red2": (240, 20, 9), "red3": (230, 9, 30), "blue1": (9, 9, 240),
    "blue2": (20, 9, 250), "grey": (130, 130, 130),
}  # fmt: skip


class NotLookedAt:
    """Image encoder that must not be asked."""

    def encode(self, items: object, **_: object) -> Any:
        raise AssertionError("a picture was opened")


@pytest.fixture
def library(tmp_path: Path, colours: ColourEncoder, monkeypatch: pytest.MonkeyPatch) -> Library:
    for name, colour in COLOURS.items():
        paint(tmp_path / "photos" / f"{name}.png", colour)
    update(tmp_path, colours)
    with_images(monkeypatch, NotLookedAt())
    return Library(tmp_path / "photos")


def with_images(monkeypatch: pytest.MonkeyPatch, images: object) -> None:
    encoders = type("Encoders", (), {"images": lambda self: images, "levels_V": lambda self: None})
    monkeypatch.setattr(Library, "encoders", lambda self, snapshot=None: encoders())


def paint(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (8, 8), colour).save(path)


def update(root: Path, encoder: ColourEncoder, **options: Any) -> None:
    at = root / "photos/.lexret"
    index_folders([root / "photos"], at, encoder, decoding=Decoding(jobs=0), **options)


def labels_in(library: Library, field: str = "label") -> dict[str, object]:
    index = open_index(library.path)
    return {d.doc_id: v for d in index.documents() if (v := d.fields.get(field)) is not None}


RED_AND_BLUE = {"warm": ["red1.png", "red2.png"], "cold": ["blue1.png"]}


def test_a_label_is_applied_from_stored_vectors_and_searched_for(library: Library) -> None:
    report = library.labels.train("kinds", RED_AND_BLUE)
    assert [(c.name, c.num_examples, c.num_tried, c.num_right) for c in report.classes] == [
        ("warm", 2, 2, 2), ("cold", 1, 0, 0),
    ]  # fmt: skip
    assert report.accuracy == 1.0
    assert report.classes[0].words[0].word == "red"
    applied = library.labels.apply("kinds")
    assert applied.counts == {"warm": 3, "cold": 2, "": 1}
    assert labels_in(library) == {
        "red1.png": "warm", "red2.png": "warm", "red3.png": "warm", "blue1.png": "cold",
        "blue2.png": "cold",
    }  # fmt: skip
    hits = library.search("label:warm")
    assert {hit.doc_id for hit in hits} == {"red1.png", "red2.png", "red3.png"}
    assert {hit.doc_id for hit in library.search("-label:*")} == {"grey.png"}


def test_a_preview_tells_the_words_that_decide_and_writes_nothing(library: Library) -> None:
    library.labels.train("kinds", RED_AND_BLUE)
    before = library.snapshot().index.manifest.generation
    pictures = {one.doc_id: one for one in library.labels.preview("kinds").pictures}
    assert pictures["red3.png"].words[0].word == "red"
    assert pictures["red1.png"].sure == 1.0 and not pictures["red1.png"].words
    assert labels_in(library) == {}
    assert open_index(library.path).manifest.generation == before


def test_applying_again_changes_nothing(library: Library) -> None:
    library.labels.train("kinds", RED_AND_BLUE)
    library.labels.apply("kinds")
    before = open_index(library.path).manifest.generation
    assert library.labels.apply("kinds").num_changed == 0
    assert open_index(library.path).manifest.generation == before


def test_a_surer_level_takes_classes_away(library: Library) -> None:
    library.labels.train("kinds", RED_AND_BLUE)
    library.labels.apply("kinds")
    library.labels.apply("kinds", at_least=1.0)  # only the examples are as sure as that
    assert set(labels_in(library)) == {"red1.png", "red2.png", "blue1.png"}


def test_examples_of_none_are_labelled_never(library: Library) -> None:
    library.labels.train("kinds", RED_AND_BLUE, none=["red3.png"], at_least=0.0)
    library.labels.apply("kinds")
    assert "red3.png" not in labels_in(library)
    assert labels_in(library)["red2.png"] == "warm"


def test_what_people_put_into_the_field_stays(library: Library) -> None:
    set_fields(library.path, {"grey.png": {"label": "dull"}})
    library.labels.train("kinds", RED_AND_BLUE)
    library.labels.apply("kinds")
    set_fields(library.path, {"red3.png": {"label": None}, "blue2.png": {"label": "sea"}})
    report = library.labels.apply("kinds")
    assert report.num_by_hand == 3
    found = labels_in(library)
    assert found["grey.png"] == "dull" and found["blue2.png"] == "sea" and "red3.png" not in found
    assert library.labels.apply("kinds", overwrite=True).num_by_hand == 0
    assert labels_in(library)["red3.png"] == "warm"


def test_an_example_that_is_added_moves_to_its_new_class(library: Library) -> None:
    library.labels.train("kinds", RED_AND_BLUE)
    library.labels.train("kinds", {"cold": ["red2.png"]}, add=True)
    library.labels.apply("kinds")
    assert labels_in(library)["red2.png"] == "cold"
    assert labels_in(library)["red1.png"] == "warm"


def test_pictures_that_come_or_change_wait_for_the_next_apply(
    library: Library, colours: ColourEncoder
) -> None:
    root = library.path.parents[1]
    library.labels.train("kinds", RED_AND_BLUE)
    assert library.labels.waiting() == {}
    library.labels.apply("kinds")
    assert library.labels.waiting() == {}
    paint(root / "photos/red4.png", (220, 9, 9))
    paint(root / "photos/blue2.png", (251, 9, 9))
    (root / "photos/red3.png").rename(root / "photos/moved.png")
    update(root, colours)
    library = Library(root / "photos")
    assert library.labels.waiting() == {"kinds": 2}
    library.labels.apply("kinds")
    found = labels_in(library)
    assert found["red4.png"] == found["blue2.png"] == found["moved.png"] == "warm"
    assert library.labels.waiting() == {}
    library.labels.train("kinds", {"cold": ["grey.png"]}, add=True)
    assert library.labels.waiting() == {"kinds": 7}


def test_removing_takes_the_classes_out_but_for_those_of_people(library: Library) -> None:
    library.labels.train("kinds", RED_AND_BLUE)
    library.labels.apply("kinds")
    set_fields(library.path, {"blue2.png": {"label": "sea"}})
    assert library.labels.remove("kinds") == 4
    assert labels_in(library) == {"blue2.png": "sea"}
    assert labels_in(library, "_label_label") == {}
    assert library.labels.names() == []


def test_classes_may_stay_as_fields_of_people(library: Library) -> None:
    library.labels.train("kinds", RED_AND_BLUE)
    library.labels.apply("kinds")
    library.labels.remove("kinds", keep_field=True)
    assert len(labels_in(library)) == 5
    library.labels.train("again", {"all": ["grey.png"]}, at_least=0.0)
    assert library.labels.apply("again").num_by_hand == 5


def test_words_that_people_took_away_or_muted_do_not_count(library: Library) -> None:
    library.labels.train("kinds", RED_AND_BLUE)
    gone = DocumentCorrection({}, frozenset({"red"}))
    change_corrections(library.path, lambda now: now.with_document("red3.png", gone))
    library.labels.apply("kinds")
    assert labels_in(library).get("red3.png") != "warm"
    change_corrections(library.path, lambda now: now.with_muted(frozenset({"blue"})))
    library.labels.apply("kinds")
    assert "blue2.png" not in labels_in(library)


def test_examples_are_folders_files_and_queries(
    library: Library, colours: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = library.path.parents[1]
    with_images(monkeypatch, colours)
    paint(root / "other/one.png", (255, 0, 0))
    (root / "other/broken.png").write_bytes(b"no picture")
    classes = {"warm": [str(root / "other")], "cold": ["path:blue*.png"]}
    report = library.labels.train("kinds", classes)
    assert [(each.name, each.num_examples) for each in report.classes] == [("warm", 1), ("cold", 2)]
    assert [one.name.endswith("broken.png") for one in report.skipped] == [True]
    library.labels.apply("kinds")
    assert labels_in(library)["red1.png"] == "warm"


def test_a_source_without_examples_tells_its_own_faults_once(
    library: Library, colours: ColourEncoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_images(monkeypatch, colours)
    paint(tmp_path / "other/one.png", (255, 0, 0))
    first, second = tmp_path / "other/first.png", tmp_path / "second.png"
    for broken in (first, second):
        broken.write_bytes(b"no picture")
    with pytest.raises(InputError) as caught:
        library.labels.train("kinds", {"warm": [str(tmp_path / "other")], "cold": [str(second)]})
    _, _, why = str(caught.value).partition("gives no example of 'cold'. ")
    assert why.startswith(f"{second} is not a picture") and why.count(str(second)) == 1
    assert not why.endswith("..") and str(first) not in why


def test_details_of_a_labelled_picture_hold_its_class_and_nothing_of_lexrets_own(
    library: Library,
) -> None:
    library.set_fields(["red1.png"], {"stars": "5"})
    library.labels.train("kinds", RED_AND_BLUE, field="kind")
    library.labels.apply("kinds")
    assert library.details("red1.png").fields == {"stars": 5, "kind": "warm"}


def test_hits_that_are_not_sure_are_no_examples(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Library.search

    def judged(self: Library, text: str, **options: Any) -> Any:
        found = search(self, "path:*.png", **options)
        hits = [replace(hit, sure=hit.doc_id.startswith(text[:3])) for hit in found.hits]
        return replace(found, hits=tuple(hits))

    monkeypatch.setattr(Library, "search", judged)
    report = library.labels.train("kinds", {"warm": ["red things"], "cold": ["blue1.png"]})
    assert [example.name for example in report.label.examples if example.class_name == "warm"] == [
        "red1.png", "red2.png", "red3.png",
    ]  # fmt: skip
    with pytest.raises(InputError, match="sure enough"):
        library.labels.train("kinds", {"warm": ["no things"]})


@pytest.mark.parametrize(
    ("classes", "error", "match"),
    [
        ({"warm": ["nowhere"]}, MissingError, r"query of one word.*\+nowhere\."),
        ({"warm": ["no such folder/1.png"]}, MissingError, "no file or folder"),
        ({"warm": ["my holiday/"]}, MissingError, "no file or folder"),
        ({"warm": ["path:nothing*"]}, InputError, "finds no picture"),
        (
            {"warm": ["red1.png"], "cold": ["red1.png"]},
            InputError,
            r"red1.png is given for 'warm' \(by.*one class: give",
        ),
        ({"warm": ["path:red*"], "all": ["-path:grey*"]}, InputError, r"by a minus, as in \+food"),
        ({" ": ["red1.png"]}, InputError, "no name for a class"),
        ({}, MissingError, "There is no label 'kinds'"),
    ],
)
def test_wrong_examples_are_refused_and_leave_all_as_it_was(
    library: Library, classes: Any, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        library.labels.train("kinds", classes)
    assert library.labels.names() == []


def test_a_picture_that_two_queries_give_is_an_example_of_neither_and_that_is_said(
    library: Library,
) -> None:
    classes = {"warm": ["path:red*"], "cold": ["path:*2.png", "path:blue1*"]}
    report = library.labels.train("kinds", classes)
    found = {example.name: example.class_name for example in report.label.examples}
    assert found == {
        "red1.png": "warm", "red3.png": "warm", "blue1.png": "cold", "blue2.png": "cold",
    }  # fmt: skip
    (note,) = report.skipped
    assert note.name == "red2.png"
    assert "'warm' by path:red*" in note.reason and "'cold' by path:*2.png" in note.reason
    assert note.reason.endswith("it is an example of neither.")


def test_what_a_picture_was_given_for_counts_more_than_what_a_query_finds(library: Library) -> None:
    report = library.labels.train("kinds", {"warm": ["path:red*"], "cold": ["red2.png"]})
    found = {example.name: example.class_name for example in report.label.examples}
    assert found == {"red1.png": "warm", "red3.png": "warm", "red2.png": "cold"}
    assert [note.name for note in report.skipped] == ["red2.png"]


def test_a_class_that_is_left_without_an_example_is_refused(library: Library) -> None:
    with pytest.raises(InputError, match=r"Every example of 'warm' is .*red1\.png is given"):
        library.labels.train("kinds", {"warm": ["path:red*"], "all": ["path:*.png"]})
    assert library.labels.names() == []


def test_a_dry_run_tells_the_examples_and_keeps_nothing(library: Library) -> None:
    library.labels.train("kinds", RED_AND_BLUE)
    before = (library.path / LABELS_FILE).read_bytes()
    library.labels.apply("kinds")
    report = library.labels.train("kinds", {"dull": ["path:grey*"]}, field="other", dry_run=True)
    assert [example.name for example in report.label.examples] == ["grey.png"]
    assert (library.path / LABELS_FILE).read_bytes() == before
    assert labels_in(library)["red1.png"] == "warm"


def test_a_source_of_one_kind_is_taken_for_no_other(library: Library) -> None:
    picture, query = Source("red1.png", "picture"), Source("path:blue*", "query")
    report = library.labels.train("kinds", {"warm": [picture], "cold": [query]})
    assert [each.num_examples for each in report.classes] == [1, 2]
    file = str(library.path.parent / "red1.png")
    for source, error in (
        (Source(file, "picture"), UnknownPictureError),
        (Source("path:blue*", "picture"), UnknownPictureError),
        (Source(file, "query"), InputError),
        (Source("red", "query"), InputError),
    ):
        with pytest.raises(error):
            library.labels.train("kinds", {"warm": [source]})


def test_a_field_of_numbers_or_of_another_label_or_of_the_index_is_refused(
    library: Library,
) -> None:
    set_fields(library.path, {"grey.png": {"stars": 5}})
    library = Library(library.path)
    library.labels.train("kinds", RED_AND_BLUE)
    for field, match in (("stars", "numbers"), ("label", "belongs to.*kinds"), ("path", "path")):
        with pytest.raises(InputError, match=match):
            library.labels.train("more", RED_AND_BLUE, field=field)


def test_another_model_asks_for_training_again_which_reads_the_examples_anew(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = library.path.parents[1]
    library.labels.train("kinds", RED_AND_BLUE)
    library.labels.apply("kinds")
    other = ColourEncoder(Vocabulary(["crimson", "lime", "navy"]), "colours-2")
    update(root, other, rebuild=True)
    library = Library(root / "photos")
    assert library.labels.waiting() == {"kinds": 6}
    with pytest.raises(MismatchError, match="lexret label train kinds"):
        library.labels.apply("kinds")
    assert library.labels.train("kinds").classes[0].words[0].word == "crimson"
    assert library.labels.apply("kinds").counts["warm"] == 3


def test_a_second_writer_is_refused(library: Library) -> None:
    lock = WriterLock(library.path)
    try:
        with pytest.raises(LockedError):
            library.labels.train("kinds", RED_AND_BLUE)
    finally:
        lock.release()


def test_damaged_labels_are_told_and_mended_from_their_copy(library: Library) -> None:
    library.labels.train("kinds", RED_AND_BLUE)
    file = library.path / LABELS_FILE
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"warm", b"worm"))
    with pytest.raises(DamageError, match="lexret repair"):
        library.labels.names()
    assert [finding.file for finding in library.check().report.findings] == [LABELS_FILE]
    assert library.repair().restored == [LABELS_FILE]
    assert file.read_bytes() == whole


def test_labels_come_along_when_indexes_are_merged(
    library: Library, colours: ColourEncoder, index_of_one: Callable[[Path], Path]
) -> None:
    library.labels.train("kinds", RED_AND_BLUE)
    library.labels.apply("kinds")
    other = index_of_one(library.path.parents[1] / "more")
    target = library.path.parents[1] / "merged"
    merge_indexes([library.path, other], target)
    merged = Library(target)
    assert merged.labels.names() == ["kinds"]
    assert merged.labels.waiting() == {"kinds": 1}


@pytest.fixture
def index_of_one(colours: ColourEncoder) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        paint(folder / "one.png", (5, 255, 5))
        index_folders([folder], folder / ".lexret", colours, decoding=Decoding(jobs=0))
        return folder / ".lexret"

    return make


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (lambda labels: labels.train("x", {"red": "red1.png"}), r"list of examples of 'red'"),
        (lambda labels: labels.train("x", ["red"]), r"table of classes"),
        (lambda labels: labels.train("x", {"a": ["red1.png"], "A": ["grey.png"]}), r"only in case"),
        (
            lambda labels: labels.train("x", {"a": ["red1.png"]}, at_least=2),
            r"from 0 to 1; found 2",
        ),
        (lambda labels: labels.train("x", {"a": ["red1.png"]}, use_names="no"), r"found 'no'"),
        (lambda labels: labels.apply("colour", at_least=3), r"from 0 to 1; found 3"),
        (lambda labels: labels.preview("colour", at_least=-1), r"from 0 to 1; found -1"),
    ],
)
def test_wrong_arguments_are_refused_and_nothing_is_kept(
    library: Library, call: Callable[[Any], object], found: str
) -> None:
    classes = {"red": ["red1.png"], "blue": ["blue1.png"]}
    library.labels.train("colour", classes, use_names=False)
    before = library.labels.all()
    with pytest.raises(InputError, match=found):
        call(library.labels)
    assert library.labels.all().keys() == before.keys()
    assert "label" not in library.snapshot().index.columns
