"""Trackers of training runs: TensorBoard and Weights & Biases, both optional, behind one protocol.

A tracker is given what goes into ``metrics.jsonl``, no more; a run is whole without one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from lexret.config import RunConfig
from lexret.errors import InputError, MissingPackageError


class Tracker(Protocol):
    """Tracker of a run's figures, as the leading process has them."""

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Note figures by name, such as ``step/total`` or ``dev/text_to_image/R@1``."""

    def close(self) -> None:
        """Write what is not yet written; nothing is logged afterwards."""


class TensorBoardTracker:
    """Tracker that writes event files into the run folder's ``tensorboard``.

    Raises:
        MissingPackageError: if the package tensorboard is not installed.
    """

    def __init__(self, run: Path, config: Mapping[str, Any]) -> None:
        try:
            module: Any = importlib.import_module("torch.utils.tensorboard")
        except ImportError as error:
            raise MissingPackageError(
                "--track tensorboard needs the package tensorboard: pip install tensorboard"
            ) from error
        self._writer = module.SummaryWriter(str(run / "tensorboard"))

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Write one point of each curve."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()


class WandbTracker:
    """Tracker that sends figures to Weights & Biases, as its own settings say (WANDB_MODE, ...).

    A run folder that is resumed goes on with the same run there.

    Raises:
        MissingPackageError: if the package wandb is not installed.
    """

    def __init__(self, run: Path, config: Mapping[str, Any]) -> None:
        try:
            wandb: Any = importlib.import_module("wandb")
        except ImportError as error:
            raise MissingPackageError(
                "--track wandb needs the package wandb: pip install wandb"
            ) from error
        file = run / "wandb-id.txt"
        known = file.read_text(encoding="utf-8").strip() if file.is_file() else None
        self._run = wandb.init(
            project="lexret",
            name=run.name,
            dir=str(run),
            config=dict(config),
            id=known,
            resume="allow",
        )
        file.write_text(self._run.id + "\n", encoding="utf-8")

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Send one point of each curve."""
        self._run.log(dict(figures), step=step)

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()


_MAKERS: Final[dict[str, Callable[[Path, Mapping[str, Any]], Tracker]]] = {
    "tensorboard": TensorBoardTracker,
    "wandb": WandbTracker,
}
TRACKERS: Final = tuple(_MAKERS)


def make_tracker(name: str, run: Path, config: Mapping[str, Any]) -> Tracker:
    """Return a tracker by name.

    Args:
        config: the run's whole configuration.

    Raises:
        InputError: if there is no such tracker.
        MissingPackageError: if it needs a package that is not installed.
    """
    if name not in _MAKERS:
        raise InputError(f"No tracker is called {name!r}; expected one of {', '.join(TRACKERS)}.")
    return _MAKERS[name](run, config)


@contextmanager
def opened_trackers(names: Sequence[str], run: Path, config: RunConfig) -> Iterator[list[Tracker]]:
    """Make trackers by name, and close them afterwards.

    Raises:
        InputError, MissingPackageError: as :func:`make_tracker`.
    """
    values = config.model_dump(mode="json")
    opened: list[Tracker] = []
    try:
        for name in dict.fromkeys(names):
            opened.append(make_tracker(name, run, values))
        yield opened
    finally:
        for tracker in opened:
            tracker.close()


def figures_of(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a line of ``metrics.jsonl`` by name, after the record's kind."""
    return dict(_numbers(record["kind"], {k: v for k, v in record.items() if k != "step"}))


def _numbers(prefix: str, values: Mapping[str, Any]) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += _numbers(f"{prefix}/{name}", value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((f"{prefix}/{name}", float(value)))
    return found
