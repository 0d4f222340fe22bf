"""Fields that people give pictures: types, filters, what they outlive."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from lexret.engine import open_index
from lexret.engine.query.binding import bind_query
from lexret.engine.query.parser import parse_query
from lexret.errors import InputError, MissingError
from lexret.library.field_tables import FieldRow, read_field_table
from lexret.library.fields import kind_of_texts, parse_value, set_fields
from lexret.library.indexing import index_folders


def paint(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), colour).save(path)


@pytest.fixture
def root(tmp_path: Path, colours) -> Path:
    for name, colour in {"a": (200, 9, 9), "b": (9, 200, 9), "sea/c": (9, 9, 200)}.items():
        paint(tmp_path / f"{name}.png", colour)
    index_folders([tmp_path], tmp_path / ".lexret", colours)
    return tmp_path


def fitting(root: Path, query: str) -> list[str]:
    index = open_index(root / ".lexret")
    bound = bind_query(parse_query(query), index.vocabulary, index.columns, lambda text: None)
    return [hit.doc_id for hit in index.find(bound)]


def test_fields_are_set_filtered_changed_and_taken_away(root: Path) -> None:
    path = root / ".lexret"
    assert set_fields(path, {"a.png": {"stars": 5, "place": "Nice"}, "b.png": {"stars": 3}}) == 2
    assert fitting(root, "stars:4..") == ["a.png"]
    assert fitting(root, "place:nice") == ["a.png"]
    assert fitting(root, "-stars:3 path:*.png") == ["a.png", "sea/c.png"]
    assert set_fields(path, {"b.png": {"stars": 4}}) == 1
    assert fitting(root, "stars:4..") == ["a.png", "b.png"]
    assert set_fields(path, {"a.png": {"stars": None}}) == 1
    assert fitting(root, "stars:4..") == ["b.png"]
    fields = open_index(path).document("a.png").fields
    assert (fields["place"], fields["stars"], fields["width"]) == ("Nice", None, 16)


def test_setting_what_is_there_writes_nothing(root: Path) -> None:
    path = root / ".lexret"
    set_fields(path, {"a.png": {"stars": 5}})
    generation = open_index(path).manifest.generation
    assert set_fields(path, {"a.png": {"stars": 5}}) == 0
    assert open_index(path).manifest.generation == generation


def test_a_picture_is_named_by_its_file_too(root: Path) -> None:
    set_fields(root / ".lexret", {str(root / "sea" / "c.png"): {"stars": 1}})
    assert fitting(root, "stars:1") == ["sea/c.png"]


def test_vectors_stay_as_they_are(root: Path) -> None:
    before = open_index(root / ".lexret").vector("a.png").words()
    set_fields(root / ".lexret", {"a.png": {"stars": 5}})
    assert open_index(root / ".lexret").vector("a.png").words() == before


def test_fields_stay_when_files_change_move_or_the_index_is_made_anew(root: Path, colours) -> None:
    path = root / ".lexret"
    set_fields(path, {n: {"stars": i} for i, n in enumerate(["a.png", "b.png", "sea/c.png"])})
    paint(root / "a.png", (1, 2, 3))
    (root / "b.png").rename(root / "sea" / "moved.png")
    shutil.copy(root / "sea" / "c.png", root / "copy.png")
    index_folders([root], path, colours)
    expected = {"a.png": 0, "sea/moved.png": 1, "sea/c.png": 2, "copy.png": None}
    for options in ({}, {"rebuild": True}):
        index_folders([root], path, colours, **options)
        index = open_index(path)
        assert {n: index.document(n).fields["stars"] for n in index.doc_ids()} == expected


def test_an_interrupted_rebuild_loses_no_fields(root: Path, colours) -> None:
    set_fields(root / ".lexret", {"a.png": {"stars": 5}})

    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_folders(
            [root], root / ".lexret", colours, rebuild=True, progress=interrupt, batch_size=1
        )
    assert fitting(root, "stars:5") == ["a.png"]
    assert len(open_index(root / ".lexret")) == 3


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"a.png": {"size": 3}}, "belongs to `lexret index`"),
        ({"a.png": {"date": "2024"}}, "belongs to `lexret index`"),
        ({"a.png": {"my field": 3}}, "expected a letter"),
        ({"a.png": {"stars": "many"}}, "is int64 in this index; found text"),
        ({"a.png": {"place": 3}}, "is text in this index; found int64"),
    ],
)
def test_what_does_not_fit_changes_nothing(root: Path, wanted, message: str) -> None:
    set_fields(root / ".lexret", {"b.png": {"stars": 1, "place": "Nice"}})
    with pytest.raises(InputError, match=message):
        set_fields(root / ".lexret", wanted)
    with pytest.raises(MissingError, match=r"gone\.png"):
        set_fields(root / ".lexret", {"a.png": {"stars": 2}, "gone.png": {"stars": 2}})
    assert fitting(root, "stars:0..") == ["b.png"]


def test_values_are_read_as_the_type_they_are_of() -> None:
    assert parse_value("f", "5", None) == 5
    assert isinstance(parse_value("f", "5", "float64"), float)
    assert parse_value("f", "5.5", None) == 5.5
    assert parse_value("f", "5", "text") == "5"
    assert parse_value("f", "nan", None) == "nan"
    assert parse_value("f", "", "int64") is None
    for text, kind in (
        ("5.5", "int64"),
        ("five", "int64"),
        ("five", "float64"),
        ("nan", "float64"),
    ):
        with pytest.raises(InputError, match=f"'{text}'"):
            parse_value("f", text, kind)
    with pytest.raises(InputError, match="64 bits"):
        parse_value("f", "9" * 30, None)
    assert kind_of_texts(["1", "", "-2"]) == "int64"
    assert kind_of_texts(["1", "2.5"]) == "float64"
    assert kind_of_texts(["1", "two"]) == "text"
    assert kind_of_texts([""]) == "text"


def test_a_csv_table_is_read(tmp_path: Path) -> None:
    file = tmp_path / "fields.csv"
    file.write_text('\ufeffstars,path,note\n5,a.png,"one, two"\n\n,b.png,3\n', encoding="utf-8")
    assert read_field_table(file, {}) == [
        FieldRow(2, "a.png", {"stars": 5, "note": "one, two"}),
        FieldRow(4, "b.png", {"stars": None, "note": "3"}),
    ]
    assert read_field_table(file, {"stars": "text"})[0].values["stars"] == "5"


def test_a_json_table_is_read(tmp_path: Path) -> None:
    file = tmp_path / "fields.jsonl"
    file.write_text('{"path": "a.png", "stars": 5}\n\n{"path": "b.png", "note": null}\n')
    assert read_field_table(file, {}) == [
        FieldRow(1, "a.png", {"stars": 5}),
        FieldRow(3, "b.png", {"note": None}),
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("f.csv", "", r"columns \(none\)"),
        ("f.csv", "file,stars\na.png,3\n", "one of them 'path'"),
        ("f.csv", "path,stars\na.png\n", "line 2: 1 cells; expected 2"),
        ("f.csv", "path,stars\na.png,1\nb.png,x\n", "line 3: .*whole number.*'x'"),
        ("f.csv", "path,size\na.png,1\n", "belongs to"),
        ("f.csv", 'path,note\na.png,"x\n', "line 2: unexpected end"),
        ("f.jsonl", "[1]\n", "line 1: expected an object"),
        ("f.jsonl", '{"path": "a", "x": 1}\n{"path"', "line 2: no JSON"),
        ("f.jsonl", '{"path": "a", "x": true}', "line 1: .*'x' is true"),
    ],
)
def test_a_table_that_cannot_be_used_is_pointed_at(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_field_table(tmp_path / name, {"stars": "int64"})
    with pytest.raises(MissingError):
        read_field_table(tmp_path / "gone.csv", {})
