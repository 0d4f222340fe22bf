"""What a backbone's classifier says of patches, as words."""

from __future__ import annotations

import math
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


def added(probability: float) -> float:
    """What a learnt word of a probability weighs: log(1 + max(0, logit + 3)), by hand."""
    return math.log1p(max(0.0, math.log(probability / (1 - probability)) + 3.0))


# A class beyond doubt is kept 0.0001 from 1: log(1 + 9.21024 + 3).
FULL = 2.58100


def weigh(made: ClassEvidence, features_PF: list[list[float]], learnt: float = 1.0) -> torch.Tensor:
    columns_W = made.columns()
    assert columns_W.tolist() == [DOG, PIZZA, PIE, CRANE]
    weights_BPW = torch.full((1, len(features_PF), 4), learnt)
    return made(torch.tensor([features_PF]), weights_BPW, columns_W)[0]


def test_words_of_the_class_at_a_patch_rise_by_their_share_of_the_table() -> None:
    found_PW = weigh(evidence(), [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    # 0.4 of the table is cut by 0.03 to 0.38144: log(1 - 0.48345 + 3) = 1.25748.
    pie = 1.0 + 0.5 * 1.25748
    expected_PW = torch.tensor(
        [[1.0 + 0.5 * FULL, 1.0, 1.0, 1.0], [1.0, 1.0 + 0.5 * FULL, pie, 1.0]]
    )
    torch.testing.assert_close(found_PW[:2], expected_PW, rtol=0, atol=2e-5)
    assert added(0.9999) == pytest.approx(FULL, abs=1e-5)
    assert added((0.4 - 0.03) / 0.97) == pytest.approx(1.25748, abs=1e-5)


def test_the_evidence_of_a_patch_in_doubt_is_shared() -> None:
    # The first two classes alike, the third 6.67 lower: softmax 0.49968 twice, and 0.00064.
    found_PW = weigh(evidence(), [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    half = 1.0 + 0.5 * added((0.49968 - 0.03) / 0.97)
    pie = 1.0 + 0.5 * added((0.4 * 0.49968 - 0.03) / 0.97)
    expected_W = torch.tensor([half, half, pie, 1.0])
    torch.testing.assert_close(found_PW[2], expected_W, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (0.03, 0.0),  # what is cut off
        (0.03 + 0.97 * 0.047, 0.0),  # training makes words active above sigmoid(-3) = 0.0474
        (0.03 + 0.97 * 0.1, math.log(4.0 - math.log(9.0))),
        (0.03 + 0.97 * 0.5, math.log(4.0)),
    ],
)
def test_evidence_weighs_what_a_learnt_word_of_its_probability_would(
    entry: float, expected: float
) -> None:
    made = ClassEvidence(HEAD, 1.0)
    table_CV = torch.eye(3, 20)
    table_CV[0, 0] = entry
    made.set_words(table_CV, torch.zeros(20, dtype=torch.bool))
    weights_BPW = torch.zeros(1, 1, 3)
    found_BPW = made(torch.tensor([[[1.0, 0.0, 0.0]]]), weights_BPW, made.columns())
    assert float(found_BPW[0, 0, 0]) == pytest.approx(expected, abs=1e-4)


def test_a_sure_class_has_finite_weights_in_bfloat16_too() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        found_PW = weigh(evidence(), [[60.0, 0.0, 0.0]])
    assert torch.isfinite(found_PW).all()


def test_rare_names_count_only_as_far_as_there_is_evidence() -> None:
    found_PW = weigh(evidence(rare=(DOG, CRANE)), [[1.0, 0.0, 0.0]])
    expected_W = torch.tensor([1.0 + 0.5 * FULL, 1.0, 1.0, 0.0])
    torch.testing.assert_close(found_PW[0], expected_W, rtol=0, atol=2e-5)


def test_little_evidence_lets_a_rare_name_through_in_part() -> None:
    made = ClassEvidence(HEAD, 0.5)
    table_CV = torch.eye(3, 20)
    table_CV[0, 0] = 0.03 + 0.97 * 0.02  # 0.02 after the cut: 0.4 of the 0.05 that is enough
    made.set_words(table_CV, torch.ones(20, dtype=torch.bool))
    weights_BPW = torch.full((1, 1, 3), 2.0)
    found_BPW = made(torch.tensor([[[1.0, 0.0, 0.0]]]), weights_BPW, made.columns())
    # Too little to add anything itself; the other two classes have no evidence at all.
    torch.testing.assert_close(found_BPW[0, 0], torch.tensor([0.8, 0.0, 0.0]), rtol=0, atol=1e-5)


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
    side = model.torch_images.side
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
