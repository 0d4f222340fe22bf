"""Prompts that show a language model damaged cells and whole ones; see the module ``denoising``.

The texts are those of V2L Tokenizer's Figure 4, word for word, and of its public code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from lexret.errors import InputError

Cells = npt.NDArray[np.integer[Any]]
Mask = npt.NDArray[np.bool_]
Task = Literal["inpaint", "outpaint", "deblur", "rotate", "shift"]

TASKS: Final[tuple[Task, ...]] = ("inpaint", "outpaint", "deblur", "rotate", "shift")
FILLING: Final = frozenset({"inpaint", "outpaint"})
"""Tasks that predict cells from those before them; the others read the damaged cells themselves."""


@dataclass(frozen=True, slots=True)
class Wording:
    """Text around the cells of a prompt.

    Attributes:
        task: begins the prompt; ``{m}`` stands for the number of cells to predict.
        before: stands before the cells that are given.
        between: stands between these and the cells that are to follow.
        after: ends a pair.
        joined: the texts go on within one text; else each is split into tokens by itself.
    """

    task: str
    before: str
    between: str
    after: str
    joined: bool


PAPERS_WORDING: Final = Wording(
    "Learn a new language and predict {m} tokens following the examples.",
    " Input:", ", output:", ".", joined=True,
)  # fmt: skip
CODES_WORDING: Final = Wording(
    "Learning a new language and predict the {m} tokens following the examples.\n",
    "###\nInput: < ", " >\nOutput: ", "", joined=False,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DenoisingSettings:
    """How a language model is asked for cells.

    Attributes:
        num_predicted: cells that it predicts at a time (the paper's m).
        num_before: cells before them that it reads (n).
        rates: of each noisy copy, the share of cells that is replaced. The paper says from 23% to
            50% in steps of 3%; its code shows the noisiest first.
        wording: the text around the cells.
        reads_before: whether tasks that read the damaged cells also read the ``num_before`` ones
            before them, as the paper has it; its code does not.
        constrained: whether only entries of cells may be predicted; in the code any token may.
    """

    num_predicted: int = 2
    num_before: int = 16
    rates: tuple[float, ...] = (0.23, 0.26, 0.29, 0.32, 0.35, 0.38, 0.41, 0.44, 0.47, 0.5)
    wording: Wording = PAPERS_WORDING
    reads_before: bool = True
    constrained: bool = True

    def __post_init__(self) -> None:
        if self.num_predicted < 1 or self.num_before < 0:
            raise InputError(
                "At least 1 cell is predicted, from 0 or more before it; found "
                f"{self.num_predicted} from {self.num_before}."
            )
        if any(not 0 <= rate <= 1 for rate in self.rates):
            raise InputError(f"Shares of cells lie between 0 and 1; found {self.rates}.")


AS_THE_PAPER: Final = DenoisingSettings()
AS_THE_CODE: Final = DenoisingSettings(
    rates=AS_THE_PAPER.rates[::-1],
    wording=CODES_WORDING,
    reads_before=False,
    constrained=False,
)


@dataclass(frozen=True, eq=False)
class CellPair:
    """Cells of a picture as it was damaged, and whole, of the same shape.

    For inpainting and outpainting nothing is damaged but the mask, and both are the same.
    """

    damaged: Cells
    whole: Cells


def mask_of(task: Task, shape: tuple[int, int]) -> Mask:
    """Return which cells are to be predicted: (rows, columns).

    The middle half of rows and columns for inpainting, the lower half for outpainting (8 x 8 and
    8 x 16 of the paper's 16 x 16 cells), and all of them for the other tasks.
    """
    require_task(task)
    rows, columns = shape
    mask = np.zeros(shape, dtype=np.bool_)
    if task == "inpaint":
        top, left = rows // 4, columns // 4
        mask[top : top + rows // 2, left : left + columns // 2] = True
    elif task == "outpaint":
        mask[rows - rows // 2 :] = True
    else:
        mask[:] = True
    return mask


def require_task(task: str) -> None:
    """Raise InputError for what is no task."""
    if task not in TASKS:
        raise InputError(f"{task!r} is no way to denoise; expected one of {', '.join(TASKS)}.")


def noisy_copies(
    pair: CellPair,
    entries: npt.ArrayLike,
    *,
    settings: DenoisingSettings = AS_THE_PAPER,
    seed: int = 0,
) -> list[CellPair]:
    """Return a copy of a pair for each of the rates, some cells replaced by any of the entries.

    Both sides of a copy are replaced at the same places, by the same entries (Figure 4).

    Args:
        entries: token ids that a cell may be.
    """
    rng = np.random.default_rng(seed)
    allowed = entries_of(entries)
    num_cells = pair.whole.size
    copies = []
    for rate in settings.rates:
        places = rng.permutation(num_cells)[: int(rate * num_cells)]
        replaced = rng.choice(allowed, len(places))
        sides = [side.reshape(-1).copy() for side in (pair.damaged, pair.whole)]
        for side in sides:
            side[places] = replaced
        copies.append(CellPair(*(side.reshape(pair.whole.shape) for side in sides)))
    return copies


def prompt_parts(
    task: Task,
    cells: Cells,
    examples: Sequence[CellPair],
    place: int,
    end: int,
    settings: DenoisingSettings = AS_THE_PAPER,
) -> list[str | list[int]]:
    """Return the prompt for the cells from ``place`` up to ``end``: texts, and cells between them.

    Args:
        cells: of the picture, (rows * columns,): as far as predicted where the task is to fill,
            else as it was damaged.
    """
    wording = settings.wording
    given = _given(task, place, end, settings)
    parts: list[str | list[int]] = [wording.task.replace("{m}", str(settings.num_predicted))]
    for example in examples:
        side = example.whole if task in FILLING else example.damaged
        shown = side.reshape(-1)[given].tolist()
        expected = example.whole.reshape(-1)[place:end].tolist()
        parts += [wording.before, shown, wording.between, expected, wording.after]
    parts += [wording.before, cells[given].tolist(), wording.between]
    return _merged(parts)


def _given(task: Task, place: int, end: int, settings: DenoisingSettings) -> slice:
    """Return which cells the model reads to predict those from ``place`` up to ``end``."""
    before = max(0, place - settings.num_before)
    if task in FILLING:
        return slice(before, place)
    return slice(before if settings.reads_before else place, end)


def _merged(parts: Sequence[str | list[int]]) -> list[str | list[int]]:
    """Join adjacent texts, and leave out empty parts."""
    merged: list[str | list[int]] = []
    for part in parts:
        if merged and isinstance(part, str) and isinstance(merged[-1], str):
            merged[-1] += part
        elif part:
            merged.append(part)
    return merged


def entries_of(entries: npt.ArrayLike) -> Cells:
    """Return the token ids that a cell may be, rising; raises InputError where there is none."""
    allowed = np.unique(np.asarray(entries, dtype=np.int64))
    if not len(allowed):
        raise InputError("There is no entry that a cell may be.")
    return allowed
