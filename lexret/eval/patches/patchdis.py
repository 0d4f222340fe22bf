"""PatchDis: do a picture's patches mean what they say? Defined in docs/patchdis.md.

Legend: N pictures, P patches, V words, K classes, D dense dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lexret.encoders.protocol import PatchGrid
from lexret.errors import InputError
from lexret.eval.intervals import Interval
from lexret.eval.patches.masks import Mask

Counts = npt.NDArray[np.int64]
Predicted = npt.NDArray[np.int64]
PatchScores = npt.NDArray[np.floating[Any]]

DEFAULT_PROMPTS: Final = ("{name}",)
_NUM_DRAWS: Final = 1000
_NUM_RANDOM: Final = 5


@dataclass(frozen=True, eq=False)
class Overlap:
    """Overlap of predicted maps and truth, by picture, without pixels that have no name.

    Attributes:
        both_NK: pixels of a class that were given that class.
        predicted_NK: pixels that were given a class.
        truth_NK: pixels of a class.
    """

    both_NK: Counts
    predicted_NK: Counts
    truth_NK: Counts

    @property
    def present_K(self) -> npt.NDArray[np.bool_]:
        """The classes that some picture shows."""
        present: npt.NDArray[np.bool_] = self.truth_NK.sum(axis=0) > 0
        return present

    def iou_K(self, weights_N: npt.NDArray[np.float64] | None = None) -> npt.NDArray[np.float64]:
        """Return each class's intersection over union in percent; 0 where it is nowhere.

        Args:
            weights_N: how often each picture counts; None: once.
        """
        sums = [
            counts.sum(axis=0) if weights_N is None else weights_N @ counts
            for counts in (self.both_NK, self.predicted_NK, self.truth_NK)
        ]
        both, union = sums[0], sums[1] + sums[2] - sums[0]
        iou: npt.NDArray[np.float64] = 100.0 * both / np.maximum(union, 1)
        return iou

    def miou(self) -> float:
        """Return the mean over the classes that are present, in percent."""
        return float(self.iou_K()[self.present_K].mean())

    def accuracy(self) -> float:
        """Return the percentage of pixels that were given their class."""
        return 100.0 * float(self.both_NK.sum() / self.truth_NK.sum())

    def interval(self, *, seed: int = 0) -> Interval:
        """Return the 95% bootstrap interval of :meth:`miou` over pictures.

        A class that a draw lacks does not count in that draw.
        """
        rng = np.random.default_rng(seed)
        num_pictures = len(self.truth_NK)
        mious = []
        for _ in range(_NUM_DRAWS):
            weights_N = rng.multinomial(num_pictures, np.full(num_pictures, 1 / num_pictures))
            present_K = (weights_N @ self.truth_NK) > 0
            mious.append(self.iou_K(weights_N.astype(np.float64))[present_K].mean())
        low, high = np.quantile(mious, [0.025, 0.975])
        return Interval(float(low), float(high))


@dataclass(frozen=True, eq=False)
class PatchDisResult:
    """Result of PatchDis for a model, with baselines.

    Attributes:
        overlap: of the model's patches.
        names: the K classes.
        baselines: name -> overlap; None where this model allows none.
    """

    overlap: Overlap
    names: tuple[str, ...]
    baselines: Mapping[str, Overlap | None]

    def as_dict(self) -> dict[str, Any]:
        """Return the result as ``lexret eval patchdis --json`` prints it, in percent."""
        iou_K, present_K = self.overlap.iou_K(), self.overlap.present_K
        return {
            "miou": round(self.overlap.miou(), 4),
            "interval": self.overlap.interval().as_list(),
            "pixel_accuracy": round(self.overlap.accuracy(), 4),
            "classes": {
                name: round(float(iou_K[k]), 4) for k, name in enumerate(self.names) if present_K[k]
            },
            "baselines": {
                name: None if overlap is None else round(overlap.miou(), 4)
                for name, overlap in self.baselines.items()
            },
            "num_images": len(self.overlap.truth_NK),
            "num_classes": {"asked": len(self.names), "present": int(present_K.sum())},
        }


class PatchTruth:
    """Ground truth: pixels by class of every patch of many pictures.

    Args:
        num_classes: K.
    """

    def __init__(self, num_classes: int) -> None:
        self._num_classes = num_classes
        self._counts_PK: list[Counts] = []

    def add(self, mask_HW: Mask, grid: PatchGrid) -> None:
        """Count a picture's pixels; each belongs to the patch that its centre lies in."""
        height, width = mask_HW.shape
        rows_H = ((np.arange(height) + 0.5) * grid.num_rows / height).astype(np.int64)
        cols_W = ((np.arange(width) + 0.5) * grid.num_cols / width).astype(np.int64)
        patches_HW = rows_H[:, None] * grid.num_cols + cols_W[None, :]
        named = mask_HW >= 0
        places = patches_HW[named] * self._num_classes + mask_HW[named]
        counts = np.bincount(places, minlength=len(grid) * self._num_classes)
        self._counts_PK.append(counts.reshape(len(grid), self._num_classes).astype(np.int64))

    def __len__(self) -> int:
        return len(self._counts_PK)

    def overlap(self, predicted: Sequence[Predicted]) -> Overlap:
        """Compare predictions with the truth.

        Args:
            predicted: for each picture (P,) the class of each patch, -1 for none.

        Raises:
            InputError: if no pixel has a name.
        """
        both, given, truth = [], [], []
        for counts_PK, classes_P in zip(self._counts_PK, predicted, strict=True):
            said = np.flatnonzero(classes_P >= 0)
            classes = classes_P[said]
            pixels_P = counts_PK.sum(axis=1)
            size = self._num_classes
            both.append(np.bincount(classes, counts_PK[said, classes], minlength=size))
            given.append(np.bincount(classes, pixels_P[said], minlength=size))
            truth.append(counts_PK.sum(axis=0))
        stacked = [np.array(counts, dtype=np.int64) for counts in (both, given, truth)]
        if not stacked[2].any():
            raise InputError("No pixel of any mask has one of the classes that are asked for.")
        return Overlap(*stacked)

    def majority(self) -> Overlap:
        """Give every patch the class with most pixels of all: a baseline that knows the truth."""
        most = int(np.argmax(sum(counts.sum(axis=0) for counts in self._counts_PK)))
        return self.overlap([np.full(len(counts), most) for counts in self._counts_PK])

    def random(self, *, seed: int = 0) -> Overlap:
        """Give every patch any class, five times over: pictures are counted five times."""
        rng = np.random.default_rng(seed)
        draws = [
            self.overlap([rng.integers(0, self._num_classes, len(c)) for c in self._counts_PK])
            for _ in range(_NUM_RANDOM)
        ]
        sums = [sum(getattr(draw, name) for draw in draws) for name in Overlap.__annotations__]
        return Overlap(*sums)


def winners(scores_PK: PatchScores) -> Predicted:
    """Return each patch's best class; -1 where no class scores above 0; ties: the first."""
    best_P = scores_PK.argmax(axis=1)
    said_P = np.take_along_axis(scores_PK, best_P[:, None], axis=1)[:, 0] > 0
    return np.where(said_P, best_P, -1)
