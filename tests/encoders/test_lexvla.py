"""The preset lexvla: its full size on the meta device, and all of it with tiny random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lexret.config import ModelConfig, merged
from lexret.encoders.folder.checkpoint import load_checkpoint, save_checkpoint
from lexret.encoders.lexical_model import LexicalModel, load_model
from lexret.encoders.network import ImageSide, LexicalNetwork
from lexret.encoders.pretrained import LLAMA2_TOKENIZER, verified_path
from lexret.encoders.text.transformer import TextTransformer, with_lora
from lexret.encoders.torchvision_ops import declare_missing_operators
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
    from transformers import LlamaConfig, LlamaModel, PreTrainedTokenizerFast

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
    LlamaModel(config).save_pretrained(folder)


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
    assert batch.weights.min() >= np.float32(threshold)
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


def test_texts_hold_their_own_words(model: LexicalModel) -> None:
    batch = model.texts.encode(TEXTS)
    assert batch.row(0).weight_of("dog") > 0
    for word in ("two", "dogs", "run", "beach"):
        assert batch.row(1).weight_of(word) > 0
    np.testing.assert_allclose([np.linalg.norm(vector.weights) for vector in batch], 1.0, rtol=1e-5)


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
    transformer: Any = model.texts._side.transformer
    prompt = 'This sentence: "two dogs" means in one word: "'
    tokens = transformer._tokenizer([prompt], return_tensors="pt")
    assert tokens["input_ids"][0, 0] == 1  # <s>
    with torch.inference_mode():
        hidden_1TH = transformer.net(**tokens).last_hidden_state
        torch.testing.assert_close(transformer(["two dogs"]), hidden_1TH[:, -1])


def test_a_long_text_loses_its_end_and_the_prompt_stays_whole(model: LexicalModel) -> None:
    transformer: Any = model.texts._side.transformer
    max_tokens = model.checkpoint.config.text.max_tokens
    for text in ("dog " * 500, "d\u00f6g\u00e4" * 300, "\U0001f415" * 100):
        (prompt,) = transformer._prompts([text])
        num_tokens = len(transformer._tokenizer(prompt)["input_ids"])
        assert max_tokens - 6 <= num_tokens <= max_tokens
        assert prompt.startswith('This sentence: "' + text[:5])
        assert prompt.endswith('" means in one word: "')


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
    with_adapters = LexicalModel(checkpoint).texts.encode(TEXTS).to_scipy().toarray()
    without = other.texts.encode(TEXTS).to_scipy().toarray()
    assert np.abs(with_adapters - without).max() > 1e-3


def test_the_codebook_starts_from_the_text_models_own_embeddings(folder: Path) -> None:
    checkpoint = load_checkpoint(folder)
    from safetensors.torch import load_file

    table = load_file(folder / "text" / "model.safetensors")["embed_tokens.weight"]
    tokens = {"dog": "\u2581dog", "beach": "\u2581beach"}
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(verified_path(LLAMA2_TOKENIZER)))
    for word, token in tokens.items():
        row = checkpoint.vocabulary.term_id(word)
        expected = torch.nn.functional.normalize(table[tokenizer.token_to_id(token)], dim=0)
        found = checkpoint.tensors["text.codebook_VD"][row]
        torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-3)  # stored in float16
