"""Keywords of people as words of the photo: by choice, and undone exactly."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import lexret
from lexret.cli.main import main
from lexret.engine import open_index
from lexret.engine.corrections.corrections import DocumentCorrection, change_corrections
from lexret.engine.segments.manifest import Manifest
from lexret.library.asking.query_fields import KEYWORDS_AS_WORDS, VOUCHED
from lexret.library.folders import default_index
from lexret.library.library import Library
from lexret.library.updating import followed_keywords
from lexret.library.updating.index_report import IndexReport
from lexret.library.updating.indexing import index_folders
from lexret.library.updating.keywords_as_words import (
    KeywordReader,
    told_weights,
    with_words,
    without_words,
)
from lexret.sparse import LexicalVector
from lexret.vocabulary import Vocabulary
from tests.library.conftest import ColourEncoder
from tests.pictures.metadata_files import bag, jpeg, noise, packet, saved, xmp_segment

WORDS = Vocabulary(["dog", "beach", "traffic light", "cafe", "grandma", "family", "two"])
READ = {
    "Dog": ["dog"],
    "TRAFFIC LIGHTS": ["traffic light"],
    "Caf\u00e9": ["cafe"],
    "Cafe\u0301": ["cafe"],
    "Grandma\u2019s": ["grandma"],
    "People|Family|Grandma\nGrandma\nFamily\nPeople": ["grandma", "family"],
    "dog\nDog\nbeach": ["dog", "beach"],
    "a dog": [],
    "dog beach": [],
    "unicorn": [],
    "!?": [],
    "": [],
    None: [],
}


@pytest.mark.parametrize("keywords", READ)
def test_keywords_are_read_as_entries_of_the_vocabulary(keywords: str | None) -> None:
    reader = KeywordReader(WORDS)
    assert list(reader.entries(keywords)) == READ[keywords]
    assert list(reader.entries(keywords)) == READ[keywords]  # from what was kept


@given(
    st.dictionaries(st.sampled_from(WORDS.words), st.floats(2**-20, 8, width=32)),
    st.lists(st.sampled_from(WORDS.words), unique=True).map(tuple),
)
def test_words_that_are_put_in_are_taken_out_exactly(
    held: dict[str, float], entries: tuple[str, ...]
) -> None:
    weights = np.zeros(len(WORDS), np.float32)
    for word, weight in held.items():
        weights[WORDS.words.index(word)] = weight
    ids = np.flatnonzero(weights).astype(np.int32)
    vector = LexicalVector(ids, weights[ids], WORDS)
    changed, told = with_words(vector, entries)
    assert tuple(told_weights(told)) == entries
    strongest = max(held.values(), default=1.0)
    assert all(changed.weight_of(entry) == np.float32(strongest) for entry in entries)
    back = without_words(changed, told)
    assert back.term_ids.tolist() == ids.tolist()
    assert back.weights.tolist() == vector.weights.tolist()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    (root / "inside.jpg").write_bytes(jpeg(xmp_segment(packet(bag("Green", "Unicorn")))))
    noise().save(root / "beside.tif")
    (root / "beside.xmp").write_bytes(packet(bag("Blue")))
    noise().transpose(0).save(root / "none.png")
    return root


def index(root: Path, encoder: ColourEncoder, **options: object) -> IndexReport:
    return index_folders([root], default_index(root), encoder, **options)


def words(root: Path, name: str) -> dict[str, float]:
    held = open_index(default_index(root)).vector(name).words()
    return {word.word: word.weight for word in held}


def by_model(root: Path, tmp_path: Path) -> dict[str, dict[str, float]]:
    """What the model says of the same files, in an index of its own."""
    place = tmp_path / "by model"
    index_folders([root], place, ColourEncoder(Vocabulary(["red", "green", "blue"])))
    opened = open_index(place)
    return {name: {word.word: word.weight for word in opened.vector(name).words()}
            for name in opened.doc_ids()}  # fmt: skip


@pytest.mark.parametrize("weights", ["exact", "8bit"])
def test_the_choice_is_recorded_and_can_be_taken_back(
    root: Path, tmp_path: Path, colours, weights: str
) -> None:
    index(root, colours, weights=weights)
    plain = {name: words(root, name) for name in ("inside.jpg", "beside.tif", "none.png")}
    report = index(root, colours, keywords_as_words=True)
    assert (report.num_encoded, report.num_with_words) == (0, 2)
    for name, keyword in {"inside.jpg": "green", "beside.tif": "blue"}.items():
        strongest = max(plain[name].values())
        assert words(root, name) == {**plain[name], keyword: strongest}
    assert words(root, "none.png") == plain["none.png"]
    assert index(root, colours).num_with_words == 2  # as it was chosen
    assert Manifest.load(default_index(root)).options == (KEYWORDS_AS_WORDS,)
    report = index(root, colours, keywords_as_words=False)
    assert (report.num_encoded, report.num_with_words) == (0, None)
    assert {name: words(root, name) for name in plain} == plain
    assert open_index(default_index(root)).document("inside.jpg").fields[VOUCHED] is None


def test_words_follow_the_keywords_of_the_file(root: Path, tmp_path: Path, colours) -> None:
    model = by_model(root, tmp_path)
    index(root, colours, keywords_as_words=True)
    (root / "beside.xmp").write_bytes(packet(bag("Red", "Green")))
    os.utime(root / "beside.xmp", ns=(5, 5))
    assert index(root, colours).num_encoded == 0
    strongest = max(model["beside.tif"].values())
    assert words(root, "beside.tif") == {
        **model["beside.tif"], "red": strongest, "green": strongest,
    }  # fmt: skip
    (root / "beside.xmp").unlink()
    index(root, colours)
    assert words(root, "beside.tif") == model["beside.tif"]
    (root / "inside.jpg").write_bytes(saved("JPEG"))
    index(root, colours)
    assert words(root, "inside.jpg") == by_model(root, tmp_path)["inside.jpg"]


def test_copies_share_the_vector_of_the_model_and_not_the_keywords(
    root: Path, tmp_path: Path, colours
) -> None:
    index(root, colours, keywords_as_words=True)
    shutil.copyfile(root / "beside.tif", root / "plain.tif")
    shutil.copyfile(root / "beside.tif", root / "z.tif")
    (root / "z.xmp").write_bytes(packet(bag("Red")))
    assert index(root, colours).num_encoded == 0
    model = by_model(root, tmp_path)["plain.tif"]
    assert words(root, "plain.tif") == model
    assert words(root, "z.tif") == {**model, "red": max(model.values())}


def test_a_rebuild_keeps_the_choice_and_a_move_the_words(root: Path, colours) -> None:
    index(root, colours, keywords_as_words=True)
    before = {name: words(root, name) for name in ("inside.jpg", "beside.tif", "none.png")}
    report = index(root, colours, rebuild=True)
    assert (report.num_encoded, report.num_with_words) == (3, 2)
    assert {name: words(root, name) for name in before} == before
    (root / "inside.jpg").rename(root / "moved.jpg")
    report = index(root, colours)
    assert (report.num_renamed, report.num_with_words) == (1, 2)
    assert words(root, "moved.jpg") == before["inside.jpg"]


def test_a_run_that_ends_early_is_made_good_by_the_next(
    root: Path, colours, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(root, colours)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(followed_keywords.KeywordFollower, "reworded", fail)
        with pytest.raises(KeyboardInterrupt):
            index(root, colours, keywords_as_words=True)
    assert index(root, colours).num_with_words == 2
    assert "green" in words(root, "inside.jpg")


def test_corrections_by_hand_go_their_own_way(root: Path, colours) -> None:
    index(root, colours, keywords_as_words=True)
    place = default_index(root)

    def correct(correction: DocumentCorrection) -> None:
        change_corrections(place, lambda now: now.with_document("beside.tif", correction))

    by_keyword = words(root, "beside.tif")
    correct(DocumentCorrection({"blue": 0.25}, frozenset({"red"})))
    corrected = words(root, "beside.tif")
    assert corrected["blue"] == 0.25 and "red" not in corrected
    (root / "beside.xmp").unlink()  # the keyword goes, the correction stays
    index(root, colours)
    assert words(root, "beside.tif")["blue"] == 0.25
    (root / "beside.xmp").write_bytes(packet(bag("Blue")))
    index(root, colours)
    correct(DocumentCorrection())  # the correction goes, the keyword stays
    assert words(root, "beside.tif") == by_keyword


@pytest.fixture
def photos(tmp_path: Path, static_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index of the tiny model, which knows no lighthouse, but the word."""
    root = tmp_path / "photos"
    root.mkdir()
    (root / "a.jpg").write_bytes(jpeg(xmp_segment(packet(bag("Dog", "My holiday")))))
    noise().transpose(0).save(root / "b.png")
    lexret.Library.create(root, model=str(static_model_folder), keywords_as_words=True)
    monkeypatch.chdir(root)
    return root


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_searches_find_them_and_say_where_they_are_from(photos: Path) -> None:
    library = Library.open(photos)
    strongest = library.words("a.jpg", 1)[0].weight
    (hit,) = [hit for hit in library.search("+dog?") if hit.doc_id == "a.jpg"]
    assert (hit.rank, hit.from_keywords) == (1, ("dog",))
    assert hit.words[0].image_weight == strongest
    assert "a.jpg" not in [hit.doc_id for hit in library.search("path:** -dog")]
    assert "dog (from the photo's keywords)" in run("search", "dog?", "--explain")
    assert run("words", "edit", "a.jpg") == "a.jpg: as the model says; from its keywords: dog\n"
    run("words", "edit", "a.jpg", "+dog^0.5")
    (hit,) = [hit for hit in Library.open(photos).search("dog?") if hit.doc_id == "a.jpg"]
    assert hit.from_keywords == ()  # by hand now
    run("words", "edit", "a.jpg", "-dog")
    assert "a.jpg" not in [hit.doc_id for hit in Library.open(photos).search("+dog?")]
    run("words", "edit", "a.jpg", "--undo")
    assert Library.open(photos).search("dog?")[0].from_keywords == ("dog",)


def test_words_that_lexret_wrote_are_not_read_as_keywords(photos: Path) -> None:
    before = Library.open(photos).words("b.png")
    content = (photos / "b.png").read_bytes()
    run("tag", "--write")
    assert (photos / "b.png").read_bytes() != content
    run("index")
    fields = open_index(photos / ".lexret").document("b.png").fields
    assert fields[VOUCHED] is None
    after = Library.open(photos).words("b.png")
    assert [word.word for word in after] == [word.word for word in before]
    vouched = open_index(photos / ".lexret").document("a.jpg").fields[VOUCHED]
    assert list(told_weights(str(vouched))) == ["dog"]


def test_the_command_records_the_choice_and_tells_it(photos: Path) -> None:
    assert "keywords" in run("info") and "count as words" in run("info")
    assert "Keywords count as words; pictures that hold such words: 1\n" in run("index")
    assert '"with_words_of_keywords": 1' in run("index", "--json")
    assert "Keywords" not in run("index", "--no-keywords-as-words")
    assert "count as words" not in run("info")
    assert Library.open(photos).search("dog?", k=1)[0].from_keywords == ()
    assert '"with_words_of_keywords": null' in run("index", "--json")
