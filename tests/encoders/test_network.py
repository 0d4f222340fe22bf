"""The trainable network: own words, what is trained, what a checkpoint holds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lexret.config import ModelConfig
from lexret.encoders.folder.checkpoint import load_checkpoint
from lexret.encoders.network import LexicalNetwork
from lexret.encoders.text.text_side import own_words
from lexret.errors import InputError
from lexret.vocabulary import Vocabulary


def config(folder: Path, **text: object) -> ModelConfig:
    stored = load_checkpoint(folder).config
    return stored.model_copy(update={"text": stored.text.model_copy(update=text)})


def activations(network: LexicalNetwork, texts: list[str]) -> torch.Tensor:
    """(B, V) of texts, with the gradients that a test may ask for."""
    result: torch.Tensor = network.text(texts, network.own_words(texts))
    return result


@pytest.fixture(scope="module")
def network(tiny_model_folder: Path) -> LexicalNetwork:
    checkpoint = load_checkpoint(tiny_model_folder)
    return LexicalNetwork(checkpoint.config, checkpoint.vocabulary).eval()


def test_own_words_marks_words_and_phrases_once() -> None:
    vocabulary = Vocabulary(["dog", "light", "traffic light", "red"])
    own_BV = own_words(["A red, RED dog's", "the traffic light", "nothing", ""], vocabulary)
    assert own_BV.tolist() == [[1, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_texts_and_features_become_activations_of_every_word(network: LexicalNetwork) -> None:
    with torch.inference_mode():
        texts_BV = activations(network, ["a dog", "two cars"])
        images_BV = network.encode_features(torch.randn(3, 9, 256))
    assert texts_BV.shape == (2, 60)
    assert images_BV.shape == (3, 60)
    assert float(texts_BV.min()) >= 0 and float(images_BV.min()) >= 0


def test_an_own_word_weighs_more_the_larger_its_learnt_weight(network: LexicalNetwork) -> None:
    dog = network.vocabulary.words.index("dog")
    with torch.no_grad():
        before = activations(network, ["a dog", "a cat"])[:, dog]
        network.text.own_weight_V[dog] += 2
        after = activations(network, ["a dog", "a cat"])[:, dog]
        network.text.own_weight_V[dog] -= 2
    assert after[0] > before[0] + 0.5
    assert after[1] == before[1]


def test_an_own_words_activation_never_falls_below_the_floor(network: LexicalNetwork) -> None:
    with torch.no_grad():
        network.text.own_weight_V -= 100
        weights_BV = activations(network, ["a red dog"])
        network.text.own_weight_V += 100
    floor = network.config.text.own_word_floor
    for word in ("red", "dog"):
        assert weights_BV[0, network.vocabulary.words.index(word)] == pytest.approx(floor)


def test_logits_of_patches_have_the_pictures_logits_as_maximum(network: LexicalNetwork) -> None:
    features_BPF = torch.randn(3, 9, 256)
    patches_BPV = network.image.patch_weights(features_BPF, "relu")
    assert patches_BPV.shape == (3, 9, 60)
    torch.testing.assert_close(patches_BPV.amax(1), network.image(features_BPF).clamp_min(0))


def test_a_base_rate_is_taken_from_pictures_and_patches_alike(network: LexicalNetwork) -> None:
    features_BPF = torch.randn(3, 9, 256)
    base_rate_V = network.image.base_rate_V
    with torch.no_grad():
        before_BV = network.image.word_weights(features_BPF, "log1p_relu")
        before_BPV = network.image.patch_weights(features_BPF, "log1p_relu")
        rates_V = torch.linspace(0, float(before_BV.max()), len(base_rate_V))
        base_rate_V.copy_(rates_V)
        after_BV = network.image.word_weights(features_BPF, "log1p_relu")
        after_BPV = network.image.patch_weights(features_BPF, "log1p_relu")
        base_rate_V.zero_()
    torch.testing.assert_close(after_BV, (before_BV - rates_V).clamp_min(0))
    torch.testing.assert_close(after_BPV, (before_BPV - rates_V).clamp_min(0))
    torch.testing.assert_close(after_BPV.amax(1), after_BV)
    assert (after_BV == 0).any() and (after_BV > 0).any()
    assert "image.base_rate_V" in network.trained_state()


def test_where_the_widths_agree_texts_start_in_the_codebooks_space(
    network: LexicalNetwork, tiny_model_folder: Path
) -> None:
    scaled = LexicalNetwork(
        config(tiny_model_folder, cosine_scale=3.0, bias_start=-0.5), network.vocabulary
    ).eval()
    with torch.inference_mode():
        hidden_BH = scaled.text.transformer(["zebra"])
        weights_BV = activations(scaled, ["zebra"])
    unit_BH = torch.nn.functional.normalize(hidden_BH)
    logits_BV = 3 * unit_BH @ scaled.text.codebook_VD.t() - 0.5
    torch.testing.assert_close(weights_BV, torch.log1p(logits_BV.relu()))


def test_a_given_codebook_starts_both_sides_and_only_the_visual_one_is_trained(
    tiny_model_folder: Path,
) -> None:
    given_VD = torch.randn(60, 16)
    vocabulary = load_checkpoint(tiny_model_folder).vocabulary
    network = LexicalNetwork(config(tiny_model_folder), vocabulary, given_VD)
    assert torch.equal(network.image.codebook_VD, given_VD)
    assert torch.equal(network.text.codebook_VD, given_VD)
    with torch.no_grad():
        network.image.codebook_VD += 1
    assert torch.equal(network.text.codebook_VD, given_VD)
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    assert "image.codebook_VD" in trained
    assert "text.codebook_VD" not in trained


def test_every_trained_parameter_gets_a_gradient_and_nothing_else(
    network: LexicalNetwork,
) -> None:
    network.zero_grad()
    texts_BV = activations(network, ["a dog", "two cars on the beach"])
    images_BV = network.encode_features(torch.randn(2, 9, 256))
    (texts_BV.sum() + images_BV.sum()).backward()
    for name, parameter in network.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    # The recipe asks for word biases on the image side alone.
    assert "image.bias_V" in trained and "text.bias_V" not in trained
    assert trained <= set(network.trained_state())


def test_a_checkpoint_holds_all_but_the_pretrained_transformer(network: LexicalNetwork) -> None:
    state = network.trained_state()
    left_out = set(network.state_dict()) - set(state)
    assert left_out
    assert all(name.startswith("text.transformer.") for name in left_out)
    assert {"text.codebook_VD", "image.codebook_VD", "text.bias_V", "text.mapper.weight"} <= set(
        state
    )
    assert any(".lora_A" in name for name in state)


def test_two_networks_of_one_seed_are_equal(tiny_model_folder: Path) -> None:
    checkpoint = load_checkpoint(tiny_model_folder)
    states = []
    for _ in range(2):
        with torch.random.fork_rng():
            torch.manual_seed(7)
            states.append(LexicalNetwork(checkpoint.config, checkpoint.vocabulary).trained_state())
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name


def test_silent_words_are_active_in_no_picture(tiny_model_folder: Path) -> None:
    stored = load_checkpoint(tiny_model_folder)
    image = stored.config.image.model_copy(update={"silent_words": ("photo",)})
    silent = LexicalNetwork(stored.config.model_copy(update={"image": image}), stored.vocabulary)
    term_id = stored.vocabulary.term_id("photo")
    with torch.inference_mode():
        weights_BV = silent.eval().encode_features(10 * torch.randn(50, 9, 256))
    assert float(weights_BV[:, term_id].max()) == 0.0
    assert float(weights_BV.max()) > 0.0


def test_a_silent_word_that_the_vocabulary_lacks_is_an_error(tiny_model_folder: Path) -> None:
    stored = load_checkpoint(tiny_model_folder)
    image = stored.config.image.model_copy(update={"silent_words": ("xylograph",)})
    with pytest.raises(InputError, match="xylograph"):
        LexicalNetwork(stored.config.model_copy(update={"image": image}), stored.vocabulary)
