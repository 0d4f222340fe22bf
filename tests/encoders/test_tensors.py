"""The network of tensors gives what the encoders give, with gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lexret.encoders import load_model
from lexret.encoders.lexical_model import LexicalModel
from lexret.encoders.model.tensors import LexicalTensors
from lexret.errors import InputError
from lexret.training.losses import contrastive, sparsity_penalty

TEXTS = ["a dog on a beach", "two red cars"]


@pytest.fixture(scope="module")
def model(tiny_model_folder: Path) -> LexicalModel:
    return load_model(tiny_model_folder)


@pytest.fixture
def network(model: LexicalModel) -> LexicalTensors:
    return LexicalTensors(model.checkpoint)


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    noise = np.random.default_rng(1).integers(0, 256, (2, 50, 70, 3), np.uint8)
    return [Image.fromarray(array) for array in noise]


def test_vectors_are_those_of_the_encoders(
    network: LexicalTensors, model: LexicalModel, pictures: list[Image.Image]
) -> None:
    network.eval()
    found = network(network.pixels(pictures)).detach().numpy()
    expected = model.torch_images.encode(pictures).to_scipy().toarray()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert (found > 0).sum(1).tolist() == (expected > 0).sum(1).tolist()
    texts = network.texts(TEXTS).detach().numpy()
    expected = model.contextual_text.encode(TEXTS).to_scipy().toarray()
    np.testing.assert_allclose(texts, expected, atol=1e-6)


def test_patches_have_the_pictures_words_at_their_maximum(
    network: LexicalTensors, model: LexicalModel, pictures: list[Image.Image]
) -> None:
    network.eval()
    patches_BPV = network.patch_weights(network.pixels(pictures)).detach()
    assert patches_BPV.shape == (2, len(network.grid), 60)
    encodings = model.torch_images.encode_patches(pictures)
    for weights_PV, encoding in zip(patches_BPV, encodings, strict=True):
        winners = weights_PV.argmax(0).numpy()[encoding.image.term_ids]
        assert winners.tolist() == encoding.winning_patches.tolist()
        whole = weights_PV.amax(0).numpy()[encoding.image.term_ids]
        np.testing.assert_allclose(whole / np.linalg.norm(whole), encoding.image.weights, atol=1e-5)


def test_a_step_with_the_documented_losses_changes_what_is_trained_alone(
    network: LexicalTensors, pictures: list[Image.Image]
) -> None:
    network.train()
    before = {name: tensor.clone() for name, tensor in network.named_parameters()}
    trained = [tensor for tensor in network.parameters() if tensor.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.5)
    images_BV, texts_BV = network(network.pixels(pictures)), network.texts(TEXTS)
    loss = contrastive(images_BV, texts_BV, torch.tensor(0.05), owners_B=torch.arange(2))
    loss = loss + 0.01 * sparsity_penalty(images_BV, "flops")
    loss.backward()
    optimizer.step()
    changed = {n for n, tensor in network.named_parameters() if not torch.equal(tensor, before[n])}
    assert "image.codebook_VD" in changed
    assert any(".lora_B" in name for name in changed)
    assert not any(name.startswith("backbone.") for name in changed)
    frozen = {n for n in before if n.startswith("text.transformer.") and ".lora_" not in n}
    assert frozen
    assert not changed & frozen


def test_pixels_may_have_gradients(network: LexicalTensors, pictures: list[Image.Image]) -> None:
    pixels = network.pixels(pictures).float().requires_grad_()
    network.eval()(pixels).amax(1).sum().backward()
    assert pixels.grad is not None
    assert float(pixels.grad.abs().max()) > 0


def test_wrong_input_is_said(model: LexicalModel, pictures: list[Image.Image]) -> None:
    network = LexicalTensors(model.checkpoint, with_text=False)
    with pytest.raises(InputError, match=r"expected \(B, 3, 96, 96\)"):
        network(torch.zeros(3, 96, 96))
    with pytest.raises(InputError, match="with_text=True"):
        network.texts(TEXTS)
    with pytest.raises(InputError, match="one picture alone"):
        network.pixels(pictures[0])  # type: ignore[arg-type]
