"""Choices of tokens: which of a picture's tokens the decoder may see, and pictures from those.

Legend: N pictures, B pictures of a chunk, S side in pixels, G rows and columns of cells, K words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lexret.rebuild.model import RebuildModel
from lexret.rebuild.network import TextTokens
from lexret.rebuild.prepared import PreparedPictures

_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """Choice of a picture's tokens.

    Attributes:
        words: so many of its strongest words.
        cells: whether its cells.
        soft: so many of its soft tokens.
        text: its own caption, none, or that of another picture (a control).
        others: take all chosen tokens of another picture (a control).
    """

    words: int = 0
    cells: bool = False
    soft: int = 0
    text: Literal["none", "own", "shuffled"] = "none"
    others: bool = False

    @property
    def name(self) -> str:
        """Name of the choice, such as "21 words, cells"."""
        parts = [f"{self.words} words"] if self.words else []
        parts += ["cells"] if self.cells else []
        parts += [f"{self.soft} soft"] if self.soft else []
        parts += [] if self.text == "none" else [f"{self.text} text"]
        told = ", ".join(parts) or "nothing"
        return f"{told}, of another picture" if self.others else told


@dataclass(frozen=True, eq=False)
class RebuiltPictures:
    """Rebuilt pictures.

    Attributes:
        pixels: (N, S, S, 3) uint8.
        entries: (N, G, G) int64, which entry each cell is.
    """

    pixels: npt.NDArray[np.uint8]
    entries: npt.NDArray[np.int64]


def shuffled_rows(count: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Return (count,) for each row another one, each once; with one row alone, itself.

    Each row gets the next one of a random order, so that no row keeps its own.
    """
    order = np.random.default_rng(seed).permutation(count)
    others = np.empty(count, np.int64)
    others[order] = np.roll(order, 1)
    return others


@torch.inference_mode()
def rebuild_pictures(
    model: RebuildModel, pictures: PreparedPictures, choice: TokenChoice
) -> RebuiltPictures:
    """Rebuild pictures from what is chosen of their tokens."""
    others = shuffled_rows(len(pictures))
    source = pictures.rows(others) if choice.others else pictures
    texts = pictures.text_ids[others] if choice.text == "shuffled" else source.text_ids
    found = [
        _rebuild(model, source.rows(slice(i, i + _AT_ONCE)), texts[i : i + _AT_ONCE], choice)
        for i in range(0, len(pictures), _AT_ONCE)
    ]
    return RebuiltPictures(
        np.concatenate([pixels for pixels, _ in found]),
        np.concatenate([entries for _, entries in found]),
    )


def _rebuild(
    model: RebuildModel,
    pictures: PreparedPictures,
    text_ids: npt.NDArray[np.int32],
    choice: TokenChoice,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    count = len(pictures)
    every_word = _words(pictures, pictures.word_ids.shape[1])
    words = model.words(*_words(pictures, choice.words))
    text = None if choice.text == "none" else _first_captions(model, text_ids)
    # The encoder may look at the picture's words where it is trained to, whatever is shown.
    seen = model.see(
        unit_pixels(pictures.pixels),
        torch.from_numpy(np.asarray(pictures.coarse, np.float32)),
        words=model.words(*every_word) if model.config.text == "words" else None,
        text=text,
    )
    soft = None
    if choice.soft and seen.soft_BnH is not None:
        soft = model.soft_outputs(seen.soft_BnH, torch.full((count,), choice.soft))
    context = model.context(count, words=words, text=text, soft=soft)
    has_cells_B = torch.full((count,), choice.cells)
    rebuilt = model.rebuild(seen.cells.codes_BDGG, has_cells_B, context)
    return byte_pixels(rebuilt), seen.cells.entries_BGG.numpy()


def _words(pictures: PreparedPictures, k: int) -> tuple[Tensor, Tensor]:
    ids_BK = pictures.word_ids[:, :k]
    weights_BK = np.where(ids_BK >= 0, pictures.word_weights[:, :k], 0).astype(np.float32)
    return torch.from_numpy(np.maximum(ids_BK, 0).astype(np.int64)), torch.from_numpy(weights_BK)


def _first_captions(model: RebuildModel, text_ids: npt.NDArray[np.int32]) -> TextTokens | None:
    if model.config.text != "captions":
        return None
    return model.text(torch.from_numpy(text_ids[:, 0].astype(np.int64)))


def unit_pixels(pixels_BSS3: npt.NDArray[np.uint8]) -> Tensor:
    """Return (B, 3, S, S) float32 from -1 to 1."""
    return torch.from_numpy(np.array(pixels_BSS3)).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def byte_pixels(pixels_B3SS: Tensor) -> npt.NDArray[np.uint8]:
    """Return (B, S, S, 3) uint8 of what is about -1 to 1."""
    scaled = (pixels_B3SS.float() + 1.0).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    found: npt.NDArray[np.uint8] = scaled.permute(0, 2, 3, 1).contiguous().numpy()
    return found
