"""Denoising of a picture's cells by a language model, in context.

V2L Tokenizer (Zhu et al., "Beyond Text", CVPR 2024), section 3.3 and Figure 4: a language model is
shown pairs of cells, a few of a damaged picture and those of the whole one, and goes on with the
cells that are missing or spoilt, a few at a time. Where the paper and its public code differ, both
are values of :class:`DenoisingSettings`.

In the paper the pairs are noisy copies of the very picture that is to be restored
(:func:`noisy_copies`), so that most of the answer stands in the prompt: that measures whether a
model takes up the "language" of cells, and restores nothing that nobody knows. For a picture whose
original is lost, give pairs of other pictures.

Cells are token ids of the language model's vocabulary, (rows, columns), read row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from lexret.errors import InputError, MismatchError
from lexret.rebuild.denoising_prompts import (
    AS_THE_PAPER,
    FILLING,
    CellPair,
    Cells,
    DenoisingSettings,
    Mask,
    Task,
    entries_of,
    mask_of,
    prompt_parts,
    require_task,
)
from lexret.telling.language_model import TokenModel

Progress = Callable[[int, int], None]


def denoise(
    model: TokenModel,
    damaged: Cells,
    task: Task,
    examples: Sequence[CellPair],
    entries: npt.ArrayLike,
    *,
    mask: Mask | None = None,
    settings: DenoisingSettings = AS_THE_PAPER,
    progress: Progress | None = None,
) -> Cells:
    """Return a picture's cells with those of a mask predicted by a language model, row by row.

    Cells that are predicted are read as known by those that follow them, where the task is to fill
    (``inpaint``, ``outpaint``); a cell outside of the mask stays as it is.

    Args:
        damaged: (rows, columns) token ids; what stands in the mask is not read where the task is
            to fill.
        examples: pairs of the same shape, shown in their order: :func:`noisy_copies`, or of other
            pictures.
        entries: token ids that a cell may be.
        mask: (rows, columns) True for the cells to predict; by default that of the task.
        progress: is called with the number of cells predicted and the number to predict.

    Raises:
        InputError: if shapes differ, a cell is none of the entries, or the prompt is longer than
            the model reads.
        MismatchError: if the model's vocabulary is smaller than the entries are.
    """
    require_task(task)
    mask = mask_of(task, _shape(damaged)) if mask is None else np.asarray(mask, dtype=np.bool_)
    allowed = entries_of(entries)
    _check(damaged, mask, examples, allowed, task, model)
    asked = _Asked(model, task, settings, examples)
    cells = np.asarray(damaged, dtype=np.int64).reshape(-1).copy()
    source = cells.copy()  # what is restored is read as it was damaged
    masked = mask.reshape(-1)
    total, done, place = int(masked.sum()), 0, 0
    while place < len(cells):
        if not masked[place]:
            place += 1
            continue
        end = min(place + settings.num_predicted, len(cells))
        ids = asked.prompt_ids(cells if task in FILLING else source, place, end)
        predicted = model.continue_tokens(
            ids, end - place, allowed.tolist() if settings.constrained else None
        )
        span = slice(place, end)
        cells[span] = np.where(masked[span], np.array(predicted, dtype=np.int64), cells[span])
        done += int(masked[span].sum())
        place = end
        if progress is not None:
            progress(done, total)
    return cells.reshape(damaged.shape)


class _Asked:
    """Prompts of one picture; each text is split into tokens once."""

    def __init__(
        self,
        model: TokenModel,
        task: Task,
        settings: DenoisingSettings,
        examples: Sequence[CellPair],
    ) -> None:
        self._model, self._task = model, task
        self._settings, self._examples = settings, examples
        self._ids: dict[tuple[str, bool], list[int]] = {}

    def prompt_ids(self, cells: Cells, place: int, end: int) -> list[int]:
        parts = prompt_parts(self._task, cells, self._examples, place, end, self._settings)
        ids: list[int] = []
        for part in parts:
            ids += self._text(part, first=not ids) if isinstance(part, str) else part
        return ids

    def _text(self, text: str, *, first: bool) -> list[int]:
        if (text, first) not in self._ids:
            inside = self._settings.wording.joined and not first
            self._ids[text, first] = self._model.token_ids(
                text, where="first" if first else "inside" if inside else "alone"
            )
        return self._ids[text, first]


def require_vocabulary(model: TokenModel, token_ids: Sequence[int], pieces: Sequence[str]) -> None:
    """Raise MismatchError where a model's tokens are not those that cells are entries of.

    Models of another family use the same numbers for other tokens.

    Args:
        token_ids: of the entries.
        pieces: what each of them says; blanks and marks around it do not count.
    """
    found = model.pieces(token_ids)
    for token_id, expected, said in zip(token_ids, pieces, found, strict=True):
        if _bare(said) != _bare(expected):
            raise MismatchError(
                f"The cells are entries of another vocabulary than that of {model.name}: the "
                f"token {token_id} is {expected!r} there and {said!r} here. Cells of Llama 2's "
                "vocabulary need a model that has it, such as Llama 2 itself."
            )


def _bare(piece: str) -> str:
    return piece.strip(" \u2581\u0120")  # SentencePiece's blank, and that of byte-level tokens


def _shape(cells: Cells) -> tuple[int, int]:
    if cells.ndim != 2 or not cells.size:
        raise InputError(f"Cells are expected as (rows, columns); found the shape {cells.shape}.")
    return cells.shape[0], cells.shape[1]


def _check(
    damaged: Cells,
    mask: Mask,
    examples: Sequence[CellPair],
    allowed: Cells,
    task: Task,
    model: TokenModel,
) -> None:
    """Hold the cells against each other, the entries and the model's vocabulary."""
    shape = _shape(damaged)
    grids = [side for pair in examples for side in (pair.damaged, pair.whole)]
    for grid in (mask, *grids):
        if grid.shape != shape:
            raise InputError(
                f"The cells have the shape {shape}, and others beside them {grid.shape}."
            )
    read = damaged[~mask] if task in FILLING else damaged
    for grid in (read, *grids):
        strange = np.setdiff1d(grid, allowed)
        if len(strange):
            raise InputError(f"The cell {int(strange[0])} is none of the {len(allowed):,} entries.")
    if allowed[0] < 0 or allowed[-1] >= model.num_tokens:
        raise MismatchError(
            f"The cells are entries of a vocabulary of more than {int(allowed[-1]):,} tokens; "
            f"{model.name} has {model.num_tokens:,}. Cells of Llama 2's vocabulary need a model "
            "that has it."
        )
