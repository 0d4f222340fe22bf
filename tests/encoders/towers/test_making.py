"""Lexical models that are made of two towers, without training."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from lexret.captions.sources import open_captions
from lexret.encoders import load_model
from lexret.encoders.export import export_backbone
from lexret.encoders.folder.record import read_record
from lexret.encoders.lexical_model import LexicalModel
from lexret.encoders.model.tensors import LexicalTensors
from lexret.encoders.model_check import check_model
from lexret.encoders.network import LexicalNetwork
from lexret.encoders.towers.making import MadeModel, MakingSettings, make_model
from lexret.encoders.towers.opening import open_towers
from lexret.encoders.towers.pursuit import pursue
from lexret.errors import CorruptError, InputError, MissingError
from lexret.training.distill.distillation import distill
from lexret.training.distill.imitation import StaticRecipe
from lexret.vocabulary import Vocabulary
from tests.tiny_towers import save_tiny_clip, save_tiny_open_clip

WORDS = Vocabulary(
    ["dog", "cat", "beach", "red", "blue", "green", "grass", "snow", "car", "photo", "tree house"]
)


def noise(count: int, seed: int = 0) -> list[Image.Image]:
    random = np.random.default_rng(seed)
    return [
        Image.fromarray(random.integers(0, 256, (36, 48, 3), dtype=np.uint8)) for _ in range(count)
    ]


@pytest.fixture(scope="module")
def towers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("towers") / "clip")


def made(folder: Path, towers: Path, count: int = 0, **settings: object) -> MadeModel:
    return make_model(
        folder, str(towers), WORDS, vocabulary_name="words", pictures=noise(count),
        settings=MakingSettings(**settings),  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.fixture(scope="module")
def model(towers_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> LexicalModel:
    folder = tmp_path_factory.mktemp("made") / "my-clip"
    result = made(folder, towers_folder, 20, num_words=5)
    assert (result.num_pictures, result.patches_a_side, result.num_words) == (20, 2, 11)
    loaded = load_model(folder)
    assert loaded.model_id == result.model_id
    return loaded


def test_pursuit_of_orthogonal_words_finds_the_sum_that_was_made() -> None:
    codebook = torch.eye(4)
    codebook[3] = 0.0
    weights = pursue(torch.tensor([[0.5, 0.1, -0.7, 9.0], [0.0, 0.0, 0.0, 1.0]]), codebook, 3)
    torch.testing.assert_close(weights, torch.tensor([[0.5, 0.1, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]))
    one = pursue(torch.tensor([[0.5, 0.1, -0.7, 9.0]]), codebook, 1)
    assert one.tolist() == [[0.5, 0.0, 0.0, 0.0]]


def test_pursuit_comes_closer_to_the_vector_with_every_word() -> None:
    random = torch.Generator().manual_seed(0)
    codebook = functional.normalize(torch.randn(200, 16, generator=random), dim=-1)
    vectors = functional.normalize(torch.randn(5, 16, generator=random), dim=-1)
    left = [(vectors - pursue(vectors, codebook, k) @ codebook).norm(dim=1) for k in (1, 4, 16, 64)]
    assert all((after <= before + 1e-6).all() for before, after in itertools.pairwise(left))
    assert float(left[-1].max()) < 0.2


def test_only_words_that_are_like_the_vector_itself_take_part() -> None:
    random = torch.Generator().manual_seed(0)
    codebook = functional.normalize(torch.randn(60, 8, generator=random), dim=-1)
    vectors = functional.normalize(torch.randn(40, 8, generator=random), dim=-1)
    weights = pursue(vectors, codebook, 30)
    assert weights.gt(0).sum(1).min() > 3
    assert ((vectors @ codebook.t())[weights > 0] > 0).all()


def test_a_query_scores_a_picture_as_the_towers_score_the_picture_rebuilt(
    model: LexicalModel,
) -> None:
    tensors = model.checkpoint.tensors
    codebook = tensors["text.codebook_VD"]
    images = model.images.encode(noise(4, seed=1))
    texts = ["a dog on a beach", "red"]
    queries = model.contextual_text.encode_queries(texts)
    dense = torch.tensor(model.contextual_text.encode_dense(texts))
    bias = tensors["text.bias_V"]
    assert bias[bias > 0].unique().numel() == 1
    expected = functional.normalize((dense @ codebook.t() + bias).clamp_min(0.0), dim=-1)
    np.testing.assert_allclose(queries.to_scipy().toarray(), expected, rtol=1e-3, atol=1e-4)
    vectors = torch.tensor(model.images.encode_dense(noise(4, seed=1)))
    centred = functional.normalize(vectors - tensors["image.mean_D"], dim=-1)
    weights = functional.normalize(pursue(centred, codebook, 5), dim=-1)
    np.testing.assert_allclose(images.to_scipy().toarray(), weights, rtol=1e-3, atol=1e-4)


def test_dense_vectors_are_those_of_the_towers(model: LexicalModel, towers_folder: Path) -> None:
    towers = open_towers(str(towers_folder))
    with torch.inference_mode():
        texts = functional.normalize(towers.encode_texts(["a dog"]), dim=-1)
    np.testing.assert_allclose(model.contextual_text.encode_dense(["a dog"]), texts, rtol=1e-5)


def test_the_strongest_patch_has_the_pictures_weight_of_each_word(model: LexicalModel) -> None:
    (encoding,) = model.images.encode_patches(noise(1, seed=2))
    whole = model.images.encode(noise(1, seed=2)).row(0)
    np.testing.assert_array_equal(encoding.image.term_ids, whole.term_ids)
    np.testing.assert_allclose(encoding.image.weights, whole.weights, rtol=1e-4)
    patches = encoding.patches.to_scipy().toarray()
    assert (encoding.grid.num_rows, len(patches)) == (2, 4)
    np.testing.assert_allclose(
        patches[encoding.winning_patches, whole.term_ids], whole.weights, rtol=1e-4
    )
    np.testing.assert_allclose(patches.max(0)[whole.term_ids], whole.weights, rtol=1e-4)


def test_what_every_picture_is_a_photo_says_nothing_of_any(model: LexicalModel) -> None:
    photo = WORDS.term_id("photo")
    assert photo not in model.images.encode(noise(8, seed=3)).term_ids
    assert photo not in model.contextual_text.encode_queries(["a photo"]).term_ids


def test_without_patches_a_picture_is_its_only_patch(towers_folder: Path, tmp_path: Path) -> None:
    made(tmp_path / "whole", towers_folder, patches=False)
    images = load_model(tmp_path / "whole").images
    (encoding,) = images.encode_patches(noise(1))
    assert len(encoding.grid) == len(encoding.patches) == 1
    np.testing.assert_allclose(encoding.patches.row(0).weights, encoding.image.weights, rtol=1e-5)


def test_active_words_alone_are_used_and_asked_for(towers_folder: Path, tmp_path: Path) -> None:
    made(tmp_path / "few", towers_folder, 20, active_words=4, num_words=3)
    few = load_model(tmp_path / "few")
    used = set(few.images.encode(noise(20)).term_ids.tolist())
    asked = set(few.contextual_text.encode_queries(list(WORDS)).term_ids.tolist())
    assert len(used | asked) <= 4
    assert used
    made(tmp_path / "first", towers_folder, active_words=4)
    codebook = load_model(tmp_path / "first").checkpoint.tensors["text.codebook_VD"]
    assert codebook.norm(dim=1).gt(0).tolist() == [True] * 4 + [False] * 7


def test_a_made_model_is_whole_and_one_whose_towers_changed_is_not(tmp_path: Path) -> None:
    made(tmp_path / "model", save_tiny_clip(tmp_path / "clip"))
    assert not any(check.is_failure for check in check_model(tmp_path / "model"))
    save_tiny_clip(tmp_path / "clip", seed=1)
    with pytest.raises(CorruptError, match="have changed"):
        _ = load_model(tmp_path / "model").images
    checks = check_model(tmp_path / "model")
    assert {check.name for check in checks if check.is_failure} == {"image side", "text side"}


def test_what_cannot_be_made_is_refused_and_nothing_written(
    towers_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="expected at least 16"):
        made(tmp_path / "few", towers_folder, 3)
    with pytest.raises(InputError, match=r"expected a text with \{word\}"):
        made(tmp_path / "few", towers_folder, prompts=("a photo",))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "diary.txt").write_text("mine")
    with pytest.raises(InputError, match="holds files that are no model"):
        made(tmp_path / "full", towers_folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]


def test_a_made_model_cannot_be_exported_and_says_so(model: LexicalModel) -> None:
    assert model.folder is not None
    with pytest.raises(InputError, match="only the image backbones of models that lexret trained"):
        export_backbone(read_record(model.folder))


def test_a_made_model_cannot_be_trained_and_says_so(model: LexicalModel) -> None:
    with pytest.raises(InputError, match="cannot be trained"):
        LexicalNetwork(model.checkpoint.config, WORDS)


def test_a_models_own_dense_side_is_a_two_tower_model(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    made(tmp_path / "own", tiny_model_folder)
    own, trained = load_model(tmp_path / "own"), load_model(tiny_model_folder)
    np.testing.assert_allclose(
        own.images.encode_dense(noise(2)), trained.images.encode_dense(noise(2)), rtol=1e-3,
        atol=1e-4,
    )  # fmt: skip
    np.testing.assert_allclose(
        own.contextual_text.encode_dense(["dog"]), trained.contextual_text.encode_dense(["dog"]),
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip
    with pytest.raises(InputError, match="name that instead"):
        make_model(tmp_path / "twice", str(tmp_path / "own"), WORDS, vocabulary_name="words")


def test_a_static_text_encoder_can_be_distilled(model: LexicalModel, tmp_path: Path) -> None:
    lines = []
    for number, picture in enumerate(noise(60)):
        picture.save(tmp_path / f"{number}.png")
        first, second = WORDS.words[number % 11], WORDS.words[(number * 7) % 10]
        lines.append(f'{{"image": "{number}.png", "captions": ["a {first} and a {second}"]}}')
    (tmp_path / "captions.jsonl").write_text("\n".join(lines))
    assert model.folder is not None
    recipe = StaticRecipe(num_pieces=100, num_mixtures=300, num_variations=50, epochs=60, batch=32)
    result = distill(
        model.folder, open_captions(str(tmp_path / "captions.jsonl")), tmp_path / "static", recipe
    )
    assert result.agreement > 0.9
    static = load_model(tmp_path / "static")
    assert static.texts is static.static_text


def test_a_made_model_has_no_tensors_to_train(model: LexicalModel) -> None:
    with pytest.raises(InputError, match="made of two towers, which are not trained here"):
        LexicalTensors(model.checkpoint)


@pytest.mark.parametrize("kind", ["transformers", "open_clip"])
def test_towers_that_moved_are_found_in_a_folder_of_backbones(kind: str, tmp_path: Path) -> None:
    if kind == "open_clip":
        pytest.importorskip("open_clip", reason="needs open_clip_torch: lexret[clip]")
    save = {"transformers": save_tiny_clip, "open_clip": save_tiny_open_clip}[kind]
    towers = save(tmp_path / "clip")
    made(tmp_path / "model", towers)
    before = load_model(tmp_path / "model").images.encode(noise(2))
    LexicalModel.from_pretrained(tmp_path / "model").save_pretrained(tmp_path / "shared")
    card = (tmp_path / "shared" / "README.md").read_text(encoding="utf-8")
    assert "base_model" not in card.split("---")[1]
    recorded = read_record(tmp_path / "shared").values["backbones"]
    assert recorded["image"]["source"] == "folder:clip"
    assert str(tmp_path) not in str(recorded)
    (tmp_path / "moved").mkdir()
    towers.rename(tmp_path / "moved" / "clip")
    with pytest.raises(MissingError, match="--backbones DIR"):
        load_model(tmp_path / "shared").images.encode(noise(2))
    found = LexicalModel.from_pretrained(tmp_path / "shared", backbones=tmp_path / "moved")
    after = found.images.encode(noise(2))
    np.testing.assert_array_equal(after.term_ids, before.term_ids)
    np.testing.assert_array_equal(after.weights, before.weights)
    other = save(tmp_path / "others" / "clip", seed=1)
    with pytest.raises(CorruptError, match="have changed"):
        LexicalModel.from_pretrained(tmp_path / "shared", backbones=other.parent).images.encode(
            noise(2)
        )
