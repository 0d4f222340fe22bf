"""Faithfulness of explanations: do the patches that one names carry the word?

For a word of a picture, patches are covered with the picture's mean colour, those with most of the
word first, and the picture is encoded again after each step (deletion); or they are uncovered on a
plain picture (insertion). If the explanation is faithful, the word goes sooner, and comes sooner,
than with patches in random order (Petsiuk, Das and Saenko, "RISE", BMVC 2018, section 3.3).

Legend: F fractions of patches, C curves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageStat

from lexret.encoders.protocol import PatchEncoder, PatchEncoding, PatchGrid
from lexret.errors import InputError
from lexret.eval.intervals import Interval, bootstrap_intervals
from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_image
from lexret.pictures.finding import find_images

DEFAULT_STEPS: Final = 9
DEFAULT_WORDS: Final = 1
_NUM_RANDOM: Final = 2
_BATCH: Final = 16

Curves = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Comparison of named patches with random ones.

    Attributes:
        named_CF: relative weight of the word, by share of patches, in the explanation's order.
        random_CF: the same in random order, mean of the draws.
    """

    named_CF: Curves
    random_CF: Curves

    def areas(self) -> tuple[Curves, Curves]:
        """Return the (C,) areas under both curves, from 0 to 1 where weights stay below 1."""
        return _areas(self.named_CF), _areas(self.random_CF)

    def as_dict(self) -> dict[str, Any]:
        """Return mean curves and areas; the interval is of named - random over pictures."""
        named_C, random_C = self.areas()
        interval = self.interval()
        return {
            "named": round(float(named_C.mean()), 4),
            "random": round(float(random_C.mean()), 4),
            "difference_interval": interval.as_list(),
            "named_curve": [round(weight, 4) for weight in self.named_CF.mean(axis=0).tolist()],
            "random_curve": [round(weight, 4) for weight in self.random_CF.mean(axis=0).tolist()],
        }

    def interval(self) -> Interval:
        """Return the 95% bootstrap interval of the difference of areas, named - random."""
        named_C, random_C = self.areas()
        return bootstrap_intervals({"difference": named_C - random_C})["difference"]


@dataclass(frozen=True, eq=False)
class FaithfulnessResult:
    """Result of deletion (smaller areas are better) and insertion (larger areas are)."""

    deletion: Comparison
    insertion: Comparison
    shares: tuple[float, ...]
    words: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the result as ``lexret eval faithfulness --json`` prints it."""
        return {
            "deletion": self.deletion.as_dict(),
            "insertion": self.insertion.as_dict(),
            "shares": [round(share, 4) for share in self.shares],
            "num_words": len(self.words),
            "words": list(self.words),
        }


def evenly_chosen(folder: Path, num_pictures: int) -> list[Image.Image]:
    """Open so many pictures of a folder, or all where it holds fewer, chosen evenly.

    Raises:
        MissingError, InputError: if there is no such folder, or no picture in it.
        ImageError: if one of them cannot be read.
    """
    paths = list(find_images(folder))
    if not paths:
        raise InputError(
            f"There is no picture in {folder}: no file in it ends like a picture (.jpg, .png, "
            ".webp and others). Name the folder that holds the pictures."
        )
    count = min(num_pictures, len(paths))
    chosen = np.linspace(0, len(paths) - 1, count).round().astype(int)
    return [open_image(paths[i], min_side=ENCODING_MIN_SIDE) for i in chosen]


def measure_faithfulness(
    pictures: Sequence[Image.Image],
    encoder: PatchEncoder,
    *,
    num_words: int = DEFAULT_WORDS,
    num_steps: int = DEFAULT_STEPS,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> FaithfulnessResult:
    """Measure the strongest words of pictures.

    Args:
        pictures: RGB.
        num_words: how many of each picture's strongest words.
        num_steps: how often a picture is encoded along a curve, besides its start.
        progress: called with (pictures done, pictures in all).

    Raises:
        InputError: if no picture has a word, or there are fewer patches than steps.
    """
    rng = np.random.default_rng(seed)
    rows: list[list[npt.NDArray[np.float64]]] = []
    words: list[str] = []
    counts = np.empty(0)
    for done, picture in enumerate(pictures, start=1):
        encoding = encoder.encode_patches([picture])[0]
        counts = _counts(len(encoding.grid), num_steps)
        for found in encoding.image.words(num_words):
            orders = [_named_order(encoding, found.word)]
            orders += [rng.permutation(len(encoding.grid)) for _ in range(_NUM_RANDOM)]
            rows.append(_curves(picture, encoder, encoding.grid, found.word, orders, counts))
            words.append(found.word)
        if progress is not None:
            progress(done, len(pictures))
    if not rows:
        raise InputError(f"None of the {len(pictures)} pictures has a word to look for.")
    stacked_COKF = np.array(rows)  # C curves, O orders, K kinds, F fractions
    named, drawn = stacked_COKF[:, 0], stacked_COKF[:, 1:].mean(axis=1)
    return FaithfulnessResult(
        Comparison(named[:, 0], drawn[:, 0]),
        Comparison(named[:, 1], drawn[:, 1]),
        tuple((counts / counts[-1]).tolist()),
        tuple(words),
    )


def _counts(num_patches: int, num_steps: int) -> npt.NDArray[np.float64]:
    if num_steps > num_patches:
        raise InputError(f"{num_steps} steps are more than the {num_patches} patches.")
    return np.linspace(0, num_patches, num_steps + 1).round()


def _named_order(encoding: PatchEncoding, word: str) -> npt.NDArray[np.int64]:
    """Return the patches by falling weight of a word."""
    weights_P = np.array([patch.weight_of(word) for patch in encoding.patches])
    return np.argsort(-weights_P, kind="stable")


def _curves(
    picture: Image.Image,
    encoder: PatchEncoder,
    grid: PatchGrid,
    word: str,
    orders: Sequence[npt.NDArray[np.int64]],
    counts_F: npt.NDArray[np.float64],
) -> list[npt.NDArray[np.float64]]:
    """Return for each order (2, F) the word's weight after deletion and insertion, relative."""
    plain = Image.new("RGB", picture.size, tuple(int(c) for c in ImageStat.Stat(picture).mean))
    changed = [
        _with_patches(base, other, grid, order[: int(count)])
        for order in orders
        for base, other in ((picture, plain), (plain, picture))
        for count in counts_F
    ]
    weights = [row.weight_of(word) for row in encoder.encode(changed, batch_size=_BATCH)]
    whole = max(weights[0], 1e-12)
    relative = np.array(weights).reshape(len(orders), 2, len(counts_F)) / whole
    return list(relative)


def _with_patches(
    base: Image.Image, other: Image.Image, grid: PatchGrid, patches: npt.NDArray[np.int64]
) -> Image.Image:
    """Return a picture with some patches taken from another of the same size."""
    result = base.copy()
    for patch in patches:
        left, top, right, bottom = (round(side) for side in grid.box(int(patch), *base.size))
        result.paste(other.crop((left, top, right, bottom)), (left, top))
    return result


def _areas(curves_CF: Curves) -> Curves:
    """Return the areas by the trapezoid rule over shares from 0 to 1, which lie evenly."""
    middles_CF = (curves_CF[:, 1:] + curves_CF[:, :-1]) / 2
    areas_C: Curves = middles_CF.mean(axis=1)
    return areas_C
