"""Imitation: a static text encoder is taught to do as a model's contextual one.

The contextual encoder gives a text a vector in the codebook's space; a word's logit is its dot
product with the word's codebook vector, plus a bias. The static encoder keeps codebook and biases
and adds the vector up from rows of a table (:mod:`lexret.encoders.text.static_encoder` has the
formula). The rows are learnt by the squared distance of vectors: nothing of the vocabulary's size
takes part, so that a step takes milliseconds. Most of the time goes into encoding the texts with
the transformer once. Where there are pictures, scores over them follow
(:mod:`lexret.training.distill.scores`).

The vectors need few coordinates: texts vary less than their space allows. Those in which the logits
vary most are kept: with S the second moment of the texts' vectors and K that of the codebook's, the
leading left singular vectors of S^(1/2) K^(1/2) are the best of one size (a weighted form of
principal components: Hotelling, J. Educ. Psychol. 24, 1933).

Legend: N texts, B texts of a batch, V words of the vocabulary, R rows of the table, D codebook
dimension, C coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lexret.encoders.model import TextEncoder
from lexret.encoders.text.static_encoder import TableRows
from lexret.encoders.text.static_table import QuantizedMatrix, StaticTable
from lexret.encoders.text.text_side import TextSide
from lexret.training.distill.scores import (
    Pictures,
    ScoresRecipe,
    ScoringStudent,
    fit_scores,
    most_used_words,
)
from lexret.training.distill.student import Bags, StaticStudent, StudentOptimizers
from lexret.training.distill.texts import frequent_pairs, further_words, taught_texts
from lexret.training.precision import quick_precision

Progress = Callable[[str, int, int], None]

ENCODE_BATCH: Final = 64


@dataclass(frozen=True)
class StaticRecipe:
    """Recipe of a static text encoder's training.

    Attributes:
        num_coordinates: length of a row at most (C).
        num_pairs: rows for pairs of words at most.
        min_captions: a pair, or a word that is not in the vocabulary, gets a row if so many
            captions hold it.
        num_pieces: pieces of captions among the texts.
        num_mixtures: mixtures of random words among the texts.
        num_variations: captions with other words put in among the texts.
        epochs: passes over the texts.
        batch: texts a step.
        lr: peak rate, as a share of the size of a vector's numbers; it falls to zero in a line.
        scores: what follows where there are pictures.
        seed: of the random texts and of the order of all.
    """

    num_coordinates: int = 192
    num_pairs: int = 4000
    min_captions: int = 3
    num_pieces: int = 10_000
    num_mixtures: int = 10_000
    num_variations: int = 5_000
    epochs: int = 6
    batch: int = 512
    lr: float = 0.1
    scores: ScoresRecipe = field(default_factory=ScoresRecipe)
    seed: int = 0


@dataclass(frozen=True)
class TaughtTables:
    """Tables of a static text encoder, and what their rows beyond the vocabulary stand for.

    Attributes:
        further_words: as in :class:`~lexret.encoders.text.static_table.StaticSettings`.
        pairs: likewise.
        num_texts: how many texts it learnt from.
    """

    table: StaticTable
    further_words: tuple[str, ...]
    pairs: tuple[str, ...]
    num_texts: int


def teach_static_text(
    texts: TextEncoder,
    captions: Sequence[str],
    pictures: Pictures | None = None,
    recipe: StaticRecipe | None = None,
    *,
    progress: Progress | None = None,
    batch_size: int = ENCODE_BATCH,
) -> TaughtTables:
    """Teach a static text encoder; the same arguments give the same table on the same machine.

    Args:
        texts: the encoder to imitate.
        captions: texts like those that people search with.
        pictures: those of the captions.
        progress: called with what is done ("texts", "steps", "score steps"), how much of it, and
            how much there is.
        batch_size: texts that go through the transformer together.
    """
    chosen, progress = recipe or StaticRecipe(), progress or ignore_progress
    least = chosen.min_captions
    further = further_words(captions, texts.vocabulary, min_captions=least)
    pairs = frequent_pairs(captions, num_pairs=chosen.num_pairs, min_captions=least)
    every = taught_texts(
        captions,
        texts.vocabulary,
        num_pieces=chosen.num_pieces,
        num_mixtures=chosen.num_mixtures,
        num_variations=chosen.num_variations,
        seed=chosen.seed,
    )
    rows = TableRows(texts.vocabulary, further, pairs)
    bags = [rows.of(text) for text in every]
    vectors_ND = contextual_vectors(texts, every, progress, batch_size=batch_size)
    # What is left is small: it is learnt on the CPU.
    with _on_cpu(texts.side) as side:
        axes_DC = leading_axes(vectors_ND, side.codebook_VD, chosen.num_coordinates)
        student = StaticStudent(
            len(rows), bags, vectors_ND @ axes_DC, side.config.text.cosine_scale
        )
        _fit(student, bags, vectors_ND @ axes_DC, chosen, progress)
        scoring = None
        if pictures is not None:
            size, seen_ND = len(captions), vectors_ND[: len(captions)]
            words_U = most_used_words(seen_ND, side, chosen.scores.num_words)
            scoring = ScoringStudent(student, side, axes_DC, words_U)
            fit_scores(
                *(scoring, side, bags[:size], seen_ND, pictures, chosen.scores),
                seed=chosen.seed,
                progress=progress,
            )
        table = table_of(student, texts, axes_DC, scoring)
    return TaughtTables(table, further, pairs, len(every))


@contextmanager
def _on_cpu(side: TextSide) -> Iterator[TextSide]:
    """Move a text side to the CPU for a while."""
    device = side.codebook_VD.device
    try:
        yield side.cpu()
    finally:
        side.to(device)


def contextual_vectors(
    texts: TextEncoder,
    every: Sequence[str],
    progress: Progress,
    *,
    batch_size: int = ENCODE_BATCH,
) -> Tensor:
    """Return (N, D) texts in the codebook's space, the short ones first (padding costs time)."""
    order = sorted(range(len(every)), key=lambda i: len(every[i]))
    vectors_ND = torch.empty(len(every), texts.side.codebook_VD.shape[1])
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        with quick_precision():
            vectors_ND[chosen] = texts.vectors([every[i] for i in chosen])
        progress("texts", start + len(chosen), len(order))
    return vectors_ND


def leading_axes(vectors_ND: Tensor, codebook_VD: Tensor, size: int) -> Tensor:
    """Return (D, C) orthonormal axes of the coordinates that say most of the texts' logits."""
    with torch.no_grad():
        left_DD = _root(vectors_ND) @ _root(codebook_VD)
        axes_DD: Tensor = torch.linalg.svd(left_DD)[0]
        # An axis's sign is free: fix it, so that the table is the same everywhere.
        signs_D = axes_DD.gather(0, axes_DD.abs().argmax(0, keepdim=True)).sign()
        return (axes_DD * signs_D)[:, :size].contiguous()


def _root(rows_ND: Tensor) -> Tensor:
    """Return (D, D), the square root of the rows' second moment."""
    values_D, axes_DD = torch.linalg.eigh(rows_ND.t() @ rows_ND / len(rows_ND))
    root_DD: Tensor = axes_DD * values_D.clamp_min(0.0).sqrt() @ axes_DD.t()
    return root_DD


@torch.no_grad()
def table_of(
    student: StaticStudent,
    texts: TextEncoder,
    axes_DC: Tensor,
    scoring: ScoringStudent | None = None,
) -> StaticTable:
    """Return the learnt table, rounded as it is stored, with the model's biases and weights."""
    side = texts.side
    bias_V, own_V = side.bias_V.clone(), side.own_weight_V.clone()
    if scoring is not None:
        bias_V[scoring.word_ids_U], own_V[scoring.word_ids_U] = scoring.bias_U, scoring.own_U
    return StaticTable(
        rows=QuantizedMatrix.of(student.rows_RC.numpy()),
        base_C=student.base_C.numpy().copy(),
        codebook=QuantizedMatrix.of((side.codebook_VD @ axes_DC).numpy()),
        bias_V=bias_V.numpy(),
        own_V=own_V.numpy(),
    )


def _fit(
    student: StaticStudent,
    bags: Sequence[Sequence[int]],
    vectors_NC: Tensor,
    recipe: StaticRecipe,
    progress: Progress,
) -> None:
    lr = recipe.lr * float(vectors_NC.square().mean().sqrt())
    optimizers = StudentOptimizers(student.rows_RC, [student.base_C], lr=lr, others_lr=lr)
    steps = list(_batches(len(bags), recipe.batch, recipe.epochs, recipe.seed))
    for step, chosen in enumerate(steps):
        found_BC = student(Bags.of([bags[i] for i in chosen]))
        distance = functional.mse_loss(found_BC, vectors_NC[chosen], reduction="sum") / len(chosen)
        optimizers.step(distance, 1 - step / len(steps))
        progress("steps", step + 1, len(steps))


def _batches(num_texts: int, size: int, epochs: int, seed: int) -> Iterator[list[int]]:
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(num_texts)
        yield from (order[start : start + size].tolist() for start in range(0, num_texts, size))


def ignore_progress(what: str, done: int, total: int) -> None:
    """Ignore progress."""
