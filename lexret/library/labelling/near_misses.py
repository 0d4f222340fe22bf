"""Pictures that are nearest to a class but not sure enough, and how many a lower level adds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from lexret.library.labelling.reports import LabelledPicture, Reach

LEVELS: Final = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""How sure a class may have to be, that pictures are counted for."""


class NearMisses:
    """Count of how sure pictures are, and the surest of those that are not sure enough.

    Args:
        classes: that pictures may be nearest to.
        at_least: how sure a class must be.
        num_told: so many of each class are told at the most.
    """

    def __init__(self, classes: Sequence[str], at_least: float, num_told: int) -> None:
        self._at_least, self._num_told = at_least, num_told
        self._levels = (at_least, *(level for level in LEVELS if level < at_least))
        self._counts = {name: [0] * len(self._levels) for name in classes}
        self._near: dict[str, list[LabelledPicture]] = {name: [] for name in classes}
        self._least = dict.fromkeys(classes, 0.0)

    def take(self, class_name: str, sure: float, told: Callable[[], LabelledPicture]) -> None:
        """Count a picture that is no example.

        Args:
            told: returns the picture with what decided; called only for those that may be told.
        """
        counts = self._counts[class_name]
        for place, level in enumerate(self._levels):
            counts[place] += sure >= level
        if not self._num_told or sure >= self._at_least or sure < self._least[class_name]:
            return
        near = self._near[class_name]
        near.append(told())
        if len(near) >= 2 * self._num_told:
            self._near[class_name] = _surest(near, self._num_told)
            self._least[class_name] = self._near[class_name][-1].sure

    def reach(self) -> dict[str, tuple[Reach, ...]]:
        """Return how many pictures of each class are as sure as each level."""
        return {
            name: tuple(map(Reach, self._levels, counts)) for name, counts in self._counts.items()
        }

    def told(self) -> tuple[LabelledPicture, ...]:
        """Return the surest of each class that are not sure enough."""
        return tuple(one for near in self._near.values() for one in _surest(near, self._num_told))


def _surest(pictures: Sequence[LabelledPicture], k: int) -> list[LabelledPicture]:
    return sorted(pictures, key=lambda one: (-one.sure, one.doc_id))[:k]
