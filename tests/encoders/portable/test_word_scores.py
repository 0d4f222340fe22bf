"""Words that are left out before they are scored are never among the strongest."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lexret.config import ModelConfig
from lexret.encoders.activations import activate
from lexret.encoders.image.class_evidence import ClassEvidence
from lexret.encoders.image.class_head import ClassHead
from lexret.encoders.portable.evidence import EvidenceTable
from lexret.encoders.portable.word_scores import HeadWeights, WordScores
from lexret.errors import InputError

NUM_WORDS, DIMENSION, NUM_PATCHES, NUM_CLASSES = 600, 32, 9, 40


def config(activation: str, most: int) -> ModelConfig:
    values = {
        "name": "made",
        "vocabulary": "words.txt",
        "activation": activation,
        "max_image_words": most,
        "codebook": {"dim": DIMENSION},
        "image": {
            **{"backbone": "none", "weights": "random", "image_size": 96, "stride": 32},
            **{"feature_dim": 8, "mean": [0.5] * 3, "std": [0.5] * 3, "num_heads": 2},
            "mlp_width": 8,
        },
        "text": {"backbone": "none"},
    }
    return ModelConfig.model_validate(values)


def plain_weights(weights: HeadWeights, patches_PD: np.ndarray, activation: str) -> np.ndarray:
    """Every word's weight in double precision, by the plain product."""
    logits_PV = patches_PD.astype(np.float64) @ weights.codebook_VD.astype(np.float64).T
    most_V = activate(torch.tensor(logits_PV + weights.bias_V), activation).amax(0).numpy()
    return np.maximum(most_V - weights.base_rate_V, 0.0)


@given(
    seed=st.integers(0, 10_000),
    activation=st.sampled_from(["log1p_relu", "relu", "elu1p"]),
    most=st.sampled_from([1, 20, 200, NUM_WORDS]),
    outlier=st.sampled_from([1.0, 30.0]),
    shift=st.sampled_from([-3.0, 0.0, 2.0]),
)
def test_the_strongest_words_are_those_of_the_plain_product(
    seed: int, activation: str, most: int, outlier: float, shift: float
) -> None:
    rng = np.random.default_rng(seed)
    codebook_VD = rng.normal(size=(NUM_WORDS, DIMENSION)).astype(np.float32)
    patches_PD = rng.normal(size=(NUM_PATCHES, DIMENSION)).astype(np.float32)
    patches_PD[0, 0] *= outlier  # makes the steps of rounding coarse for all others
    weights = HeadWeights(
        codebook_VD,
        (rng.normal(size=NUM_WORDS) + shift).astype(np.float32),
        np.maximum(rng.normal(size=NUM_WORDS), 0).astype(np.float32),
        None,
    )
    expected_V = plain_weights(weights, patches_PD, activation)
    words, found = WordScores(weights, config(activation, most)).strongest(patches_PD, None)
    assert (np.diff(words) > 0).all() and (found > 0).all() and len(words) <= most
    np.testing.assert_allclose(found, expected_V[words], rtol=1e-4, atol=1e-5)
    left_out = np.delete(expected_V, words)
    if len(words) == most:
        assert left_out.max(initial=0.0) <= found.min() + 1e-4  # up to ties
    else:
        assert left_out.max(initial=0.0) < 1e-5


def test_few_words_are_scored_where_few_are_kept() -> None:
    rng = np.random.default_rng(0)
    codebook_VD = rng.normal(size=(NUM_WORDS, DIMENSION)).astype(np.float32)
    zeros = np.zeros(NUM_WORDS, np.float32)
    scores = WordScores(HeadWeights(codebook_VD, zeros, zeros, None), config("relu", 10))
    patches_PD = rng.normal(size=(NUM_PATCHES, DIMENSION)).astype(np.float32)
    assert len(scores._candidates(patches_PD, np.empty(0, np.int64))) < 30


def made_evidence(rng: np.random.Generator) -> tuple[ClassEvidence, EvidenceTable]:
    head = ClassHead(np.eye(NUM_CLASSES), np.zeros(NUM_CLASSES), (("name",),) * NUM_CLASSES)
    module = ClassEvidence(head, 0.25)
    table_CV = torch.tensor(
        rng.random((NUM_CLASSES, NUM_WORDS)) * (rng.random((NUM_CLASSES, NUM_WORDS)) < 0.02)
    ).float()
    module.set_words(table_CV, torch.tensor(rng.random(NUM_WORDS) < 0.3))
    tensors = [module.words_N, module.table_N, module.rare_N]
    table = EvidenceTable.of_tensors(
        *(tensor.float().numpy() for tensor in tensors), share=module.share
    )
    return module, table


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("sharpness", [1.0, 8.0])
def test_evidence_is_that_of_the_module_in_torch(seed: int, sharpness: float) -> None:
    rng = np.random.default_rng(seed)
    module, table = made_evidence(rng)
    codebook_VD = rng.normal(size=(NUM_WORDS, DIMENSION)).astype(np.float32)
    base_V = np.maximum(rng.normal(size=NUM_WORDS), 0).astype(np.float32)
    weights = HeadWeights(codebook_VD, np.zeros(NUM_WORDS, np.float32), base_V, table)
    patches_PD = rng.normal(size=(NUM_PATCHES, DIMENSION)).astype(np.float32)
    logits_PC = (sharpness * rng.normal(size=(NUM_PATCHES, NUM_CLASSES))).astype(np.float32)

    columns_W = module.columns()
    expected_PV = torch.tensor(patches_PD @ codebook_VD.T).relu()
    # The head of the classifier is the identity: features are the logits.
    expected_PV[:, columns_W] = module(
        torch.tensor(logits_PC)[None], expected_PV[None, :, columns_W], columns_W
    )[0]
    expected_PV = (expected_PV - torch.tensor(base_V)).clamp_min(0.0)

    scores = WordScores(weights, config("relu", NUM_WORDS))
    np.testing.assert_allclose(
        scores.of_patches(patches_PD, logits_PC), expected_PV, rtol=1e-4, atol=1e-5
    )
    words, found = WordScores(weights, config("relu", 50)).strongest(patches_PD, logits_PC)
    strongest = expected_PV.amax(0).numpy()
    assert set(words.tolist()) == set(np.argsort(-strongest)[:50].tolist())
    np.testing.assert_allclose(found, strongest[words], rtol=1e-4, atol=1e-5)


def test_a_patch_that_is_not_finite_is_refused() -> None:
    zeros = np.zeros(NUM_WORDS, np.float32)
    weights = HeadWeights(np.ones((NUM_WORDS, DIMENSION), np.float32), zeros, zeros, None)
    patches_PD = np.full((NUM_PATCHES, DIMENSION), np.nan, np.float32)
    with pytest.raises(InputError, match="NaN or infinite"):
        WordScores(weights, config("relu", 5)).strongest(patches_PD, None)
