"""Schedule of a run's commits: after so many pictures, or so many seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

PICTURES_A_COMMIT: Final = 1000
SECONDS_A_COMMIT: Final = 60.0


@dataclass
class CommitSchedule:
    """Schedule of the commits of a run.

    Attributes:
        num_waiting: pictures that were written since the last commit.
        num_stored: pictures that were committed.
    """

    num_waiting: int = 0
    num_stored: int = 0
    _last: float = field(default_factory=time.monotonic)

    @property
    def is_due(self) -> bool:
        """Whether enough waits to be committed, or has waited long enough."""
        waited = time.monotonic() - self._last
        return self.num_waiting >= PICTURES_A_COMMIT or (
            self.num_waiting > 0 and waited >= SECONDS_A_COMMIT
        )

    def committed(self) -> None:
        """Note that all that waited was committed."""
        self.num_stored += self.num_waiting
        self.num_waiting = 0
        self._last = time.monotonic()
