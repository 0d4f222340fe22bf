"""When and how the compiled search takes over: numba is optional, and slow to load."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt

from lexret.errors import MissingError

if TYPE_CHECKING:
    from lexret.index.block_postings import BlockPostings
    from lexret.index.compiled import CompiledPostings

Engine = Literal["auto", "numpy", "compiled"]

# Loading numba takes about as long as reading so many postings with numpy.
_WORTH_LOADING: Final = 30_000_000


def is_installed() -> bool:
    """Tell whether numba is there, without importing it."""
    return importlib.util.find_spec("numba") is not None


def require_numba() -> None:
    """Raise MissingError, with what to do, if numba is not installed."""
    if not is_installed():
        raise MissingError(
            "The compiled search needs numba, which is not installed: "
            'pip install "lexret[fast]". The engine "numpy" works without it.'
        )


def compiled_postings(
    postings: BlockPostings, deleted: npt.NDArray[np.bool_] | None
) -> CompiledPostings:
    """Return the compiled search over some postings.

    Raises:
        MissingError: if numba is not installed.
    """
    require_numba()
    from lexret.index.compiled import CompiledPostings

    return CompiledPostings(postings, deleted)


class Pace:
    """Decides between the two ways to search; one for an open index, shared by its threads.

    Attributes:
        is_worth_it: take the compiled way.
        asks: whether that may still change: tell :meth:`counted` what is to be read.
    """

    def __init__(self, engine: Engine) -> None:
        self.is_worth_it = engine == "compiled"
        self.asks = engine == "auto" and is_installed()
        self._num_read = 0

    def counted(self, num_postings: int) -> bool:
        """Count work that reads so many postings, and say which way to take for it."""
        self._num_read += num_postings
        if self.asks and self._num_read > _WORTH_LOADING:
            self.is_worth_it, self.asks = True, False
        return self.is_worth_it
