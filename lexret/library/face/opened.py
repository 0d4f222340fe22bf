"""An open library: its index as last committed, and the encoders of its model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lexret.library.asking.query_pictures import PathLike
from lexret.library.folders import index_within
from lexret.library.model_encoders import IndexEncoders, ModelEncoders
from lexret.library.snapshots import LatestSnapshot, Snapshot

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation


class OpenLibrary:
    """Open library: what all of :class:`~lexret.library.library.Library` stands on."""

    def __init__(
        self, path: PathLike, *, model: str | None = None, computation: Computation | None = None
    ) -> None:
        self._latest = LatestSnapshot(index_within(Path(path)))
        self._encoders = IndexEncoders(model, computation)

    @property
    def path(self) -> Path:
        """The index folder."""
        return self._latest.path

    def snapshot(self) -> Snapshot:
        """Return the index as last committed and corrected, as seen at most 0.25 seconds ago.

        Raises:
            MissingError: if there is no index.
            CorruptError: if it is damaged, and was never open.
        """
        return self._latest.get()

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.snapshot().index)

    def encoders(self, snapshot: Snapshot | None = None) -> ModelEncoders:
        """Return the encoders of the model; each is loaded when it is first asked for.

        Raises:
            MissingError: if there is no such model.
            MismatchError: if the model is not the one that made the index.
        """
        return self._encoders.of((snapshot or self.snapshot()).index)
