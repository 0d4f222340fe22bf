"""Rows of texts: which row of a table a text is in, in 12 bytes a text, whatever its length.

Millions of texts in a dictionary take gigabytes. Here are only their hashes, in order; what has the
hash that is asked for is compared with the text itself.

Shapes: N texts, Q texts that are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


class TextRows:
    """Table of texts, which are looked up by their hashes and compared.

    Args:
        texts: all of them, in the order of their rows.
        texts_at: returns the texts of some rows.
    """

    def __init__(self, texts: Iterable[str], texts_at: Callable[[Rows], Sequence[str]]) -> None:
        hashes = np.fromiter(map(hash, texts), np.int64)
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._row_of_place = hashes[order], order.astype(np.int32)
        self._texts_at = texts_at

    def __len__(self) -> int:
        return len(self._hashes)

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and self.find([text])[0] >= 0

    def find(self, texts: Sequence[str]) -> Rows:
        """Return the row of each text, the last of several that hold it, -1 where none does."""
        wanted = np.fromiter(map(hash, texts), np.int64, len(texts))
        place_Q = np.searchsorted(self._hashes, wanted, side="right") - 1
        found_Q = np.full(len(texts), -1, np.int64)
        left = np.flatnonzero(place_Q >= 0)
        while len(left := left[self._hashes[place_Q[left]] == wanted[left]]):
            rows = self._row_of_place[place_Q[left]].astype(np.int64)
            same = np.array(
                [texts[number] == text
                 for number, text in zip(left.tolist(), self._texts_at(rows), strict=True)], bool
            )  # fmt: skip
            found_Q[left[same]] = rows[same]
            left = left[~same]  # other texts of the same hash come before, or none
            place_Q[left] -= 1
            left = left[place_Q[left] >= 0]
        return found_Q
