"""Two-tower models through lexret, compared with direct calls of their classes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from lexret.encoders.image.pixels import square_pixels
from lexret.encoders.image.standardising import standardised
from lexret.encoders.towers.opening import open_towers
from lexret.encoders.towers.towers import Towers
from lexret.errors import CorruptError, InputError, MissingError, MissingPackageError
from tests.tiny_towers import (
    save_tiny_clip,
    save_tiny_open_clip,
    save_tiny_siglip,
    save_tiny_siglip2,
    without_open_clip,
)

TEXTS = ["a red car", "beach", "two dogs run over the grass and more than fits"]
OF_TRANSFORMERS = {
    "clip": save_tiny_clip, "siglip": save_tiny_siglip, "siglip2": save_tiny_siglip2,
}  # fmt: skip


def pictures(side: int = 32) -> list[Image.Image]:
    random = np.random.default_rng(0)
    return [
        Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8)) for _ in range(3)
    ]


def inputs_of(towers: Towers, items: list[Image.Image]) -> torch.Tensor:
    shape = towers.shape
    pixels = [torch.from_numpy(square_pixels(item, shape.image_size)) for item in items]
    return standardised(torch.stack(pixels), shape.mean, shape.std)


@pytest.mark.parametrize("kind", OF_TRANSFORMERS)
def test_square_pictures_and_texts_get_the_vectors_of_a_direct_call(
    kind: str, tmp_path: Path
) -> None:
    folder = OF_TRANSFORMERS[kind](tmp_path / kind)
    from transformers import AutoModel, AutoProcessor

    towers = open_towers(f"transformers:{folder}")
    model, processor = AutoModel.from_pretrained(folder), AutoProcessor.from_pretrained(folder)
    assert towers.shape.image_size == 32
    assert towers.shape.patches_a_side == 2
    with torch.inference_mode():
        direct = model.get_image_features(
            **processor.image_processor(pictures(), return_tensors="pt")
        )
        mine = towers.encode_pictures(inputs_of(towers, pictures()))
        torch.testing.assert_close(mine, direct.pooler_output, rtol=1e-4, atol=1e-4)
        tokens = processor.tokenizer(
            TEXTS, padding="max_length", max_length=16, truncation=True, return_tensors="pt"
        )
        texts = model.get_text_features(**tokens).pooler_output
        torch.testing.assert_close(towers.encode_texts(TEXTS), texts, rtol=1e-4, atol=1e-4)
    assert towers.shape.dim == texts.shape[1]


def test_the_vectors_of_open_clip_are_those_of_a_direct_call(tmp_path: Path) -> None:
    open_clip = pytest.importorskip("open_clip", reason="needs open_clip_torch: lexret[clip]")
    folder = save_tiny_open_clip(tmp_path / "clip")
    towers = open_towers(str(folder))
    made = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    assert (towers.shape.image_size, towers.shape.patches_a_side, towers.shape.dim) == (32, 2, 8)
    with torch.inference_mode():
        direct = made[0].eval().encode_image(torch.stack([made[2](p) for p in pictures()]))
        mine = towers.encode_pictures(inputs_of(towers, pictures()))
        torch.testing.assert_close(mine, direct, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(
            towers.encode_texts(TEXTS), made[0].encode_text(tokenizer(TEXTS))
        )
        whole, patches = towers.encode_patches(inputs_of(towers, pictures()))
        torch.testing.assert_close(whole, mine)
        visual = made[0].visual
        expected = by_value_path(visual, inputs_of(towers, pictures()))
        torch.testing.assert_close(patches, expected, rtol=1e-4, atol=1e-4)


def by_value_path(visual: Any, inputs: torch.Tensor) -> torch.Tensor:
    """MaskCLIP's formula, written out for a vision transformer of open_clip."""
    tokens = visual._embeds(inputs)
    *others, last = visual.transformer.resblocks
    for block in others:
        tokens = block(tokens)
    width, attention = tokens.shape[-1], last.attn
    value = functional.linear(
        last.ln_1(tokens),
        attention.in_proj_weight[2 * width :],
        attention.in_proj_bias[2 * width :],
    )
    tokens = tokens + attention.out_proj(value)
    tokens = tokens + last.mlp(last.ln_2(tokens))
    return visual.ln_post(tokens)[:, 1:] @ visual.proj


def test_patches_of_clip_take_the_value_path_of_the_last_layer(tmp_path: Path) -> None:
    towers = open_towers(str(save_tiny_clip(tmp_path / "clip")))
    from transformers import CLIPModel

    model = CLIPModel.from_pretrained(tmp_path / "clip")
    inputs = inputs_of(towers, pictures())
    with torch.inference_mode():
        whole, patches = towers.encode_patches(inputs)
        output = model.vision_model(inputs, output_hidden_states=True)
        tokens, layer = output.hidden_states[-2], model.vision_model.encoder.layers[-1]
        value = layer.self_attn.out_proj(layer.self_attn.v_proj(layer.layer_norm1(tokens)))
        tokens = tokens + value
        tokens = tokens + layer.mlp(layer.layer_norm2(tokens))
        expected = model.visual_projection(model.vision_model.post_layernorm(tokens[:, 1:]))
        torch.testing.assert_close(patches, expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(whole, towers.encode_pictures(inputs))


@pytest.mark.parametrize("save", [save_tiny_siglip, save_tiny_siglip2])
def test_a_patch_of_siglip_depends_on_the_pooling_over_itself_alone(
    save: Callable[[Path], Path], tmp_path: Path
) -> None:
    towers: Any = open_towers(str(save(tmp_path / "siglip")))
    inputs = inputs_of(towers, pictures())
    vision = towers.net.vision_model
    with torch.inference_mode():
        _, patches = towers.encode_patches(inputs)
        output = vision(**towers._inputs(inputs), output_hidden_states=True)
        tokens, layer = output.hidden_states[-2], vision.encoder.layers[-1]
        value = layer.self_attn.out_proj(layer.self_attn.v_proj(layer.layer_norm1(tokens)))
        tokens = tokens + value
        tokens = vision.post_layernorm(tokens + layer.mlp(layer.layer_norm2(tokens)))
        for place in range(4):
            torch.testing.assert_close(
                patches[:, place], vision.head(tokens[:, place : place + 1]), rtol=1e-4, atol=1e-4
            )


def test_weights_that_changed_are_an_error_that_names_both(tmp_path: Path) -> None:
    folder = save_tiny_clip(tmp_path / "clip")
    digest = open_towers(str(folder)).fingerprint()
    assert open_towers(str(folder), fingerprint=digest).fingerprint() == digest
    save_tiny_clip(tmp_path / "other", seed=1)
    with pytest.raises(CorruptError, match=f"have changed.*{digest[:12]}"):
        open_towers(str(tmp_path / "other"), fingerprint=digest)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("clip", InputError, "expected open_clip:ARCHITECTURE/PRETRAINED"),
        ("onnx:clip", InputError, "expected open_clip:ARCHITECTURE/PRETRAINED"),
        ("transformers:", InputError, "without a name"),
        ("open_clip:ViT-B-32", InputError, "weights, which would be random"),
        ("./none/at-all", MissingError, "There is no folder"),
        ("transformers:./none", MissingError, r"nothing at \./none.*--backbones DIR"),
        ("open_clip:local-dir:/none/clip", MissingError, "nothing at /none/clip"),
    ],
)
def test_what_is_no_source_is_refused(source: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_towers(source)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("config.json", '{"model_type": "clip"}', r"do not fit its config\.json: .*, expected "),
        ("processor_config.json", "[]", "cannot make a model of the files"),
        ("tokenizer.json", "{}", "cannot make a model of the files.*KeyError"),
        ("tokenizer_config.json", "[]", "cannot make a model of the files"),
    ],
)
def test_damaged_files_of_transformers_are_said(
    file: str, text: str, message: str, tmp_path: Path
) -> None:
    folder = save_tiny_clip(tmp_path / "clip")
    (folder / file).write_text(text)
    with pytest.raises(CorruptError, match=message):
        open_towers(str(folder))


def test_weights_of_another_shape_are_said_by_name(tmp_path: Path) -> None:
    folder, other = save_tiny_clip(tmp_path / "clip"), save_tiny_siglip(tmp_path / "siglip")
    shutil.copy(other / "model.safetensors", folder)
    with pytest.raises(CorruptError, match=r"logit_scale is \(1,\), expected \(\)"):
        open_towers(str(folder))


def test_damaged_files_of_open_clip_are_said(tmp_path: Path) -> None:
    pytest.importorskip("open_clip", reason="needs open_clip_torch: lexret[clip]")
    folder = save_tiny_open_clip(tmp_path / "clip")
    weights, config = folder / "open_clip_model.safetensors", folder / "open_clip_config.json"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    with pytest.raises(CorruptError, match=r"cannot make a model of the files.*header"):
        open_towers(str(folder))
    weights.write_bytes(whole)
    values = json.loads(config.read_text())
    values["model_cfg"]["vision_cfg"]["patch_size"] = 0
    config.write_text(json.dumps(values))
    with pytest.raises(CorruptError, match=r"cannot make a model of the files.*zero"):
        open_towers(str(folder))


def test_a_folder_without_a_text_tower_is_refused(tmp_path: Path) -> None:
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
                       intermediate_size=8, image_size=32)  # fmt: skip
    ViTModel(config).save_pretrained(tmp_path / "vit")
    with pytest.raises(InputError, match="does not have both a picture and a text tower"):
        open_towers(str(tmp_path / "vit"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"neither config\.json"):
        open_towers(str(tmp_path / "empty"))


def test_a_missing_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    without_open_clip(monkeypatch)
    with pytest.raises(MissingPackageError, match=r"pip install 'lexret\[clip\]'"):
        open_towers("open_clip:ViT-B-32/laion2b_s34b_b79k")
