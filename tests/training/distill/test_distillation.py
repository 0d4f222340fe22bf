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

from lexret.captions.caption_set import CaptionSet
from lexret.captions.sources import open_captions
from lexret.encoders.folder.checkpoint import load_checkpoint
from lexret.encoders.lexical_model import LexicalModel, load_model
from lexret.encoders.model import text_vectors
from lexret.encoders.text.static_encoder import StaticTextEncoder, TableRows
from lexret.encoders.text.text_side import own_words
from lexret.errors import InputError, MissingError
from lexret.training.distill.distillation import distill, settings_of
from lexret.training.distill.imitation import (
    StaticRecipe,
    TaughtTables,
    contextual_vectors,
    leading_axes,
    table_of,
    teach_static_text,
)
from lexret.training.distill.scores import ScoresRecipe, ScoringStudent, fit_scores, most_used_words
from lexret.training.distill.student import Bags, StaticStudent
from lexret.training.distill.texts import frequent_pairs, further_words, taught_texts
from lexret.vocabulary import Vocabulary

QUICK = StaticRecipe(
    num_coordinates=12,
    num_pairs=10,
    num_pieces=50,
    num_mixtures=100,
    num_variations=100,
    epochs=10,
    batch=64,
    scores=ScoresRecipe(num_words=40, num_pictures=30, batch=16),
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


@pytest.fixture(scope="module")
def taught(model: LexicalModel) -> TaughtTables:
    return teach_static_text(model.contextual_text, CAPTIONS, None, QUICK)


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
    captions = ("a biker on a beach", "The BIKER waits", "on a dog")
    found = further_words(captions, Vocabulary(["dog", "beach"]), min_captions=2)
    assert found == ("a", "biker", "on")


def test_pairs_are_the_most_frequent_neighbours() -> None:
    captions = ("a dog on a beach", "A dog. On a dog", "the beach")
    assert frequent_pairs(captions, num_pairs=9, min_captions=2) == ("a dog", "dog on", "on a")
    assert frequent_pairs(captions, num_pairs=1, min_captions=1) == ("a dog",)


def test_the_same_seed_gives_the_same_table(model: LexicalModel, taught: TaughtTables) -> None:
    again = teach_static_text(model.contextual_text, CAPTIONS, None, QUICK)
    assert (again.further_words, again.pairs) == (taught.further_words, taught.pairs)
    for left, right in (
        (taught.table.rows, again.table.rows),
        (taught.table.codebook, again.table.codebook),
    ):
        np.testing.assert_array_equal(left.levels_NC, right.levels_NC)
    np.testing.assert_array_equal(taught.table.base_C, again.table.base_C)


def test_the_table_is_no_larger_than_asked_for(taught: TaughtTables) -> None:
    assert taught.further_words == ("on", "the", "a", "and")  # the most frequent first
    assert len(taught.pairs) == 10
    assert taught.table.base_C.shape == (12,)
    assert taught.table.problem(num_words=60, num_rows=74) is None


def test_without_captions_the_words_are_taught(model: LexicalModel) -> None:
    taught = teach_static_text(model.contextual_text, [], None, QUICK)
    assert taught.table.problem(num_words=60, num_rows=60) is None


def test_searching_does_what_was_taught(model: LexicalModel) -> None:
    """The formula of training and that of searching are one, but for rounding."""
    vocabulary, side = model.vocabulary, model.contextual_text.side
    pairs = ("a dog", "on the")
    rows = TableRows(vocabulary, ("a", "on"), pairs)
    bags = [rows.of(text) for text in CAPTIONS]
    vectors_ND = contextual_vectors(model.contextual_text, CAPTIONS, lambda *_: None)
    axes_DC = leading_axes(vectors_ND, side.codebook_VD, 9)
    texts = ["a dog on the beach", "moon", "two cats and a traffic light", "nothing known"]
    own_BV = own_words(texts, vocabulary)
    for scale in (None, 10.0):
        student = StaticStudent(len(rows), bags, vectors_ND @ axes_DC, scale)
        learnt = TaughtTables(
            table_of(student, model.contextual_text, axes_DC), ("a", "on"), pairs, 0
        )
        settings = replace(settings_of(model, learnt), cosine_scale=scale, least_length=0.0)
        encoder = StaticTextEncoder(learnt.table, settings, vocabulary, model_id=model.model_id)
        with torch.no_grad():
            found_BC = student(Bags.of([rows.of(text) for text in texts]))
            weights_BV = side.word_logits(found_BC @ axes_DC.t(), own_BV)[1]
        wanted = text_vectors(weights_BV, own_BV, side.config, vocabulary).to_scipy().toarray()
        np.testing.assert_allclose(encoder.encode(texts).to_scipy().toarray(), wanted, atol=0.03)


def test_all_coordinates_lose_nothing_and_the_first_say_most() -> None:
    torch.manual_seed(0)
    vectors_ND = torch.randn(50, 6) * torch.tensor([3.0, 2.0, 1.0, 0.5, 0.2, 0.1])
    codebook_VD = torch.randn(30, 6) * torch.tensor([0.1, 1.0, 1.0, 3.0, 1.0, 0.1])
    logits_NV = vectors_ND @ codebook_VD.t()
    losses = []
    for size in range(1, 7):
        axes_DC = leading_axes(vectors_ND, codebook_VD, size)
        torch.testing.assert_close(axes_DC.t() @ axes_DC, torch.eye(size))
        kept_NV = vectors_ND @ axes_DC @ (codebook_VD @ axes_DC).t()
        losses.append(float((logits_NV - kept_NV).square().sum() / logits_NV.square().sum()))
    assert losses[-1] < 1e-6
    assert losses == sorted(losses, reverse=True)


def test_captions_that_were_not_seen_come_close(
    model: LexicalModel, captions: CaptionSet, tmp_path: Path
) -> None:
    result = distill(model.checkpoint.folder or "", captions, tmp_path / "new", QUICK)
    assert result.agreement > 0.9
    record = json.loads((tmp_path / "new" / "model.json").read_text(encoding="utf-8"))
    figures = record["numbers"]["static_text"]
    assert figures["agreement"] == round(result.agreement, 4)
    assert (figures["num_captions"], figures["num_texts"]) == (59, 59 + 60 + 250)
    assert figures["num_pictures"] == 59
    assert figures["recipe"]["num_coordinates"] == 12


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


class Drawn:
    """Pictures of random words, one a caption; each caption's own holds what the teacher said."""

    def __init__(self, weights_PV: torch.Tensor) -> None:
        self._weights_PV = weights_PV
        self.owners = range(len(weights_PV))

    def weights(self, word_ids_U: torch.Tensor) -> torch.Tensor:
        return self._weights_PV[:, word_ids_U]


def test_scores_over_pictures_come_closer_to_the_teachers(model: LexicalModel) -> None:
    side, vocabulary = model.contextual_text.side, model.vocabulary
    rows = TableRows(vocabulary)
    bags = [rows.of(text) for text in CAPTIONS]
    vectors_ND = contextual_vectors(model.contextual_text, CAPTIONS, lambda *_: None)
    axes_DC = leading_axes(vectors_ND, side.codebook_VD, 12)
    with torch.no_grad():
        pictures_PV = side(CAPTIONS, own_words(CAPTIONS, vocabulary))
    words_U = most_used_words(vectors_ND, side, 40)
    assert words_U.tolist() == sorted(set(words_U.tolist()))
    scale = side.config.text.cosine_scale
    scoring = ScoringStudent(
        StaticStudent(len(rows), bags, vectors_ND @ axes_DC, scale), side, axes_DC, words_U
    )
    recipe = ScoresRecipe(num_words=40, num_pictures=60, epochs=10, batch=20, own_picture_weight=0)

    def distance() -> float:
        pictures_UP = pictures_PV[:, words_U].t()
        with torch.no_grad():
            found = scoring(Bags.of(bags)) @ pictures_UP
        wanted = torch.nn.functional.normalize(pictures_PV[:, words_U]) @ pictures_UP
        return float((found - wanted).square().mean())

    before = distance()
    steps: list[tuple[str, int, int]] = []
    fit_scores(
        *(scoring, side, bags, vectors_ND, Drawn(pictures_PV), recipe),
        seed=0,
        progress=lambda *told: steps.append(told),
    )
    assert distance() < 0.7 * before
    assert steps[-1] == ("score steps", 30, 30)


def test_the_words_that_learnt_with_pictures_are_put_in_their_places(model: LexicalModel) -> None:
    side = model.contextual_text.side
    axes_DC = torch.eye(side.codebook_VD.shape[1])
    student = StaticStudent(60, [[0]], torch.ones(1, len(axes_DC)), None)
    scoring = ScoringStudent(student, side, axes_DC, torch.tensor([3, 7]))
    scoring.bias_U.data += 1.0
    scoring.own_U.data += 2.0
    table = table_of(student, model.contextual_text, axes_DC, scoring)
    changed = np.zeros(60, dtype=np.float32)
    changed[[3, 7]] = 1.0
    np.testing.assert_allclose(table.bias_V - side.bias_V.numpy(), changed, atol=1e-6)
    np.testing.assert_allclose(table.own_V - side.own_weight_V.numpy(), 2 * changed, atol=1e-6)


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
