"""When and how the compiled search takes over: numba is optional, and slow to load."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from lexret.errors import InputError, LexretError, MissingError

if TYPE_CHECKING:
    from lexret.engine.postings.blocks import BlockPostings
    from lexret.engine.postings.compiled import CompiledPostings

Engine = Literal["auto", "numpy", "compiled"]

_log = logging.getLogger(__name__)

# Loading what numba has compiled before takes about as long as reading so many postings with
# numpy; compiling for the first time, ten seconds.
_WORTH_LOADING: Final = 30_000_000


def is_installed() -> bool:
    """Tell whether numba is there, without importing it."""
    return importlib.util.find_spec("numba") is not None


def require_compiled() -> None:
    """Raise MissingError, with what to do, if the compiled search cannot be loaded."""
    if not is_installed():
        raise MissingError(
            "The compiled search needs numba, which is not installed: "
            'pip install "lexret[fast]". The engine "numpy" works without it.'
        )
    problem = _problem()
    if problem:
        raise MissingError(
            f"The compiled search cannot be loaded: {problem}. Does this numba go with this numpy, "
            "and is there a folder that it may write to (NUMBA_CACHE_DIR)? The engine "
            '"numpy" works without it.'
        )


def _problem() -> str:
    """Load the compiled search, and return why that fails; empty if it does not."""
    try:
        importlib.import_module("lexret.engine.postings.compiled")
    except (ImportError, RuntimeError, OSError) as error:  # of numba, numpy or the cache's folder
        return str(error)
    return ""


def compiled_postings(
    postings: BlockPostings, deleted: npt.NDArray[np.bool_] | None
) -> CompiledPostings:
    """Return the compiled search over some postings.

    Raises:
        MissingError: if it cannot be loaded.
    """
    require_compiled()
    from lexret.engine.postings.compiled import CompiledPostings

    return CompiledPostings(postings, deleted)


class Pace:
    """Decides between the two ways to search; one for an open index, shared by its threads.

    The compiled way is made ready in a thread of its own, while searches go on without it: the
    first time, numba compiles for ten seconds.

    Raises:
        InputError: if there is no such engine.

    Attributes:
        is_worth_it: take the compiled way.
        asks: whether that may still change: tell :meth:`counted` what is to be read.
    """

    def __init__(self, engine: Engine) -> None:
        if engine not in get_args(Engine):
            raise InputError(f"Engines are {list(get_args(Engine))}; found {engine!r}.")
        self.is_worth_it = engine == "compiled"
        self.asks = engine == "auto" and is_installed()
        self._num_read = 0
        self._loading: threading.Thread | None = None
        self._lock = threading.Lock()

    def counted(self, num_postings: int, prepare: Callable[[], object]) -> bool:
        """Count work that reads so many postings, and say which way to take for it.

        Args:
            prepare: searches the compiled way, so that the next search need not wait for it.
        """
        with self._lock:
            self._num_read += num_postings
            if self.asks and self._num_read > _WORTH_LOADING and self._loading is None:
                self._loading = threading.Thread(
                    target=self._load, args=(prepare,), name="lexret-compile", daemon=True
                )
                self._loading.start()
        return self.is_worth_it

    def wait(self) -> None:
        """Wait until the compiled way is ready, if it is being made ready."""
        if self._loading is not None:
            self._loading.join()

    def _load(self, prepare: Callable[[], object]) -> None:
        problem = _problem()
        if not problem:
            try:
                prepare()
            except LexretError as error:  # a search will say it again
                problem = str(error)
        if problem:
            _log.warning("Searching goes on without numba, which cannot be loaded: %s", problem)
        self.is_worth_it, self.asks = not problem, False
