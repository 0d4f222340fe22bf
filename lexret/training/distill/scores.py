"""Scores of a static text encoder: it is taught to score pictures as the contextual one does.

Vectors that are close may still rank differently: what tells pictures apart may lie in the small
difference. So the student's activations are fitted to the teacher's by their cosine, its scores
over random pictures to the teacher's by Kullback-Leibler divergence, and to the captions' own
pictures as in training (InfoNCE; van den Oord et al., 2018, eq. 4). Only the words that captions
use most take part, which is a fifth of the work for nine tenths of the weight.

Legend: N texts, B texts of a batch, P pictures, I pictures of a batch, V words of the vocabulary,
U words that take part, D codebook dimension, C coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from lexret.encoders.activations import activate, normalize
from lexret.encoders.text.text_side import TextSide
from lexret.training.distill.student import Bags, StaticStudent, StudentOptimizers

# Vectors of so many captions say which words are used most.
_SAMPLE: Final = 2048
_CHUNK: Final = 256


class Pictures(Protocol):
    """Pictures of the captions that a student learns from."""

    @property
    def owners(self) -> Sequence[int]:
        """For each caption the number of its picture, from 0."""

    def weights(self, word_ids_U: Tensor) -> Tensor:
        """Return (P, U) activations of the pictures for some words."""


@dataclass(frozen=True)
class ScoresRecipe:
    """Recipe of the scores' training.

    Attributes:
        num_words: words that take part (U).
        num_pictures: pictures of a step besides the captions' own.
        scores_weight: weight of the scores over pictures.
        own_picture_weight: weight of finding a caption's own picture.
        temperature: of both.
        epochs: passes over the captions.
        batch: captions a step.
        lr: peak rate of the rows, as a share of the size of a vector's numbers; it falls to zero
            in a line.
        bias_lr: peak rate of the words' biases and own weights, likewise.
    """

    num_words: int = 4096
    num_pictures: int = 768
    scores_weight: float = 2.0
    own_picture_weight: float = 1.0
    temperature: float = 0.05
    epochs: int = 3
    batch: int = 256
    lr: float = 0.02
    bias_lr: float = 0.001


class ScoringStudent(nn.Module):
    """Student whose vectors go on through codebook and activation, for U words."""

    word_ids_U: Tensor
    codebook_UC: Tensor

    def __init__(
        self, student: StaticStudent, side: TextSide, axes_DC: Tensor, word_ids_U: Tensor
    ) -> None:
        """Begin with the biases and own-word weights of ``side``."""
        super().__init__()
        self.student = student
        self.config = side.config
        with torch.no_grad():
            self.register_buffer("word_ids_U", word_ids_U)
            self.register_buffer("codebook_UC", side.codebook_VD[word_ids_U] @ axes_DC)
        self.bias_U = nn.Parameter(side.bias_V[word_ids_U].detach().clone())
        self.own_U = nn.Parameter(side.own_weight_V[word_ids_U].detach().clone())
        self._place_R = torch.full((len(student.rows_RC),), -1)
        self._place_R[word_ids_U] = torch.arange(len(word_ids_U))

    def forward(self, bags: Bags) -> Tensor:
        """Return (B, U) of unit length."""
        logits_BU = self.student(bags) @ self.codebook_UC.t() + self.bias_U
        return self.weights(logits_BU, self.own_words(bags), self.own_U)

    def own_words(self, bags: Bags) -> Tensor:
        """Return (B, U) with 1 where a text holds a word."""
        own_BU = torch.zeros(bags.num_texts, len(self.word_ids_U))
        place_W = self._place_R[bags.row_W]
        takes_part_W = place_W >= 0
        own_BU[bags.text_W[takes_part_W], place_W[takes_part_W]] = 1.0
        return own_BU

    def weights(self, logits_BU: Tensor, own_BU: Tensor, own_U: Tensor) -> Tensor:
        """Return (B, U) activations of unit length."""
        weights_BU = activate(logits_BU + own_BU * own_U, self.config.activation)
        floor = self.config.text.own_word_floor
        return normalize(weights_BU if floor is None else torch.maximum(weights_BU, own_BU * floor))


@torch.no_grad()
def most_used_words(vectors_ND: Tensor, side: TextSide, num_words: int) -> Tensor:
    """Return (U,) int64, rising: the words to which texts give most weight.

    Args:
        vectors_ND: the texts in the codebook's space.
    """
    step = max(1, len(vectors_ND) // _SAMPLE)
    total_V = torch.zeros(len(side.codebook_VD))
    for part_BD in vectors_ND[::step].split(_CHUNK):
        logits_BV = part_BD @ side.codebook_VD.t() + side.bias_V
        total_V += activate(logits_BV, side.config.activation).sum(0)
    return total_V.topk(min(num_words, len(total_V))).indices.sort().values


def fit_scores(
    student: ScoringStudent,
    side: TextSide,
    bags: Sequence[Sequence[int]],
    vectors_ND: Tensor,
    pictures: Pictures,
    recipe: ScoresRecipe,
    *,
    seed: int,
    progress: Callable[[str, int, int], None],
) -> None:
    """Teach captions' scores over their pictures.

    Args:
        side: the teacher.
        bags: the captions' rows.
        vectors_ND: the teacher's vectors of them, in the codebook's space.
        progress: called with "score steps", how many are done and how many there are.
    """
    pictures_PU = normalize(pictures.weights(student.word_ids_U).float())
    owners_N = np.asarray(pictures.owners)
    lessons = _Lessons(student, side, bags, vectors_ND, pictures_PU, owners_N, recipe, seed)
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(len(bags)) for _ in range(recipe.epochs)])
    starts = range(0, len(order), recipe.batch)
    for step, start in enumerate(starts):
        lessons.step(order[start : start + recipe.batch].tolist(), 1 - step / len(starts))
        progress("score steps", step + 1, len(starts))


class _Lessons:
    """Training steps of a student.

    Args:
        pictures_PU: the pictures' activations, of unit length.
        owners_N: for each caption the number of its picture.

    The others are those of :func:`fit_scores`.
    """

    def __init__(
        self,
        student: ScoringStudent,
        side: TextSide,
        bags: Sequence[Sequence[int]],
        vectors_ND: Tensor,
        pictures_PU: Tensor,
        owners_N: npt.NDArray[np.int64],
        recipe: ScoresRecipe,
        seed: int,
    ) -> None:
        self.student, self.bags, self.recipe = student, bags, recipe
        self.vectors_ND = vectors_ND
        ids_U = student.word_ids_U
        self.codebook_UD = side.codebook_VD[ids_U].detach()
        self.bias_U, self.own_U = side.bias_V[ids_U].detach(), side.own_weight_V[ids_U].detach()
        self.pictures_PU, self.owners_N = pictures_PU, owners_N
        self.rng = np.random.default_rng(seed + 1)
        size = float(vectors_ND.square().mean().sqrt())
        rows = student.student.rows_RC
        others = [parameter for parameter in student.parameters() if parameter is not rows]
        self.optimizers = StudentOptimizers(
            rows, others, lr=recipe.lr * size, others_lr=recipe.bias_lr
        )

    def step(self, chosen: list[int], rate: float) -> None:
        """Learn from some captions.

        Args:
            rate: share of the peak rates.
        """
        bags = Bags.of([self.bags[i] for i in chosen])
        found_BU = self.student(bags)
        with torch.no_grad():
            logits_BU = self.vectors_ND[chosen] @ self.codebook_UD.t() + self.bias_U
            own_BU = self.student.own_words(bags)
            wanted_BU = self.student.weights(logits_BU, own_BU, self.own_U)
        loss = (1.0 - (found_BU * wanted_BU).sum(1)).mean()
        loss = loss + self._picture_losses(self.owners_N[chosen], found_BU, wanted_BU)
        self.optimizers.step(loss, rate)

    def _picture_losses(
        self, owners_B: np.ndarray[Any, Any], found_BU: Tensor, wanted_BU: Tensor
    ) -> Tensor:
        num_pictures = len(self.pictures_PU)
        size = min(self.recipe.num_pictures, num_pictures)
        numbers_I = np.union1d(owners_B, self.rng.choice(num_pictures, size, replace=False))
        pictures_UI = self.pictures_PU[numbers_I].t() / self.recipe.temperature
        scores_BI = (found_BU @ pictures_UI).log_softmax(1)
        wanted_BI = (wanted_BU @ pictures_UI).log_softmax(1)
        divergence = functional.kl_div(scores_BI, wanted_BI, reduction="batchmean", log_target=True)
        places_B = torch.from_numpy(np.searchsorted(numbers_I, owners_B))
        missed = functional.nll_loss(scores_BI, places_B)
        recipe = self.recipe
        return recipe.scores_weight * divergence + recipe.own_picture_weight * missed
