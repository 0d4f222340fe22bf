"""A loaded model: pictures and texts in, sparse vectors out."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lexret.encoders import load_model
from lexret.encoders.folder.checkpoint import Checkpoint
from lexret.encoders.lexical_model import LexicalModel
from lexret.encoders.model import ImageEncoder, TextEncoder, keep_strongest
from lexret.errors import InputError, MissingError

COLOURS = ("red", "blue", "green", "white")


@pytest.fixture(scope="module")
def model(tiny_model_folder: Path) -> LexicalModel:
    return load_model(tiny_model_folder)


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    return [*(Image.new("RGB", (48, 32), c) for c in COLOURS), Image.fromarray(noise)]


def with_text(checkpoint: Checkpoint, **changes: object) -> TextEncoder:
    text = checkpoint.config.text.model_copy(update=changes)
    config = checkpoint.config.model_copy(update={"text": text})
    return TextEncoder(
        Checkpoint(config, checkpoint.vocabulary, checkpoint.tensors, checkpoint.sha256)
    )


def test_a_model_tells_what_it_is(model: LexicalModel) -> None:
    assert model.name == "tiny"
    assert re.fullmatch(r"tiny-[0-9a-f]{12}", model.model_id)
    assert model.images.model_id == model.contextual_text.model_id == model.model_id
    assert model.images.vocabulary == model.contextual_text.vocabulary == model.vocabulary
    assert len(model.images.grid) == 9


def test_pictures_become_different_unit_vectors_of_their_strongest_words(
    model: LexicalModel, pictures: list[Image.Image]
) -> None:
    batch = model.images.encode(pictures)
    assert len(batch) == 5
    dense_NV = batch.to_scipy().toarray()
    np.testing.assert_allclose(np.linalg.norm(dense_NV, axis=1), 1.0, rtol=1e-6)
    assert (np.diff(batch.indptr) == model.checkpoint.config.max_image_words).all()
    similarity_NN = dense_NV @ dense_NV.T
    assert similarity_NN[~np.eye(5, dtype=bool)].max() < 0.95


def test_the_batch_size_does_not_change_the_vectors(
    model: LexicalModel, pictures: list[Image.Image]
) -> None:
    whole, single = (
        model.images.encode(pictures, batch_size=size).to_scipy().toarray() for size in (8, 1)
    )
    np.testing.assert_allclose(whole, single, rtol=1e-4, atol=1e-5)
    texts = ["a dog", "two red cars on the street", "beach"]
    whole, single = (
        model.contextual_text.encode(texts, batch_size=size).to_scipy().toarray() for size in (8, 1)
    )
    np.testing.assert_allclose(whole, single, rtol=1e-4, atol=1e-5)


def test_nothing_in_gives_no_rows_out(model: LexicalModel) -> None:
    assert len(model.images.encode([])) == 0
    assert len(model.contextual_text.encode([])) == 0
    assert model.images.encode_patches([]) == []


def test_cached_features_give_the_same_vectors(
    model: LexicalModel, pictures: list[Image.Image]
) -> None:
    features_BPF = model.images.features(pictures)
    assert features_BPF.shape == (5, 9, 256)
    direct, cached = model.images.encode(pictures), model.images.encode_features(features_BPF)
    assert np.array_equal(direct.term_ids, cached.term_ids)
    assert np.array_equal(direct.weights, cached.weights)


def test_lower_precision_gives_other_vectors_nearby(
    model: LexicalModel, pictures: list[Image.Image]
) -> None:
    low = model.image_encoder("bfloat16")
    assert (model.images.precision, low.precision) == ("float32", "bfloat16")
    assert model.image_encoder("float32") is model.images
    whole, rounded = model.images.encode(pictures), low.encode(pictures)
    assert rounded.weights.dtype == np.float32
    difference_NV = (whole.to_scipy() - rounded.to_scipy()).toarray()
    assert (np.abs(difference_NV).max(1) > 1e-5).all()
    cosine_N = whole.to_scipy().multiply(rounded.to_scipy()).sum(1)
    assert cosine_N.min() > 0.95  # random weights round worse than trained ones
    features_BPF = low.features(pictures)
    assert features_BPF.dtype == torch.float32
    assert not torch.equal(features_BPF, model.images.features(pictures))
    assert np.array_equal(low.encode_features(features_BPF).weights, rounded.weights)
    pixels_B3SS = torch.stack([low.pixels(picture) for picture in pictures])
    assert np.array_equal(low.encode_pixels(pixels_B3SS).weights, rounded.weights)


def test_the_head_too_is_computed_in_lower_precision(
    model: LexicalModel, pictures: list[Image.Image]
) -> None:
    features_BPF = model.images.features(pictures)
    whole, rounded = (
        model.image_encoder(precision).encode_features(features_BPF)
        for precision in ("float32", "bfloat16")
    )
    assert not np.array_equal(whole.weights, rounded.weights)
    assert whole.to_scipy().multiply(rounded.to_scipy()).sum(1).min() > 0.98


def test_patches_and_dense_vectors_stay_in_full_precision(
    model: LexicalModel, pictures: list[Image.Image]
) -> None:
    low = model.image_encoder("bfloat16")
    for rounded, whole in zip(
        low.encode_patches(pictures), model.images.encode_patches(pictures), strict=True
    ):
        assert np.array_equal(rounded.image.weights, whole.image.weights)
        assert np.array_equal(rounded.patches.weights, whole.patches.weights)
    assert np.array_equal(low.encode_dense(pictures), model.images.encode_dense(pictures))


def test_a_picture_that_is_named_twice_is_encoded_twice(
    model: LexicalModel, pictures: list[Image.Image], tmp_path: Path
) -> None:
    """One that is not loaded yet too, though threads put pictures to the model's square."""
    pictures[4].save(tmp_path / "noise.png")
    with Image.open(tmp_path / "noise.png") as lazy:
        batch = model.images.encode([lazy, pictures[0], lazy, lazy])
    expected = model.images.encode([pictures[4], pictures[0], pictures[4], pictures[4]])
    assert np.array_equal(batch.term_ids, expected.term_ids)
    assert np.array_equal(batch.weights, expected.weights)


def test_the_first_picture_that_cannot_be_encoded_is_the_one_that_is_told(
    model: LexicalModel, pictures: list[Image.Image]
) -> None:
    wrong = [pictures[0], Image.new("L", (4, 4)), *pictures, Image.new("CMYK", (4, 4))]
    with pytest.raises(InputError, match="mode 'L'"):
        model.images.encode(wrong)


def test_the_vector_with_patches_is_the_one_that_an_index_stores(
    model: LexicalModel, pictures: list[Image.Image]
) -> None:
    for picture, encoding in zip(pictures, model.images.encode_patches(pictures), strict=True):
        stored = model.images.encode([picture]).row(0)
        np.testing.assert_array_equal(encoding.image.term_ids, stored.term_ids)
        np.testing.assert_allclose(encoding.image.weights, stored.weights, rtol=1e-6)


def test_a_words_weight_is_that_of_its_winning_patch(
    model: LexicalModel, pictures: list[Image.Image]
) -> None:
    for encoding in model.images.encode_patches(pictures):
        dense_PV = encoding.patches.to_scipy().toarray()
        assert dense_PV.shape == (9, len(model.vocabulary))
        term_ids = encoding.image.term_ids
        np.testing.assert_allclose(dense_PV.max(0)[term_ids], encoding.image.weights, rtol=1e-6)
        assert encoding.winning_patches.dtype == np.int32
        winners_V = dense_PV[encoding.winning_patches, term_ids]
        np.testing.assert_array_equal(winners_V, dense_PV.max(0)[term_ids])


def test_a_word_is_won_where_the_picture_shows_it(model: LexicalModel) -> None:
    """Paint one patch of a picture anew: the patches far from it keep most of their words."""
    plain = Image.new("RGB", (96, 96), "white")
    painted = plain.copy()
    painted.paste((0, 0, 255), (64, 64, 96, 96))
    before, after = model.images.encode_patches([plain, painted])
    change_P = np.abs(before.patches.to_scipy().toarray() - after.patches.to_scipy().toarray()).sum(
        1
    )
    assert change_P.argmax() == 8


def test_a_picture_that_is_not_rgb_is_refused(model: LexicalModel) -> None:
    with pytest.raises(InputError, match=r"mode 'RGBA'.*expected 'RGB'"):
        model.images.encode([Image.new("RGBA", (8, 8))])


def test_a_text_is_a_unit_vector_of_its_strongest_words(model: LexicalModel) -> None:
    batch = model.contextual_text.encode(["a dog on the beach", "two traffic light"])
    norms = [np.linalg.norm(vector.weights) for vector in batch]
    np.testing.assert_allclose(norms, 1.0, rtol=1e-6)
    assert (np.diff(batch.indptr) <= model.checkpoint.config.text.max_words).all()


@pytest.mark.parametrize("max_words", [1, 2, 60, 1000])
def test_a_texts_own_words_are_active_however_few_words_it_keeps(
    model: LexicalModel, max_words: int
) -> None:
    texts = with_text(model.checkpoint, max_words=max_words)
    vector = texts.encode(["Two dogs, on the BEACH near a traffic light!"]).row(0)
    for word in ("two", "dogs", "beach", "traffic light"):
        assert vector.weight_of(word) > 0
    assert len(vector) <= max(max_words, 4)


def test_an_own_word_is_active_even_where_the_model_is_against_it(model: LexicalModel) -> None:
    tensors = {
        name: torch.full_like(tensor, -50.0) if name == "text.bias_V" else tensor
        for name, tensor in model.checkpoint.tensors.items()
    }
    checkpoint = model.checkpoint
    changed = Checkpoint(checkpoint.config, checkpoint.vocabulary, tensors, checkpoint.sha256)
    batch = TextEncoder(changed).encode(["a red dog", "nothing that is known"])
    assert {word.word for word in batch.row(0).words()} == {"red", "dog"}
    assert batch.row(0).weights == pytest.approx([0.5**0.5] * 2)
    assert len(batch.row(1)) == 0


def test_a_text_without_known_words_and_an_empty_one_have_vectors(model: LexicalModel) -> None:
    batch = model.contextual_text.encode(["zzz qqq", "", "\U0001f415"])
    assert len(batch) == 3


def test_a_side_is_loaded_when_it_is_first_used(tiny_model_folder: Path) -> None:
    fresh = load_model(tiny_model_folder)
    fresh.contextual_text.encode(["dog"])
    assert "images" not in vars(fresh)
    assert fresh.contextual_text is fresh.contextual_text


def test_a_model_from_before_base_rates_is_loaded_as_if_they_were_zero(
    model: LexicalModel, pictures: list[Image.Image]
) -> None:
    stored = model.checkpoint
    tensors = dict(stored.tensors)
    assert float(tensors.pop("image.base_rate_V").abs().max()) == 0.0
    older = ImageEncoder(Checkpoint(stored.config, stored.vocabulary, tensors, stored.sha256))
    assert np.array_equal(older.encode(pictures).weights, model.images.encode(pictures).weights)


def test_a_word_says_something_only_beyond_its_base_rate(
    model: LexicalModel, pictures: list[Image.Image]
) -> None:
    stored = model.checkpoint
    rates_V = torch.zeros(len(stored.vocabulary))
    (strongest,) = model.images.encode(pictures[:1]).row(0).words(1)
    rates_V[stored.vocabulary.words.index(strongest.word)] = 1e3
    tensors = {**stored.tensors, "image.base_rate_V": rates_V}
    encoder = ImageEncoder(Checkpoint(stored.config, stored.vocabulary, tensors, stored.sha256))
    vector = encoder.encode(pictures[:1]).row(0)
    assert vector.weight_of(strongest.word) == 0.0
    assert len(vector) > 0


def test_encoding_keeps_no_gradients(model: LexicalModel, pictures: list[Image.Image]) -> None:
    sides: list[torch.nn.Module] = [
        model.images._side,
        model.contextual_text._side,
        model.images._backbone,
    ]
    for side in sides:
        assert not any(p.requires_grad for p in side.parameters())
        assert not any(module.training for module in side.modules())


@pytest.mark.parametrize("source", ["no-such-model", "nowhere/at/all"])
def test_an_unknown_model_lists_the_shipped_ones(source: str) -> None:
    with pytest.raises(MissingError, match=rf"'{source}'.*shipped model: mini"):
        load_model(source)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"there is no model\.json"):
        load_model(tmp_path)


def test_keep_strongest_zeroes_the_rest() -> None:
    weights_BV = torch.tensor([[0.1, 0.9, 0.0, 0.5], [0.0, 0.0, 0.2, 0.0]])
    kept_BV = keep_strongest(weights_BV, 2)
    expected = [[0.0, 0.9, 0.0, 0.5], [0.0, 0.0, 0.2, 0.0]]
    torch.testing.assert_close(kept_BV, torch.tensor(expected))
    assert torch.equal(keep_strongest(weights_BV, 4), weights_BV)


def test_keep_strongest_counts_what_is_kept_always_among_the_k() -> None:
    weights_BV = torch.tensor([[0.1, 0.9, 0.3, 0.5]])
    always_BV = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    kept_BV = keep_strongest(weights_BV, 2, always_BV=always_BV)
    torch.testing.assert_close(kept_BV, torch.tensor([[0.1, 0.9, 0.0, 0.0]]))
    three_BV = torch.tensor([[1.0, 0.0, 1.0, 1.0]])
    kept_BV = keep_strongest(weights_BV, 1, always_BV=three_BV)
    torch.testing.assert_close(kept_BV, torch.tensor([[0.1, 0.0, 0.3, 0.5]]))


def test_dense_vectors_of_whole_pictures_and_texts_share_one_space(tiny_model_folder: Path) -> None:
    model = load_model(tiny_model_folder)
    pictures = [Image.new("RGB", (64, 48), colour) for colour in ("red", "blue", "green")]
    images_ND = model.images.encode_dense(pictures, batch_size=2)
    texts_ND = model.contextual_text.encode_dense(["a dog", "two cats on a beach"], batch_size=1)
    assert images_ND.dtype == texts_ND.dtype == np.float32
    assert images_ND.shape == (3, 16)
    assert texts_ND.shape == (2, 16)
    assert np.linalg.norm(images_ND, axis=1) == pytest.approx([1, 1, 1])
    assert np.linalg.norm(texts_ND, axis=1) == pytest.approx([1, 1])
    assert images_ND[:1] == pytest.approx(model.images.encode_dense(pictures[:1]), abs=1e-5)
    assert model.images.encode_dense([]).shape == (0, 16)
