"""Switch to the compiled search: numba is optional and slow to load, so it starts without it."""

from __future__ import annotations

import importlib
import importlib.util
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

# Loading what numba compiled earlier takes about as long as reading this many postings with numpy;
# compiling for the first time takes ten seconds.
_WORTH_LOADING: Final = 30_000_000


def is_installed() -> bool:
    """Tell whether numba is installed, without importing it."""
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
    """Load the compiled search; return why that fails, or an empty text if it does not."""
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


class EngineSwitch:
    """Switch of an open index between the numpy and the compiled search, shared by threads.

    With ``auto`` an index starts with numpy and changes to the compiled search once it has read
    enough postings. That is loaded in a background thread while searches go on: the first time,
    numba compiles for ten seconds.

    Raises:
        InputError: if there is no such engine.

    Attributes:
        use_compiled: whether to use the compiled search.
        is_undecided: whether that may still change; until then :meth:`count` must be called.
    """

    def __init__(self, engine: Engine) -> None:
        if engine not in get_args(Engine):
            raise InputError(f"Engines are {list(get_args(Engine))}; found {engine!r}.")
        self.use_compiled = engine == "compiled"
        self.is_undecided = engine == "auto"
        self._num_read = 0
        self._loading: threading.Thread | None = None
        self._lock = threading.Lock()

    def count(self, num_postings: int, prepare: Callable[[], object]) -> bool:
        """Count a search that reads some postings; return whether it is to use the compiled one.

        Args:
            prepare: runs a compiled search, so that no other search waits for numba.
        """
        with self._lock:
            self._num_read += num_postings
            worth_loading = self.is_undecided and self._num_read > _WORTH_LOADING
            if worth_loading and not is_installed():
                self.is_undecided = False
            elif worth_loading and self._loading is None:
                self._loading = threading.Thread(
                    target=self._load, args=(prepare,), name="lexret-compile", daemon=True
                )
                self._loading.start()
        return self.use_compiled

    def wait(self) -> None:
        """Wait until the compiled search is loaded, if it is being loaded."""
        if self._loading is not None:
            self._loading.join()

    def _load(self, prepare: Callable[[], object]) -> None:
        problem = _problem()
        if not problem:
            try:
                prepare()
            except LexretError as error:  # the next search raises it again
                problem = str(error)
        if problem:
            import logging  # a search from the shell does without it

            log = logging.getLogger(__name__)
            log.warning("Searching goes on without numba, which cannot be loaded: %s", problem)
        self.use_compiled, self.is_undecided = not problem, False
