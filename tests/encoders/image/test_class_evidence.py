"""What a backbone's classifier says of patches, as words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lexret.encoders import load_model
from lexret.encoders.folder.checkpoint import load_checkpoint
from lexret.encoders.image.class_evidence import ClassEvidence
from lexret.encoders.image.class_head import ClassHead
from lexret.encoders.network import LexicalNetwork
from lexret.errors import InputError

# Three classes, of which a feature each tells beyond doubt.
HEAD = ClassHead(np.eye(3) * 40.0, np.zeros(3), (("dog",), ("pizza", "pie"), ("crane",)))
DOG, PIZZA, PIE, CRANE = range(4)


def evidence(share: float = 0.5, *, rare: tuple[int, ...] = ()) -> ClassEvidence:
    made = ClassEvidence(HEAD, share)
    table_CV = torch.zeros(3, 20)
    table_CV[0, DOG], table_CV[2, CRANE] = 1.0, 1.0
    table_CV[1, PIZZA], table_CV[1, PIE] = 1.0, 0.4
    rare_V = torch.zeros(20, dtype=torch.bool)
    rare_V[list(rare)] = True
    made.set_words(table_CV, rare_V)
    return made


def weigh(made: ClassEvidence, features_PF: list[list[float]], learnt: float = 1.0) -> torch.Tensor:
    columns_W = made.columns()
    assert columns_W.tolist() == [DOG, PIZZA, PIE, CRANE]
    weights_BPW = torch.full((1, len(features_PF), 4), learnt)
    return made(torch.tensor([features_PF]), weights_BPW, columns_W)[0]


def test_words_of_the_class_at_a_patch_rise_by_their_share_of_the_table() -> None:
    found_PW = weigh(evidence(), [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    cut = (0.4 - 0.03) / 0.97  # a little counts for nothing
    torch.testing.assert_close(found_PW[0], torch.tensor([1.5, 1.0, 1.0, 1.0]))
    torch.testing.assert_close(found_PW[1], torch.tensor([1.0, 1.5, 1.0 + 0.5 * cut, 1.0]))


def test_a_sure_class_has_finite_weights_in_bfloat16_too() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        found_PW = weigh(evidence(), [[60.0, 0.0, 0.0]])
    assert torch.isfinite(found_PW).all()


def test_rare_names_count_only_as_far_as_there_is_evidence() -> None:
    found_PW = weigh(evidence(rare=(DOG, CRANE)), [[1.0, 0.0, 0.0]])
    torch.testing.assert_close(found_PW[0], torch.tensor([1.5, 1.0, 1.0, 0.0]))


def test_a_patch_is_seen_within_its_picture() -> None:
    made = ClassEvidence(ClassHead(np.eye(3) * 4.0, np.zeros(3), HEAD.names), 1.0)
    made.set_words(torch.eye(3, 20), torch.zeros(20, dtype=torch.bool))
    columns_W = made.columns()

    def dog_at_the_first(rest: list[float]) -> float:
        features = torch.tensor([[[0.5, 0.4, 0.0], rest, rest]])
        return float(made(features, torch.zeros(1, 3, 3), columns_W)[0, 0, 0])

    assert dog_at_the_first([1.0, 0.0, 0.0]) > dog_at_the_first([0.0, 1.0, 0.0]) + 0.1


def test_pictures_have_the_largest_weights_of_their_patches(tiny_model_folder: Path) -> None:
    checkpoint = load_checkpoint(tiny_model_folder)
    network = LexicalNetwork(checkpoint.config, checkpoint.vocabulary).eval()
    features_BPF = torch.rand(2, 9, 256)
    head = ClassHead(np.random.default_rng(0).normal(size=(5, 256)), np.zeros(5), (("x",),) * 5)
    with torch.inference_mode():
        before_BV = network.encode_features(features_BPF)
        network.image.evidence = ClassEvidence(head, 0.5)
        network.image.evidence.set_words(
            torch.eye(5, len(checkpoint.vocabulary)), torch.zeros(60, dtype=torch.bool)
        )
        after_BV = network.encode_features(features_BPF)
        patches_BPV = network.image.patch_weights(features_BPF, checkpoint.config.activation)
    torch.testing.assert_close(patches_BPV.amax(1), after_BV)
    assert torch.equal(after_BV[:, 12:], before_BV[:, 12:])
    assert (after_BV > before_BV - 1e-5).all() and (after_BV > before_BV + 1e-3).any()


def test_a_backbone_without_a_known_classifier_is_refused(tiny_model_folder: Path) -> None:
    checkpoint = load_checkpoint(tiny_model_folder)
    image = checkpoint.config.image.model_copy(update={"class_evidence": 0.5})
    config = checkpoint.config.model_copy(update={"image": image})
    with pytest.raises(InputError, match="classifier lexret knows"):
        LexicalNetwork(config, checkpoint.vocabulary)


def test_the_shipped_model_uses_it() -> None:
    model = load_model("mini")
    side = model.images.side
    assert side.evidence is not None
    assert model.vocabulary.term_id("pizza") in side.evidence.columns().tolist()
    silent = {model.vocabulary.term_id(word) for word in side.config.silent_words}
    assert not silent & set(side.evidence.columns().tolist())
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    (encoding,) = model.images.encode_patches([picture])
    whole = model.images.encode([picture]).row(0)
    assert whole.term_ids.tolist() == encoding.image.term_ids.tolist()
    np.testing.assert_allclose(whole.weights, encoding.image.weights, rtol=1e-4)
