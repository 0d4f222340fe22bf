"""Progress over many pictures, on a terminal and in logs."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from lexret.cli.common import plural

if TYPE_CHECKING:
    from lexret.library.updating.update_run import Progress

SECONDS_A_LINE: Final = 60.0


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show a bar with rate and time left on a terminal; elsewhere, say a line a minute."""
    from tqdm import tqdm

    bar = tqdm(unit=" pictures", dynamic_ncols=True, disable=None)
    if bar.disable:
        yield SpokenProgress()
        return

    def progress(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    with bar:
        yield progress


class SpokenProgress:
    """Progress for logs and other programs: a line on stderr about every minute.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = self._last = clock()

    def __call__(self, done: int, total: int) -> None:
        """Say how far it is, how fast and how long it will take, if it is time to."""
        now = self._clock()
        if now - self._last < SECONDS_A_LINE:
            return
        self._last = now
        rate = done / (now - self._start)
        left = round((total - done) / rate / 60) if rate else 0
        click.echo(
            f"{done:,} of {plural(total, 'picture')}, {rate:.1f} a second, "
            f"{plural(left, 'minute')} left",
            err=True,
        )


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keep Pillow's remarks on odd files off the terminal; what cannot be read is listed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield
