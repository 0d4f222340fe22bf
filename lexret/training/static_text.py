"""Teach a static text encoder to imitate a model's contextual one.

The contextual encoder gives a text a vector of fixed length in the codebook's space; a word's
logit is its dot product with the word's codebook vector, plus a bias. So the formula of
:mod:`lexret.encoders.static_text` is learnt in two steps:

1. In the codebook's space, which is small: each word gets a vector and a gate, so that
   ``(base + sum of the words' vectors) / sqrt(1 + sum of their gates)`` is the text's vector.
2. In the space of words: the vectors' products with the codebook are cut to the table's largest
   entries, and what is left is fitted to the sparse vectors of a search, by their cosine.

Legend: N texts, B texts of a batch, W their words one after the other, V words of the vocabulary,
D codebook dimension, K entries a word has in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lexret.encoders.activations import activate, normalize
from lexret.encoders.model import TextEncoder, keep_strongest
from lexret.encoders.network import TextSide, own_words
from lexret.encoders.static_table import StaticTable
from lexret.training.static_texts import taught_texts

Progress = Callable[[str, int, int], None]

_ENCODE_BATCH: Final = 64
_CHUNK: Final = 1024


@dataclass(frozen=True)
class StaticRecipe:
    """How a static text encoder is taught.

    Attributes:
        num_entries: entries of the table that a word has at most (K).
        num_pieces: pieces of captions among the texts.
        num_mixtures: mixtures of random words among the texts.
        dense_epochs: passes over the texts in the codebook's space.
        dense_batch: texts a step there.
        dense_lr: peak rate there, as a share of the size of a vector's numbers; rates fall to zero
            in a line.
        epochs: passes over the texts in the space of words.
        batch: texts a step there.
        lr: peak rate there.
        seed: of the random texts and of the order of all.
    """

    num_entries: int = 112
    num_pieces: int = 10_000
    num_mixtures: int = 20_000
    dense_epochs: int = 8
    dense_batch: int = 512
    dense_lr: float = 0.06
    epochs: int = 2
    batch: int = 128
    lr: float = 2e-2
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Bags:
    """The distinct words of B texts.

    Attributes:
        word_W: (W,) int64 term ids, text after text.
        text_W: (W,) int64, the text that each belongs to.
        num_texts: B.
    """

    word_W: Tensor
    text_W: Tensor
    num_texts: int

    @classmethod
    def of(cls, bags: Sequence[Sequence[int]]) -> Bags:
        """Put the words of texts one after the other."""
        sizes = torch.tensor([len(bag) for bag in bags], dtype=torch.long)
        words = torch.tensor([word for bag in bags for word in bag], dtype=torch.long)
        return cls(words, torch.repeat_interleave(torch.arange(len(bags)), sizes), len(bags))

    def own(self, num_words: int) -> Tensor:
        """Return (B, V) with 1 where a text holds a word."""
        own_BV = torch.zeros(self.num_texts, num_words)
        own_BV[self.text_W, self.word_W] = 1.0
        return own_BV

    def lengths(self, gate_V: Tensor) -> Tensor:
        """Return (B, 1): sqrt(1 + the sum of the words' gates)."""
        ones_B = torch.ones(self.num_texts)
        return ones_B.index_add(0, self.text_W, gate_V[self.word_W]).sqrt().unsqueeze(1)


@dataclass(frozen=True, eq=False)
class Lessons:
    """Texts and what the contextual encoder makes of them.

    Attributes:
        bags: the distinct words of each text, rising.
        vectors_ND: in the codebook's space.
    """

    bags: list[list[int]]
    vectors_ND: Tensor


def teach_static_text(
    texts: TextEncoder,
    captions: Sequence[str],
    recipe: StaticRecipe = StaticRecipe(),
    *,
    progress: Progress | None = None,
) -> StaticTable:
    """Teach a static text encoder; the same arguments give the same table on the same machine.

    Args:
        texts: the encoder to imitate.
        captions: texts like those that people search with; may be empty.
        progress: called with what is done ("texts", "dense steps", "steps"), how much of it, and
            how much there is.
    """
    told = progress or _tell_nobody
    vocabulary = texts.vocabulary
    every = taught_texts(
        captions,
        vocabulary,
        num_pieces=recipe.num_pieces,
        num_mixtures=recipe.num_mixtures,
        seed=recipe.seed,
    )
    lessons = take_lessons(texts, every, told)
    dense = DenseStudent(len(vocabulary), lessons)
    _fit_dense(dense, lessons, recipe, told)
    student = StaticStudent(dense, texts.side, recipe.num_entries)
    _fit(student, texts.side, lessons, recipe, told)
    return student.table()


def take_lessons(texts: TextEncoder, every: Sequence[str], progress: Progress) -> Lessons:
    """Put texts through the contextual encoder, the short ones first (padding costs time)."""
    order = sorted(range(len(every)), key=lambda i: len(every[i]))
    vectors_ND = torch.empty(len(every), texts.side.codebook_VD.shape[1])
    with torch.inference_mode():
        for start in range(0, len(order), _ENCODE_BATCH):
            chosen = order[start : start + _ENCODE_BATCH]
            chunk = [every[i] for i in chosen]
            own_BV = own_words(chunk, texts.vocabulary)
            vectors_ND[chosen] = texts.side.vectors(chunk, own_BV)
            progress("texts", start + len(chosen), len(order))
    bags = [sorted(set(texts.vocabulary.match(text)[0])) for text in every]
    return Lessons(bags, vectors_ND.clone())


class DenseStudent(nn.Module):
    """Vectors of words whose sum, over its length, is the text's vector."""

    def __init__(self, num_words: int, lessons: Lessons) -> None:
        super().__init__()
        every = Bags.of(lessons.bags)
        dim = lessons.vectors_ND.shape[1]
        # A word starts as the mean of the texts that hold it.
        sums_VD = torch.zeros(num_words, dim).index_add(
            0, every.word_W, lessons.vectors_ND[every.text_W]
        )
        counts_V = torch.bincount(every.word_W, minlength=num_words).clamp_min(1)
        self.words_VD = nn.Parameter(sums_VD / counts_V.unsqueeze(1))
        self.base_D = nn.Parameter(torch.zeros(dim))
        self.raw_gate_V = nn.Parameter(torch.zeros(num_words))

    def forward(self, bags: Bags) -> Tensor:
        """Return (B, D)."""
        words_WD = functional.embedding(bags.word_W, self.words_VD, sparse=True)
        sums_BD = self.base_D.expand(bags.num_texts, -1).index_add(0, bags.text_W, words_WD)
        return sums_BD / bags.lengths(functional.softplus(self.raw_gate_V))


class StaticStudent(nn.Module):
    """The formula of the static encoder with trainable numbers: K entries a word, not rounded."""

    term_ids_VK: Tensor

    def __init__(self, dense: DenseStudent, side: TextSide, num_entries: int) -> None:
        super().__init__()
        self.config = side.config
        num_words = len(side.codebook_VD)
        kept = min(num_entries, num_words)
        term_ids, entries = [], []
        with torch.no_grad():
            for words_CD in dense.words_VD.split(_CHUNK):
                logits_CV = words_CD @ side.codebook_VD.t()
                # A row keeps what it helps most towards being active.
                ids_CK = (logits_CV + side.bias_V).topk(kept, dim=1).indices
                term_ids.append(ids_CK)
                entries.append(logits_CV.gather(1, ids_CK))
            self.base_V = nn.Parameter(side.codebook_VD @ dense.base_D)
        self.register_buffer("term_ids_VK", torch.cat(term_ids))
        self.entries_VK = nn.Parameter(torch.cat(entries))
        self.raw_gate_V = nn.Parameter(dense.raw_gate_V.detach().clone())
        self.bias_V = nn.Parameter(side.bias_V.detach().clone())
        self.own_V = nn.Parameter(side.own_weight_V.detach().clone())

    def forward(self, bags: Bags, own_BV: Tensor) -> Tensor:
        """Return (B, V) activations."""
        num_words = own_BV.shape[1]
        places_WK = bags.text_W.unsqueeze(1) * num_words + self.term_ids_VK[bags.word_W]
        entries_WK = functional.embedding(bags.word_W, self.entries_VK, sparse=True)
        sums_BV = (
            torch.zeros(bags.num_texts * num_words)
            .index_add(0, places_WK.flatten(), entries_WK.flatten())
            .view(bags.num_texts, num_words)
        )
        lengths_B1 = bags.lengths(functional.softplus(self.raw_gate_V))
        logits_BV = (self.base_V + sums_BV) / lengths_B1 + self.bias_V + own_BV * self.own_V
        floor_BV = own_BV * self.config.text.own_word_floor
        return torch.maximum(activate(logits_BV, self.config.activation), floor_BV)

    @torch.no_grad()
    def table(self) -> StaticTable:
        """Return what was learnt, rounded as it is stored."""
        return StaticTable.quantized(
            self.term_ids_VK.numpy(),
            self.entries_VK.numpy(),
            gate=functional.softplus(self.raw_gate_V).numpy(),
            base=self.base_V.numpy().copy(),
            bias=self.bias_V.numpy().copy(),
            own=self.own_V.numpy().copy(),
        )


def _fit_dense(
    student: DenseStudent, lessons: Lessons, recipe: StaticRecipe, progress: Progress
) -> None:
    lr = recipe.dense_lr * float(lessons.vectors_ND.square().mean().sqrt())
    optimizers = _optimizers(student, student.words_VD)
    steps = list(_batches(len(lessons.bags), recipe.dense_batch, recipe.dense_epochs, recipe.seed))
    for step, chosen in enumerate(steps):
        found_BD = student(Bags.of([lessons.bags[i] for i in chosen]))
        wanted_BD = lessons.vectors_ND[chosen]
        loss = functional.mse_loss(found_BD, wanted_BD, reduction="sum") / len(chosen)
        _step(optimizers, loss, lr * (1 - step / len(steps)))
        progress("dense steps", step + 1, len(steps))


def _fit(
    student: StaticStudent,
    side: TextSide,
    lessons: Lessons,
    recipe: StaticRecipe,
    progress: Progress,
) -> None:
    optimizers = _optimizers(student, student.entries_VK)
    steps = list(_batches(len(lessons.bags), recipe.batch, recipe.epochs, recipe.seed + 1))
    max_words, num_words = side.config.text.max_words, len(side.codebook_VD)
    for step, chosen in enumerate(steps):
        bags = Bags.of([lessons.bags[i] for i in chosen])
        own_BV = bags.own(num_words)
        with torch.no_grad():
            activations_BV = side.word_logits(lessons.vectors_ND[chosen], own_BV)[1]
            wanted_BV = normalize(keep_strongest(activations_BV, max_words, always_BV=own_BV))
        found_BV = student(bags, own_BV)
        kept_BV = keep_strongest(found_BV.detach(), max_words, always_BV=own_BV) > 0
        # What one of the two keeps: a word that is missing must still be pulled in.
        found_BV = normalize(found_BV * (kept_BV | (wanted_BV > 0)))
        loss = (1.0 - (found_BV * wanted_BV).sum(1)).mean()
        _step(optimizers, loss, recipe.lr * (1 - step / len(steps)))
        progress("steps", step + 1, len(steps))


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
