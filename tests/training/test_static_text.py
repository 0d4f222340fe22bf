"""Teaching a static text encoder with a tiny model."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lexret.data.captions import CaptionSet, open_captions
from lexret.encoders.checkpoint import load_checkpoint
from lexret.encoders.model import LexicalModel, load_model, text_vectors
from lexret.encoders.static_table import StaticTable
from lexret.encoders.static_text import StaticTextEncoder, TableWords
from lexret.errors import InputError, MissingError
from lexret.sparse import SparseBatch
from lexret.training.distill import distill, settings_of
from lexret.training.static_student import Bags, DenseStudent, StaticStudent
from lexret.training.static_text import StaticRecipe, take_lessons, teach_static_text
from lexret.training.static_texts import TaughtCaptions, taught_texts
from lexret.vocabulary import Vocabulary

QUICK = StaticRecipe(
    num_entries=20,
    num_pieces=50,
    num_mixtures=100,
    num_variations=100,
    dense_epochs=10,
    dense_batch=64,
    epochs=2,
    batch=64,
)
CAPTIONS = [
    f"{who} {what} on the {where}"
    for who in ("a dog", "two cats", "the old man", "a boy and a girl")
    for what in ("running", "sitting", "playing")
    for where in ("beach", "grass", "street", "snow", "sand")
]


@pytest.fixture(scope="module")
def model(tiny_model_folder: Path) -> LexicalModel:
    return load_model(tiny_model_folder)


TAUGHT = TaughtCaptions(tuple(CAPTIONS), tuple(range(len(CAPTIONS))))


@pytest.fixture(scope="module")
def pictures(model: LexicalModel) -> SparseBatch:
    """As if each picture held what its caption says."""
    return model.texts.encode(CAPTIONS)


@pytest.fixture(scope="module")
def table(model: LexicalModel, pictures: SparseBatch) -> StaticTable:
    return teach_static_text(model.texts, TAUGHT, pictures, QUICK)[0]


@pytest.fixture
def captions(tmp_path: Path) -> CaptionSet:
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    lines = []
    for i, text in enumerate(CAPTIONS):
        shutil.copy(tmp_path / "0.png", tmp_path / f"{i + 1}.png")
        lines.append(json.dumps({"image": f"{i + 1}.png", "captions": [text]}))
    (tmp_path / "captions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return open_captions(tmp_path)


def texts_of(captions: list[str], vocabulary: Vocabulary, seed: int = 3) -> list[str]:
    return taught_texts(
        captions, vocabulary, num_pieces=5, num_mixtures=40, num_variations=20, seed=seed
    )


def test_the_texts_are_captions_words_and_random_texts_of_both() -> None:
    vocabulary = Vocabulary(["dog", "cat", "beach", "moon"])
    texts = texts_of(["a dog on a beach"], vocabulary)
    assert texts[:5] == ["a dog on a beach", "dog", "cat", "beach", "moon"]
    pieces, mixtures, variations = texts[5:10], texts[10:50], texts[50:]
    assert all(piece in "a dog on a beach" for piece in pieces)
    assert all(2 <= len(text.split()) <= 4 for text in mixtures)
    words = [word for text in mixtures for word in text.split()]
    assert set(words) == set(vocabulary)
    assert words.count("dog") + words.count("beach") > 0.6 * len(words)
    assert len(variations) == 20
    assert {word for text in variations for word in text.split()} == {"a", "on", *vocabulary}
    assert texts == texts_of(["a dog on a beach"], vocabulary)


def test_without_captions_words_and_mixtures_are_taught() -> None:
    assert len(texts_of([], Vocabulary(["dog", "cat"]))) == 2 + 40


def test_words_of_several_captions_get_rows_though_they_are_no_dimensions() -> None:
    taught = TaughtCaptions(("a biker on a beach", "The BIKER waits", "on a dog"), (0, 0, 1))
    found = taught.further_words(Vocabulary(["dog", "beach"]), min_captions=2)
    assert found == ("a", "biker", "on")


def test_the_same_seed_gives_the_same_table(
    model: LexicalModel, pictures: SparseBatch, table: StaticTable
) -> None:
    again, _ = teach_static_text(model.texts, TAUGHT, pictures, QUICK)
    for name in ("indptr", "term_ids", "levels", "row_scale", "gate", "base", "bias", "own"):
        np.testing.assert_array_equal(getattr(table, name), getattr(again, name))


def test_without_pictures_it_is_taught_too(model: LexicalModel) -> None:
    table, further = teach_static_text(model.texts, TAUGHT, None, QUICK)
    assert further == ("on", "the", "a", "and")  # the most frequent first
    assert table.problem(num_words=60, num_rows=64) is None


def test_the_table_is_no_larger_than_asked_for(table: StaticTable) -> None:
    assert np.diff(table.indptr).max() <= 20
    assert table.problem(num_words=60, num_rows=64) is None
    assert (table.gate >= 0).all()


def test_searching_does_what_was_taught(model: LexicalModel) -> None:
    """The formula of training and that of searching are one, but for rounding."""
    side, vocabulary = model.texts.side, model.vocabulary
    words = TableWords(vocabulary, ("a", "on"))
    lessons = take_lessons(model.texts, CAPTIONS, words, TAUGHT, lambda *_: None)
    student = StaticStudent(DenseStudent(62, lessons.bags, lessons.vectors_ND), side, 60)
    settings = replace(settings_of(model, ("a", "on")), max_words=60)
    encoder = StaticTextEncoder(student.table(), settings, vocabulary, model_id=model.model_id)
    texts = ["a dog on the beach", "moon", "two cats and a traffic light", "nothing known"]
    bags = Bags.of([words.rows(text) for text in texts])
    own_BV = bags.own(60)
    config = side.config.model_copy(
        update={"text": side.config.text.model_copy(update={"max_words": 60})}
    )
    with torch.no_grad():
        weights_BV = student(bags, own_BV)
    wanted = text_vectors(weights_BV, own_BV, config, vocabulary).to_scipy().toarray()
    np.testing.assert_allclose(encoder.encode(texts).to_scipy().toarray(), wanted, atol=0.02)


def test_captions_that_were_not_seen_come_close(
    model: LexicalModel, captions: CaptionSet, tmp_path: Path
) -> None:
    result = distill(model.checkpoint.folder or "", captions, tmp_path / "new", QUICK)
    assert result.agreement > 0.9
    record = json.loads((tmp_path / "new" / "model.json").read_text(encoding="utf-8"))
    figures = record["numbers"]["static_text"]
    assert figures["agreement"] == round(result.agreement, 4)
    assert (figures["num_captions"], figures["num_pictures"]) == (59, 59)
    assert figures["recipe"]["num_entries"] == 20


def test_the_rest_of_the_model_stays_as_it_was(
    model: LexicalModel, captions: CaptionSet, tmp_path: Path
) -> None:
    source = Path(shutil.copytree(model.checkpoint.folder or "", tmp_path / "old"))
    (source / "README.md").write_text("# tiny\n\n## Figures\n\nNone.\n", encoding="utf-8")
    for _ in range(2):  # the second time over its own result
        distill(source, captions, source, QUICK, with_pictures=False)
        card = (source / "README.md").read_text(encoding="utf-8")
        assert card.startswith("# tiny\n\n## Figures\n\nNone.\n\n## Static text encoder\n")
        assert card.count("## Static text encoder") == 1
    old, new = model.checkpoint, load_checkpoint(source)
    assert new.model_id == old.model_id
    assert all(torch.equal(new.tensors[name], old.tensors[name]) for name in old.tensors)
    assert (source / "text" / "config.json").is_file()
    assert not list(tmp_path.glob(".*"))


def test_cached_features_give_the_same(
    model: LexicalModel, captions: CaptionSet, tmp_path: Path
) -> None:
    source = model.checkpoint.folder or ""
    direct = distill(source, captions, tmp_path / "direct", QUICK)
    cached = distill(
        source, captions, tmp_path / "cached", QUICK, feature_cache=tmp_path / "features"
    )
    assert (tmp_path / "features").is_dir()
    assert cached.agreement == pytest.approx(direct.agreement, abs=0.01)


def test_too_few_captions_are_refused(tmp_path: Path, tiny_model_folder: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    line = json.dumps({"image": "0.png", "captions": ["a dog"]})
    (tmp_path / "captions.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(InputError, match="of 1 pictures; expected 50 or more"):
        distill(tiny_model_folder, open_captions(tmp_path), tmp_path / "new", QUICK)
    assert not (tmp_path / "new").exists()


def test_an_unknown_model_is_named(captions: CaptionSet, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no-such-model"):
        distill("no-such-model", captions, tmp_path / "new", QUICK)
