"""A tiny random text-to-image pipeline draws soft tokens."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'lexret[train]'")

from lexret.encoders.torchvision_ops import declare_missing_operators  # noqa: E402
from lexret.errors import InputError, MissingError, MissingPackageError  # noqa: E402
from lexret.rebuild.generator import PictureGenerator  # noqa: E402

needs_diffusers = pytest.mark.skipif(
    importlib.util.find_spec("diffusers") is None,
    reason="needs diffusers: pip install 'lexret[generate]'",
)
DIM, LENGTH = 16, 12
WORDS = ["a", "dog", "at", "night"]


def save_clip_tokenizer(folder: Path) -> int:
    """Write a tokenizer of CLIP's kind that knows letters and a few words."""
    from transformers import CLIPTokenizer

    letters = [chr(number) for number in range(ord("a"), ord("z") + 1)]
    pieces = ["!", *letters, *(f"{letter}</w>" for letter in letters)]
    merges = []
    for word in WORDS:
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:
            merges.append((parts[0], parts[1]))
            parts = [parts[0] + parts[1], *parts[2:]]
            pieces.append(parts[0])
    pieces = list(dict.fromkeys([*pieces, "<|startoftext|>", "<|endoftext|>"]))
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = CLIPTokenizer(
        vocab=vocabulary, merges=list(dict.fromkeys(merges)), model_max_length=LENGTH
    )
    tokenizer.save_pretrained(folder)
    return len(pieces)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline of random weights, 16 x 16 pixels, as diffusers saves it."""
    pytest.importorskip("diffusers", reason="needs diffusers: pip install 'lexret[generate]'")
    declare_missing_operators()
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline
    from diffusers import UNet2DConditionModel as UNet
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("pipeline")
    size = save_clip_tokenizer(folder / "tokens")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        text = CLIPTextModel(
            CLIPTextConfig(vocab_size=size, hidden_size=DIM, intermediate_size=32,
                           num_hidden_layers=2, num_attention_heads=2, bos_token_id=size - 2,
                           max_position_embeddings=LENGTH, eos_token_id=size - 1,
                           initializer_range=0.5)
        )  # fmt: skip
        unet = UNet(sample_size=8, in_channels=4, out_channels=4, block_out_channels=(8, 16),
                    layers_per_block=1, cross_attention_dim=DIM, norm_num_groups=4,
                    attention_head_dim=4,
                    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                    up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"))  # fmt: skip
        vae = AutoencoderKL(block_out_channels=(8, 8), latent_channels=4, norm_num_groups=4,
                            down_block_types=("DownEncoderBlock2D",) * 2,
                            up_block_types=("UpDecoderBlock2D",) * 2)  # fmt: skip
    StableDiffusionPipeline(
        vae=vae, text_encoder=text, tokenizer=CLIPTokenizer.from_pretrained(folder / "tokens"),
        unet=unet, scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def generator(folder: Path) -> PictureGenerator:
    return PictureGenerator(folder, device="cpu")


def soft(num: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(num, DIM)).astype(np.float32)


def pixels(pictures: list[Any]) -> np.ndarray:
    return np.stack([np.asarray(picture) for picture in pictures])


def test_pictures_are_made_of_soft_tokens_and_depend_on_them(generator: PictureGenerator) -> None:
    assert (generator.dim, generator.max_tokens) == (DIM, LENGTH - 2)
    made = generator.generate(soft(4), num_steps=3, num_pictures=2)
    assert len(made) == 2 and made[0].size == (16, 16) and made[0].mode == "RGB"
    again = generator.generate(soft(4), num_steps=3, num_pictures=2)
    assert (pixels(made) == pixels(again)).all()
    for other in (
        generator.generate(soft(4, seed=1), num_steps=3, num_pictures=2),
        generator.generate(soft(4)[:1], num_steps=3, num_pictures=2),
        generator.generate(soft(4), num_steps=3, num_pictures=2, seed=1),
        generator.generate(soft(4), text="a dog at night", num_steps=3, num_pictures=2),
    ):
        assert (pixels(made) != pixels(other)).any()
    wide = generator.generate(soft(1), num_steps=1, size=(32, 16))
    assert wide[0].size == (32, 16)


def test_soft_tokens_that_are_words_embeddings_say_what_the_words_say(
    generator: PictureGenerator,
) -> None:
    tokenizer, encoder = generator._tokenizer, generator._encoder
    ids = tokenizer("a dog at night", add_special_tokens=False)["input_ids"]
    assert len(ids) == 4
    rows = encoder.get_input_embeddings().weight[torch.tensor(ids)]
    expected, _ = generator._pipeline.encode_prompt(
        "a dog at night", "cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
    )
    assert torch.allclose(generator.states(rows), expected, atol=1e-6)
    assert torch.allclose(generator.states(rows[:2], "at night"), expected, atol=1e-6)
    empty, _ = generator._pipeline.encode_prompt(
        "", "cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
    )
    assert torch.allclose(generator.states(rows[:0]), empty, atol=1e-6)


def test_a_text_is_guided_away_from_the_soft_tokens_alone(
    generator: PictureGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    class Made:
        images: tuple[object, ...] = ()

    def pipeline(**options: Any) -> Made:
        given.update(options)
        return Made()

    monkeypatch.setattr(generator, "_pipeline", pipeline)
    tokens = torch.from_numpy(soft(3))
    generator.generate(soft(3), text="at night", guidance=4.0)
    assert given["guidance_scale"] == 4.0
    assert torch.equal(given["prompt_embeds"], generator.states(tokens, "at night"))
    assert torch.equal(given["negative_prompt_embeds"], generator.states(tokens))
    generator.generate(soft(3))
    assert torch.equal(given["prompt_embeds"], generator.states(tokens))
    assert torch.equal(given["negative_prompt_embeds"], generator.states(tokens[:0]))


def test_gradients_flow_to_the_soft_tokens_and_to_nothing_else(generator: PictureGenerator) -> None:
    tokens = torch.from_numpy(soft(3)).requires_grad_()
    generator.states(tokens, "a dog").square().sum().backward()
    assert tokens.grad is not None and bool((tokens.grad.abs().sum(1) > 0).all())
    assert all(one.grad is None for one in generator._encoder.parameters())
    assert not generator._embeddings._forward_hooks


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"soft_nD": np.zeros((2, 7), np.float32)}, r"shape \(n, 16\); found \(2, 7\)"),
        ({"soft_nD": np.zeros(16, np.float32)}, r"found \(16,\)"),
        ({"soft_nD": np.full((1, 16), np.nan, np.float32)}, "not finite"),
        ({"soft_nD": soft(11)}, "reads 10 tokens; found 11 soft tokens"),
        ({"soft_nD": soft(8), "text": "a dog at"}, "8 soft tokens and a text of 3"),
        ({"soft_nD": soft(1), "guidance": 0.5}, "are 1 or more each; found 0.5"),
        ({"soft_nD": soft(1), "size": (13, 16)}, "makes no such picture"),
    ],
)
def test_what_does_not_fit_is_refused(
    generator: PictureGenerator, given: dict[str, Any], match: str
) -> None:
    with pytest.raises(InputError, match=match):
        generator.generate(**given, **({} if "num_steps" in given else {"num_steps": 1}))


@needs_diffusers
def test_what_is_no_pipeline_for_soft_tokens_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"no text-to-image pipeline in .*model_index\.json"):
        PictureGenerator(tmp_path / "nowhere")
    (tmp_path / "model_index.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="diffusers cannot load a pipeline"):
        PictureGenerator(tmp_path)
    pickled = tmp_path / "pickled"
    shutil.copytree(folder, pickled)
    weights = pickled / "unet/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(InputError, match="diffusers cannot load a pipeline"):
        PictureGenerator(pickled)


@needs_diffusers
def test_a_pipeline_without_text_is_refused(tmp_path: Path) -> None:
    declare_missing_operators()
    from diffusers import DDIMScheduler, DDPMPipeline, UNet2DModel

    kinds: Any = {"down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",)}
    unet = UNet2DModel(sample_size=8, block_out_channels=(8,), norm_num_groups=4, **kinds)
    DDPMPipeline(unet, DDIMScheduler()).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "model_index.json").read_text())["_class_name"] == "DDPMPipeline"
    with pytest.raises(InputError, match="DDPMPipeline with the text encoders none"):
        PictureGenerator(tmp_path)


def test_without_diffusers_the_install_command_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'lexret\[generate\]'"):
        PictureGenerator(tmp_path)
