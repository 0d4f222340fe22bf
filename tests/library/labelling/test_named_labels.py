"""Labels whose classes have names that are words of the vocabulary."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lexret import Library
from lexret.errors import InputError
from lexret.files.sealed import copy_of
from lexret.library.label_file import LABELS_FILE, load_labels
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary
from tests.library.conftest import ColourEncoder
from tests.library.labelling.test_labels import COLOURS, NotLookedAt, labels_in, paint, update

OLD = Path(__file__).parents[2] / "compat/labels-v1" / LABELS_FILE


class Texts:
    """Encoder of queries that knows the words of a text and nothing more."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def encode_queries(self, texts: Sequence[str], *, batch_size: int = 32) -> SparseBatch:
        words = self._vocabulary.words
        rows = [{words[i]: 1.0 for i in self._vocabulary.match(text)[0]} for text in texts]
        return SparseBatch.from_words(rows, self._vocabulary)


@pytest.fixture
def library(tmp_path: Path, colours: ColourEncoder, monkeypatch: pytest.MonkeyPatch) -> Library:
    for name, colour in COLOURS.items():
        paint(tmp_path / "photos" / f"{name}.png", colour)
    update(tmp_path, colours)

    class Encoders:
        def images(self) -> Any:
            return NotLookedAt()

        def texts(self) -> Any:
            return Texts(colours.vocabulary)

        def levels_V(self) -> None:
            return None

    monkeypatch.setattr(Library, "encoders", lambda self, snapshot=None: Encoders())
    return Library(tmp_path / "photos")


def uses(report: Any) -> dict[str, str]:
    return {each.name: each.name_use for each in report.classes}


def test_a_name_that_is_known_counts_and_is_kept_with_the_label(library: Library) -> None:
    report = library.labels.train("kinds", {"red": ["red1.png"], "cold": ["blue1.png"]})
    assert uses(report) == {"red": "counts", "cold": "unknown"}
    assert uses(library.labels.show("kinds")) == uses(report)
    kept = library.labels.all()["kinds"].names
    assert kept is not None and list(kept) == ["red"] and kept["red"].spread > 0
    assert library.labels.apply("kinds").counts == {"red": 3, "cold": 2, "": 1}


def test_a_name_is_left_out_where_that_is_wanted_then_and_later(library: Library) -> None:
    classes = {"red": ["red1.png"], "cold": ["blue1.png"]}
    report = library.labels.train("kinds", classes, use_names=False)
    assert set(uses(report).values()) == {"left out"}
    assert uses(library.labels.train("kinds", {"red": ["red2.png"]}, add=True))["red"] == "left out"
    report = library.labels.train("kinds", use_names=True)
    assert uses(report) == {"red": "counts", "cold": "unknown"}
    assert [each.num_examples for each in report.classes] == [2, 1]


def test_a_name_that_misleads_changes_no_picture(library: Library) -> None:
    classes = {"green": ["red1.png", "red2.png", "red3.png"], "cold": ["blue1.png"]}
    report = library.labels.train("kinds", classes)
    assert uses(report)["green"] == "does not fit"
    with_name = library.labels.preview("kinds", at_least=0.0)
    library.labels.train("kinds", classes, use_names=False)
    assert library.labels.preview("kinds", at_least=0.0) == with_name


def test_a_class_may_have_a_name_alone_and_keeps_it(library: Library) -> None:
    report = library.labels.train("kinds", {"blue": [], "red": ["red1.png"]})
    assert {each.name: each.num_examples for each in report.classes} == {"red": 1, "blue": 0}
    library.labels.apply("kinds")
    found = labels_in(library)
    assert found["blue1.png"] == found["blue2.png"] == "blue" and found["red3.png"] == "red"
    for again in ({}, {"red": ["red2.png"]}):
        report = library.labels.train("kinds", again, add=bool(again))
        assert {each.name for each in report.classes} == {"red", "blue"}


@pytest.mark.parametrize(
    ("name", "use_names", "match"),
    [
        ("aunt-mary", None, "'aunt-mary' has no example, and its name is not made of words"),
        ("blue", False, "'blue' has no example, and names are left out"),
    ],
)
def test_a_class_with_neither_example_nor_known_name_is_refused(
    library: Library, name: str, use_names: bool | None, match: str
) -> None:
    with pytest.raises(InputError, match=match):
        library.labels.train("kinds", {"red": ["red1.png"], name: []}, use_names=use_names)
    assert library.labels.names() == []


def test_a_muted_word_says_nothing_in_a_name_either(library: Library) -> None:
    library.labels.train("kinds", {"red": [], "cold": ["blue1.png"]})

    def words() -> set[str]:
        report = library.labels.preview("kinds", at_least=0.0)
        return {word.word for one in report.pictures for word in one.words}

    library.labels.train("kinds", {"red": [], "cold": ["blue1.png"]})
    assert "red" in words()
    library.mute("red")
    assert "red" not in words()


def test_pictures_that_are_nearly_sure_are_told_with_what_decides(library: Library) -> None:
    library.labels.train("kinds", {"red": ["red1.png"], "cold": ["blue1.png"]})
    report = library.labels.preview("kinds", at_least=1.0, num_near=1)
    near = {one.class_name: one for one in report.near}
    assert set(near) == {"red", "cold"} and near["cold"].doc_id == "blue2.png"
    assert near["red"].doc_id in ("red2.png", "red3.png") and near["red"].words[0].word == "red"
    assert report.reach["red"][0].num == 0 and report.reach["red"][1].num > 0
    assert not library.labels.apply("kinds").near


def test_labels_of_before_names_counted_are_applied_as_they_were(library: Library) -> None:
    for file in (library.path / LABELS_FILE, copy_of(library.path / LABELS_FILE)):
        shutil.copyfile(OLD, file)
    label = load_labels(library.path)["kinds"]
    assert label.key == "7a3ffa0c"  # marks in the index name it
    assert set(uses(library.labels.show("kinds")).values()) == {"left out"}
    pictures = library.labels.preview("kinds", at_least=0.0).pictures
    found = {one.doc_id: (one.class_name, one.sure) for one in pictures if one.words}
    assert found == {
        "red3.png": ("red", pytest.approx(0.62835, abs=1e-4)),
        "blue2.png": ("cold", pytest.approx(0.86637, abs=1e-4)),
        "grey.png": ("cold", pytest.approx(0.03246, abs=1e-4)),
    }
    library.labels.apply("kinds")
    assert (library.path / LABELS_FILE).read_bytes() == OLD.read_bytes()
    report = library.labels.train("kinds", {"red": ["red3.png"]}, add=True)
    assert uses(report) == {"red": "counts", "cold": "unknown"}
