"""PatchDis of a lexical model, with its baselines from the same features in the same run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lexret.encoders.protocol import PatchGrid
from lexret.errors import InputError
from lexret.eval.patches.class_activation import ClassActivation
from lexret.eval.patches.masks import MaskedImages, spoken
from lexret.eval.patches.patchdis import (
    DEFAULT_PROMPTS,
    PatchDisResult,
    PatchTruth,
    Predicted,
    winners,
)
from lexret.sparse import SparseBatch

if TYPE_CHECKING:
    from lexret.encoders.lexical_model import LexicalModel

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class PatchMaps:
    """Predicted maps of pictures.

    Attributes:
        predicted: for each picture (P,) classes, -1 for none.
        grid: how the patches lie.
    """

    predicted: tuple[Predicted, ...]
    grid: PatchGrid


def measure_patchdis(
    pictures: MaskedImages,
    model: LexicalModel,
    *,
    prompts: Sequence[str] = DEFAULT_PROMPTS,
    seed: int = 0,
    features: Sequence[Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[PatchDisResult, PatchMaps]:
    """Measure a model's patches against masks.

    Args:
        prompts: texts for a class, with ``{name}`` for its name; a class's vector is the normalised
            mean of its prompts' vectors.
        features: for each picture (1, P, F) as the image encoder gives them; None: made here.
        progress: called with (pictures done, pictures in all).

    Raises:
        InputError: if a prompt has no ``{name}``, a file cannot be read or no pixel has a name.
    """
    lexical_KV = class_vectors(pictures.names, model, prompts).to_scipy().T.tocsr()
    dense_KD = _dense_classes(pictures.names, model, prompts)
    activation = ClassActivation.of(model)
    truth = PatchTruth(len(pictures.names))
    predicted: dict[str, list[Predicted]] = {"lexical": [], "dense": [], "class_activation": []}
    for i in range(len(pictures.items)):
        features_1PF = (
            model.torch_images.features([pictures.image(i)]) if features is None else features[i]
        )
        truth.add(pictures.mask(i), model.torch_images.grid)
        patches = model.torch_images.encode_patch_features(features_1PF)[0].patches
        scores = {
            "lexical": (patches.to_scipy() @ lexical_KV).toarray(),
            "dense": _cosines(model.torch_images.dense_patches(features_1PF)[0] @ dense_KD.T),
        }
        if activation is not None:
            words_PV = activation.patch_words(features_1PF[0].numpy())
            scores["class_activation"] = (words_PV @ lexical_KV).toarray()
        for name, scores_PK in scores.items():
            predicted[name].append(winners(scores_PK))
        if progress is not None:
            progress(i + 1, len(pictures.items))
    held = activation is not None
    baselines = {
        "random": truth.random(seed=seed),
        "majority": truth.majority(),
        "class_activation": truth.overlap(predicted["class_activation"]) if held else None,
        "dense": truth.overlap(predicted["dense"]),
    }
    result = PatchDisResult(truth.overlap(predicted["lexical"]), pictures.names, baselines)
    return result, PatchMaps(tuple(predicted["lexical"]), model.torch_images.grid)


def class_vectors(names: Sequence[str], model: LexicalModel, prompts: Sequence[str]) -> SparseBatch:
    """Return one unit vector a class: the mean of its prompts' vectors, normalised.

    Raises:
        InputError: if there is no prompt, or one lacks ``{name}``.
    """
    texts = _prompted(names, prompts)
    encoded = model.contextual_text.encode_queries(texts).to_scipy()
    means_KV = sum(encoded[k :: len(prompts)] for k in range(len(prompts)))
    batch = SparseBatch.from_dense(means_KV.toarray(), model.vocabulary)
    return batch.normalized()


def _dense_classes(names: Sequence[str], model: LexicalModel, prompts: Sequence[str]) -> Floats:
    vectors = model.contextual_text.encode_dense(_prompted(names, prompts))
    means_KD = vectors.reshape(len(names), len(prompts), -1).mean(axis=1)
    unit: Floats = means_KD / np.maximum(np.linalg.norm(means_KD, axis=1, keepdims=True), 1e-12)
    return unit


def _prompted(names: Sequence[str], prompts: Sequence[str]) -> list[str]:
    if not prompts or not all("{name}" in prompt for prompt in prompts):
        raise InputError(f"The prompts are {list(prompts)}; expected {{name}} in each of them.")
    return [prompt.replace("{name}", spoken(name)) for name in names for prompt in prompts]


def _cosines(scores: Floats) -> Floats:
    """Shift cosines above 0: a dense patch is never silent, its best class always wins."""
    return scores + 2.0
