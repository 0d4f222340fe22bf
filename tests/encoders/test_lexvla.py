"""The preset lexvla: its full size on the meta device, and all of it with tiny random weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lexret.config import ModelConfig, merged
from lexret.encoders.folder.checkpoint import load_checkpoint, save_checkpoint
from lexret.encoders.image.image_side import ImageSide
from lexret.encoders.lexical_model import LexicalModel, load_model
from lexret.encoders.network import LexicalNetwork
from lexret.encoders.pretrained import LLAMA2_TOKENIZER, verified_path
from lexret.encoders.text.codebook import build_codebook
from lexret.encoders.text.token_matrix import prediction_rows
from lexret.encoders.text.transformer import TextTransformer, with_lora
from lexret.encoders.torchvision_ops import declare_missing_operators
from lexret.errors import InputError
from lexret.presets import preset_values
from lexret.vocabulary import Vocabulary

NUM_WORDS = 17_149
CODEBOOK_DIM = 4096
VIT = {"img_size": 56, "embed_dim": 24, "depth": 2, "num_heads": 2}
TINY: dict[str, Any] = {
    "codebook": {"dim": 32},
    "image": {
        "weights": "backbone.safetensors",
        "backbone_args": VIT,
        "image_size": 56,
        "feature_dim": 24,
        "num_heads": 2,
        "mlp_width": 48,
    },
    "text": {"backbone": "text", "lora_rank": 2},
}
TEXTS = ["dog", "two dogs run on the beach", "a small red car in a big old city at night"]


def full_size() -> ModelConfig:
    return ModelConfig.model_validate(preset_values("lexvla")["model"])


def num_trained(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def test_the_adapter_has_the_17_3_million_parameters_of_the_paper() -> None:
    with torch.device("meta"):
        side = ImageSide(full_size().image, torch.empty(NUM_WORDS, CODEBOOK_DIM))
    assert num_trained(side.adapter) == 17_301_504


def test_the_visual_codebook_has_the_70_million_parameters_of_the_paper() -> None:
    vocabulary, config = Vocabulary.shipped(full_size().vocabulary), full_size()
    with torch.device("meta"):
        codebook_VD = torch.empty(len(vocabulary), config.codebook.dim)
        side = ImageSide(config.image, codebook_VD)
    assert side.codebook_VD.shape == (NUM_WORDS, CODEBOOK_DIM)
    assert side.codebook_VD.numel() == 70_242_304
    assert num_trained(side) == 17_301_504 + 70_242_304


def test_lora_on_llama_2_has_the_21_million_parameters_of_the_paper() -> None:
    declare_missing_operators()
    from transformers import LlamaConfig, LlamaModel

    with torch.device("meta"):
        net = LlamaModel(LlamaConfig())
        assert 6.6e9 < sum(p.numel() for p in net.parameters()) < 6.7e9
        net.requires_grad_(False)
        lora = with_lora(net, full_size().text)
    # rank 20 x (4096 in + 4096 out) x 4 matrices x 32 layers
    assert num_trained(lora) == 20 * 8192 * 4 * 32 == 20_971_520


def save_tiny_llama(folder: Path, padding_side: str = "right") -> None:
    """Write a Llama of 2 layers and 32 dimensions with the real Llama 2 tokenizer."""
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(verified_path(LLAMA2_TOKENIZER)),
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        padding_side=padding_side,
    )
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2
    )
    torch.manual_seed(0)
    # With its head, as Llama 2 is published: two matrices of a row a token.
    LlamaForCausalLM(config).save_pretrained(folder)


def save_tiny_dinov2(path: Path) -> None:
    import timm
    from safetensors.torch import save_file

    net = timm.create_model(full_size().image.backbone, pretrained=False, num_classes=0, **VIT)
    for parameter in net.parameters():  # fresh layer scales would leave every picture alike
        torch.nn.init.normal_(parameter, std=0.3)
    save_file(net.state_dict(), path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The preset with tiny backbones of the same classes, saved to disk and trained by noise."""
    declare_missing_operators()
    sources = tmp_path_factory.mktemp("sources")
    folder = tmp_path_factory.mktemp("model") / "lexvla"
    config = ModelConfig.model_validate(merged(preset_values("lexvla")["model"], TINY))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_tiny_llama(sources / "text")
        text = config.text.model_copy(update={"backbone": str(sources / "text")})
        network = LexicalNetwork(
            config.model_copy(update={"text": text}), Vocabulary.shipped(config.vocabulary)
        )
        for name, parameter in network.named_parameters():
            if ".lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.1)
        network.image.adapter.down.weight.data *= 20
        save_checkpoint(folder, config, network.vocabulary, network.trained_state())
        (sources / "text").rename(folder / "text")
        save_tiny_dinov2(folder / "backbone.safetensors")
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> LexicalModel:
    return load_model(folder)


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    return [Image.new("RGB", (64, 48), "red"), Image.fromarray(noise)]


def test_pictures_have_different_words_above_the_threshold(
    model: LexicalModel, pictures: list[Image.Image]
) -> None:
    batch = model.images.encode(pictures)
    threshold = NUM_WORDS**-0.5
    assert model.checkpoint.config.threshold == pytest.approx(threshold)
    assert batch.weights.min() > threshold
    for vector in batch:
        # elu(x) + 1 is never zero: only the threshold makes these vectors sparse.
        assert 0 < len(vector) < NUM_WORDS
        assert 0.5 < float(np.linalg.norm(vector.weights)) <= 1 + 1e-5
    assert batch.row(0).words(20) != batch.row(1).words(20)


def test_a_picture_has_the_largest_weights_of_its_patches(
    model: LexicalModel, pictures: list[Image.Image]
) -> None:
    (encoding,) = model.images.encode_patches(pictures[1:])
    assert (encoding.grid.num_rows, encoding.grid.num_cols) == (4, 4)
    dense_PV = encoding.patches.to_scipy().toarray()
    term_ids = encoding.image.term_ids
    np.testing.assert_allclose(dense_PV.max(0)[term_ids], encoding.image.weights, rtol=1e-6)
    np.testing.assert_array_equal(dense_PV.argmax(0)[term_ids], encoding.winning_patches)


def test_texts_are_cut_by_the_threshold_as_pictures_are(model: LexicalModel) -> None:
    queries = model.contextual_text.encode_queries(TEXTS)
    for vector in (*model.contextual_text.encode(TEXTS), *queries):
        assert vector.weights.min() > NUM_WORDS**-0.5 * 0.999
        assert 0 < len(vector) < NUM_WORDS / 2
    document = model.contextual_text.encode(TEXTS[:1]).row(0)
    assert document.weights.min() > NUM_WORDS**-0.5


def test_own_words_are_kept_below_the_threshold_only_where_the_model_has_a_floor(
    model: LexicalModel,
) -> None:
    checkpoint = model.checkpoint
    assert checkpoint.config.text.own_word_weight is None
    assert checkpoint.config.text.own_word_floor is None
    assert model.contextual_text.side.own_weight_V.abs().max() == 0
    assert not LexicalNetwork(
        checkpoint.config, checkpoint.vocabulary
    ).text.own_weight_V.requires_grad
    tokens = checkpoint.vocabulary.match(TEXTS[1])[0]
    without = model.contextual_text.encode(TEXTS[1:2]).row(0)
    assert not set(tokens) <= set(without.term_ids.tolist())
    text = checkpoint.config.text.model_copy(
        update={"own_word_floor": 0.01, "own_word_weight": 1.0}
    )
    config = checkpoint.config.model_copy(update={"text": text})
    held = (
        LexicalModel(replace(checkpoint, config=config)).contextual_text.encode(TEXTS[1:2]).row(0)
    )
    assert set(tokens) <= set(held.term_ids.tolist())


def test_an_untrained_model_says_nothing_of_a_text(folder: Path) -> None:
    checkpoint = load_checkpoint(folder)
    tensors = dict(checkpoint.tensors)
    for part in ("weight", "bias"):
        tensors[f"text.mapper.{part}"] = torch.zeros_like(tensors[f"text.mapper.{part}"])
    silent = LexicalModel(replace(checkpoint, tensors=tensors))
    # Every logit is 0, every activation 1: each word lies exactly at the threshold.
    assert len(silent.contextual_text.encode(TEXTS).term_ids) == 0


def test_patches_hold_no_word_below_the_threshold_of_their_own_length(
    model: LexicalModel, pictures: list[Image.Image]
) -> None:
    (encoding,) = model.images.encode_patches(pictures[1:])
    for vector in encoding.patches:
        length = np.linalg.norm(vector.weights)
        assert len(vector) < NUM_WORDS / 2
        assert vector.weights.min() > length * NUM_WORDS**-0.5
    cut = encoding.patches.to_scipy()
    assert set(encoding.image.term_ids) <= set(cut.indices)


@pytest.mark.parametrize("padding_side", ["left", "right"])
def test_a_text_has_one_vector_alone_and_beside_longer_ones(
    folder: Path, tmp_path: Path, padding_side: str
) -> None:
    save_tiny_llama(tmp_path / "text", padding_side)
    config = load_checkpoint(folder).config.text
    transformer = TextTransformer(
        config.model_copy(update={"backbone": str(tmp_path / "text")})
    ).eval()
    with torch.inference_mode():
        together_BH = transformer(TEXTS)
        alone_BH = torch.cat([transformer([text]) for text in TEXTS])
    torch.testing.assert_close(together_BH, alone_BH, rtol=1e-4, atol=1e-5)


def test_the_prompts_last_token_is_pooled(model: LexicalModel) -> None:
    transformer: Any = model.contextual_text._side.transformer
    prompt = 'This sentence: "two dogs" means in one word:'
    tokens = transformer._tokenizer([prompt], return_tensors="pt")
    assert tokens["input_ids"][0, 0] == 1  # <s>
    with torch.inference_mode():
        hidden_1TH = transformer.net(**tokens).last_hidden_state
        torch.testing.assert_close(transformer(["two dogs"]), hidden_1TH[:, -1])


def test_a_long_text_loses_its_end_and_the_prompt_stays_whole(model: LexicalModel) -> None:
    transformer: Any = model.contextual_text._side.transformer
    max_tokens = model.checkpoint.config.text.max_tokens
    for text in ("dog " * 500, "d\u00f6g\u00e4" * 300, "\U0001f415" * 100):
        (prompt,) = transformer._prompts([text])
        num_tokens = len(transformer._tokenizer(prompt)["input_ids"])
        assert max_tokens - 6 <= num_tokens <= max_tokens
        assert prompt.startswith('This sentence: "' + text[:5])
        assert prompt.endswith('" means in one word:')


def test_lora_changes_the_texts_and_survives_the_checkpoint(folder: Path) -> None:
    checkpoint = load_checkpoint(folder)
    adapters = [name for name in checkpoint.tensors if ".lora_" in name]
    assert len(adapters) == 2 * 4 * 2  # A and B, of q, k, v, o, in 2 layers
    frozen = [n for n in checkpoint.tensors if n.startswith("text.transformer.")]
    assert sorted(frozen) == sorted(adapters)
    silent = {
        name: torch.zeros_like(t) if ".lora_B" in name else t
        for name, t in checkpoint.tensors.items()
    }
    other = LexicalModel(
        type(checkpoint)(checkpoint.config, checkpoint.vocabulary, silent, checkpoint.sha256)
    )
    with_adapters = LexicalModel(checkpoint).contextual_text.encode(TEXTS).to_scipy().toarray()
    without = other.contextual_text.encode(TEXTS).to_scipy().toarray()
    assert np.abs(with_adapters - without).max() > 1e-3


@pytest.mark.parametrize(
    ("matrix", "name"),
    [("lm_head", "lm_head.weight"), ("input_embeddings", "model.embed_tokens.weight")],
)
def test_the_codebook_starts_from_the_rows_of_a_words_own_token(
    folder: Path, matrix: str, name: str
) -> None:
    from safetensors.torch import load_file

    checkpoint = load_checkpoint(folder)
    vocabulary = Vocabulary.shipped("llama2-17k")
    assert vocabulary == checkpoint.vocabulary
    config = checkpoint.config.codebook.model_copy(update={"matrix": matrix})
    if matrix == full_size().codebook.matrix:  # the preset's own
        vectors_VD = checkpoint.tensors["text.codebook_VD"]
    else:
        transformer = TextTransformer(checkpoint.config.text)
        vectors_VD = build_codebook(config, vocabulary, transformer)
    table_TH = load_file(folder / "text" / "model.safetensors")[name]
    for word in ("dog", "toy", "ing", "\u0440\u0430"):
        row = vocabulary.words.index(word)
        expected = torch.nn.functional.normalize(table_TH[vocabulary.token_ids[row]], dim=0)
        # Checkpoints are stored in float16.
        torch.testing.assert_close(vectors_VD[row], expected, rtol=1e-2, atol=1e-3)


def test_the_first_logits_are_the_language_models_own_predictions(folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    checkpoint = load_checkpoint(folder)
    vocabulary = Vocabulary.shipped("llama2-17k")
    network = LexicalNetwork(
        checkpoint.config.model_copy(
            update={"text": checkpoint.config.text.model_copy(update={"lora_rank": 0})}
        ),
        vocabulary,
    ).eval()
    language_model = AutoModelForCausalLM.from_pretrained(folder / "text").eval()
    prompts = [checkpoint.config.text.prompt.replace("{text}", text) for text in TEXTS]
    rows_TH = language_model.lm_head.weight[list(vocabulary.token_ids)]
    with torch.inference_mode():
        found_BV = network.text.word_logits(
            network.text.vectors(TEXTS, network.own_words(TEXTS)), network.own_words(TEXTS)
        )[0]
        for row, prompt in enumerate(prompts):
            tokens = network.text.transformer._tokenizer([prompt], return_tensors="pt")
            next_T = language_model(**tokens).logits[0, -1]
            # Codebook vectors have length 1.
            expected_V = next_T[list(vocabulary.token_ids)] / rows_TH.norm(dim=1)
            torch.testing.assert_close(found_BV[row], expected_V, rtol=1e-3, atol=1e-4)


def test_a_model_without_a_head_says_that_it_has_none(folder: Path, tmp_path: Path) -> None:
    from transformers import AutoModel

    transformer = TextTransformer(load_checkpoint(folder).config.text)
    AutoModel.from_pretrained(folder / "text").save_pretrained(tmp_path / "text")
    with pytest.raises(InputError, match="no matrix that predicts tokens"):
        prediction_rows(transformer.net, str(tmp_path / "text"))


def test_a_tied_model_predicts_with_its_input_embeddings(folder: Path, tmp_path: Path) -> None:
    from transformers import AutoModel

    net = AutoModel.from_pretrained(folder / "text")
    net.config.tie_word_embeddings = True
    net.save_pretrained(tmp_path / "text")
    found_TH = prediction_rows(net, str(tmp_path / "text"))
    assert torch.equal(found_TH, net.get_input_embeddings().weight)


def test_a_head_is_found_in_a_model_of_several_files(folder: Path, tmp_path: Path) -> None:
    from transformers import AutoModel, AutoModelForCausalLM

    whole = AutoModelForCausalLM.from_pretrained(folder / "text")
    whole.save_pretrained(tmp_path / "text", max_shard_size="2MB")
    assert len(list((tmp_path / "text").glob("*.safetensors"))) > 1
    found_TH = prediction_rows(AutoModel.from_pretrained(tmp_path / "text"), str(tmp_path / "text"))
    assert torch.equal(found_TH, whole.lm_head.weight.detach())
