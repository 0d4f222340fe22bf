"""Teach a static text encoder to imitate a model's contextual one.

The contextual encoder gives a text a vector of fixed length in the codebook's space; a word's
logit is its dot product with the word's codebook vector, plus a bias. So the formula of
:mod:`lexret.encoders.static_text` is learnt in two steps:

1. In the codebook's space, which is small: each word gets a vector and a gate, so that
   ``(base + sum of the words' vectors) / sqrt(1 + sum of their gates)`` is the text's vector.
2. In the space of words: the vectors' products with the codebook are cut to the table's largest
   entries, and what is left is fitted to the sparse vectors of a search by their cosine, to their
   scores over pictures (where there are some) by Kullback-Leibler divergence, and to the captions'
   own pictures as in training (InfoNCE): what tells pictures apart counts most.

Legend: N texts, B texts of a batch, V words of the vocabulary, R rows of the table, D codebook
dimension, I pictures of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lexret.encoders.activations import normalize
from lexret.encoders.model import TextEncoder, keep_strongest, text_vectors
from lexret.encoders.network import own_words
from lexret.encoders.static_table import StaticTable
from lexret.encoders.static_text import TableWords
from lexret.sparse import SparseBatch
from lexret.training.static_student import Bags, DenseStudent, StaticStudent
from lexret.training.static_texts import TaughtCaptions, taught_texts

Progress = Callable[[str, int, int], None]

_ENCODE_BATCH: Final = 64


@dataclass(frozen=True)
class StaticRecipe:
    """How a static text encoder is taught.

    Attributes:
        num_entries: entries of a row at most (K).
        min_captions: a word that is not in the vocabulary gets a row if so many captions hold it.
        num_pieces: pieces of captions among the texts.
        num_mixtures: mixtures of random words among the texts.
        num_variations: captions with other words put in among the texts.
        dense_epochs: passes over the texts in the codebook's space.
        dense_batch: texts a step there.
        dense_lr: peak rate there, as a share of the size of a vector's numbers; rates fall to zero
            in a line.
        epochs: passes over the texts in the space of words.
        batch: texts a step there.
        lr: peak rate there.
        num_pictures: pictures of a step, the captions' own among them.
        scores_weight: weight of the scores over pictures.
        own_picture_weight: weight of finding a caption's own picture.
        temperature: of both.
        seed: of the random texts and of the order of all.
    """

    num_entries: int = 112
    min_captions: int = 3
    num_pieces: int = 10_000
    num_mixtures: int = 20_000
    num_variations: int = 60_000
    dense_epochs: int = 6
    dense_batch: int = 512
    dense_lr: float = 0.06
    epochs: int = 2
    batch: int = 128
    lr: float = 2e-2
    num_pictures: int = 768
    scores_weight: float = 2.0
    own_picture_weight: float = 1.0
    temperature: float = 0.05
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Lessons:
    """Texts and what the contextual encoder makes of them.

    Attributes:
        bags: the rows of each text's words, rising.
        vectors_ND: in the codebook's space.
        owners_N: the picture that each text belongs to; -1: none.
    """

    bags: list[list[int]]
    vectors_ND: Tensor
    owners_N: np.ndarray[Any, np.dtype[np.int64]]


def teach_static_text(
    texts: TextEncoder,
    captions: TaughtCaptions,
    pictures: SparseBatch | None = None,
    recipe: StaticRecipe | None = None,
    *,
    progress: Progress | None = None,
) -> tuple[StaticTable, tuple[str, ...]]:
    """Teach a static text encoder; the same arguments give the same table on the same machine.

    Args:
        texts: the encoder to imitate.
        captions: texts like those that people search with, and which picture each is of.
        pictures: vectors of those pictures.
        progress: called with what is done ("texts", "dense steps", "steps"), how much of it, and
            how much there is.

    Returns:
        the table, and the words that have a row without being in the vocabulary.
    """
    chosen, told = recipe or StaticRecipe(), progress or _tell_nobody
    further = captions.further_words(texts.vocabulary, min_captions=chosen.min_captions)
    every = taught_texts(
        captions.texts,
        texts.vocabulary,
        num_pieces=chosen.num_pieces,
        num_mixtures=chosen.num_mixtures,
        num_variations=chosen.num_variations,
        seed=chosen.seed,
    )
    lessons = take_lessons(texts, every, TableWords(texts.vocabulary, further), captions, told)
    dense = DenseStudent(len(texts.vocabulary) + len(further), lessons.bags, lessons.vectors_ND)
    _fit_dense(dense, lessons, chosen, told)
    student = StaticStudent(dense, texts.side, chosen.num_entries)
    course = _Course(student, lessons, _targets(texts, lessons), pictures, chosen)
    steps = list(_batches(len(every), chosen.batch, chosen.epochs, chosen.seed + 1))
    for step, batch in enumerate(steps):
        course.step(batch, chosen.lr * (1 - step / len(steps)))
        told("steps", step + 1, len(steps))
    return student.table(), further


def take_lessons(
    texts: TextEncoder,
    every: Sequence[str],
    words: TableWords,
    captions: TaughtCaptions,
    progress: Progress,
) -> Lessons:
    """Put texts through the contextual encoder, the short ones first (padding costs time).

    Args:
        every: texts that begin with the captions.
    """
    order = sorted(range(len(every)), key=lambda i: len(every[i]))
    vectors_ND = torch.empty(len(every), texts.side.codebook_VD.shape[1])
    for start in range(0, len(order), _ENCODE_BATCH):
        chosen = order[start : start + _ENCODE_BATCH]
        batch = [every[i] for i in chosen]
        with torch.no_grad():
            vectors_ND[chosen] = texts.side.vectors(batch, own_words(batch, texts.vocabulary))
        progress("texts", start + len(chosen), len(order))
    owners = np.full(len(every), -1, dtype=np.int64)
    owners[: len(captions.owners)] = captions.owners
    return Lessons([words.rows(text) for text in every], vectors_ND, owners)


@torch.no_grad()
def _targets(texts: TextEncoder, lessons: Lessons) -> SparseBatch:
    """Return the vectors that a search would use, from those in the codebook's space."""
    side, num_words = texts.side, len(texts.vocabulary)
    parts = []
    for start in range(0, len(lessons.bags), _ENCODE_BATCH):
        end = start + _ENCODE_BATCH
        own_BV = Bags.of(lessons.bags[start:end]).own(num_words)
        weights_BV = side.word_logits(lessons.vectors_ND[start:end], own_BV)[1]
        parts.append(text_vectors(weights_BV, own_BV, side.config, texts.vocabulary))
    return SparseBatch.concatenate(parts, texts.vocabulary)


def _fit_dense(
    student: DenseStudent, lessons: Lessons, recipe: StaticRecipe, progress: Progress
) -> None:
    lr = recipe.dense_lr * float(lessons.vectors_ND.square().mean().sqrt())
    optimizers = _optimizers(student, student.words_RD)
    steps = list(_batches(len(lessons.bags), recipe.dense_batch, recipe.dense_epochs, recipe.seed))
    for step, chosen in enumerate(steps):
        found_BD = student(Bags.of([lessons.bags[i] for i in chosen]))
        wanted_BD = lessons.vectors_ND[chosen]
        loss = functional.mse_loss(found_BD, wanted_BD, reduction="sum") / len(chosen)
        _step(optimizers, loss, lr * (1 - step / len(steps)))
        progress("dense steps", step + 1, len(steps))


class _Course:
    """The second step: sparse vectors, and their scores over pictures."""

    def __init__(
        self,
        student: StaticStudent,
        lessons: Lessons,
        targets: SparseBatch,
        pictures: SparseBatch | None,
        recipe: StaticRecipe,
    ) -> None:
        self.student, self.lessons, self.recipe = student, lessons, recipe
        self.targets_NV = targets.to_scipy()
        self.pictures_PV = None if pictures is None else pictures.to_scipy()
        self.optimizers = _optimizers(student, student.entries_RK)
        self.rng = np.random.default_rng(recipe.seed + 2)

    def step(self, chosen: list[int], lr: float) -> None:
        wanted_BV = torch.from_numpy(self.targets_NV[chosen].toarray())
        found_BV = self._vectors(chosen, wanted_BV)
        loss = (1.0 - (found_BV * wanted_BV).sum(1)).mean()
        if self.pictures_PV is not None:
            loss = loss + self._picture_losses(chosen, found_BV, wanted_BV)
        _step(self.optimizers, loss, lr)

    def _vectors(self, chosen: list[int], wanted_BV: Tensor) -> Tensor:
        """Return (B, V) rows of unit length with the words that either of the two keeps."""
        bags = Bags.of([self.lessons.bags[i] for i in chosen])
        own_BV = bags.own(wanted_BV.shape[1])
        found_BV: Tensor = self.student(bags, own_BV)
        max_words = self.student.config.text.max_words
        kept_BV = keep_strongest(found_BV.detach(), max_words, always_BV=own_BV) > 0
        # A word that is missing must still be pulled in.
        return normalize(found_BV * (kept_BV | (wanted_BV > 0)))

    def _picture_losses(self, chosen: list[int], found_BV: Tensor, wanted_BV: Tensor) -> Tensor:
        assert self.pictures_PV is not None
        owners_B = self.lessons.owners_N[chosen]
        numbers_I = self._drawn_pictures(owners_B)
        pictures_IV = _sparse(self.pictures_PV[numbers_I]) / self.recipe.temperature
        scores_BI = torch.sparse.mm(pictures_IV, found_BV.t()).t().log_softmax(1)
        wanted_BI = torch.sparse.mm(pictures_IV, wanted_BV.t()).t().log_softmax(1)
        divergence = functional.kl_div(scores_BI, wanted_BI, reduction="batchmean", log_target=True)
        loss = self.recipe.scores_weight * divergence
        rows = np.flatnonzero(owners_B >= 0)
        if len(rows):
            places = torch.from_numpy(np.searchsorted(numbers_I, owners_B[rows]))
            missed = functional.nll_loss(scores_BI[rows], places)
            loss = loss + self.recipe.own_picture_weight * missed
        return loss

    def _drawn_pictures(self, owners_B: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return numbers of pictures, rising: the texts' own, and random ones."""
        assert self.pictures_PV is not None
        num_pictures = self.pictures_PV.shape[0]
        size = min(self.recipe.num_pictures, num_pictures)
        drawn = self.rng.choice(num_pictures, size, replace=False)
        return np.union1d(owners_B[owners_B >= 0], drawn)


def _sparse(matrix: Any) -> Tensor:
    """Return a scipy matrix as a torch one."""
    entries = matrix.tocoo()
    places = torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64))
    return torch.sparse_coo_tensor(
        places, torch.from_numpy(entries.data), entries.shape, check_invariants=False
    )


def _batches(num_texts: int, size: int, epochs: int, seed: int) -> Iterator[list[int]]:
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(num_texts)
        yield from (order[start : start + size].tolist() for start in range(0, num_texts, size))


def _optimizers(student: nn.Module, rows: nn.Parameter) -> list[torch.optim.Optimizer]:
    """Return an optimizer for the table's rows, of which a step touches few, and one for the rest.

    The rate is given to each step.
    """
    others = [parameter for parameter in student.parameters() if parameter is not rows]
    betas = (0.9, 0.99)
    return [torch.optim.SparseAdam([rows], betas=betas), torch.optim.Adam(others, betas=betas)]


def _step(optimizers: Sequence[torch.optim.Optimizer], loss: Tensor, lr: float) -> None:
    for optimizer in optimizers:
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()


def _tell_nobody(what: str, done: int, total: int) -> None:
    """Progress that nobody wants to know."""
