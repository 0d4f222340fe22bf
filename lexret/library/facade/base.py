"""Base of the library: its index as last committed, and the encoders of its model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lexret.errors import InputError
from lexret.library.asking.query_pictures import PathLike
from lexret.library.folders import all_indexes
from lexret.library.model_encoders import IndexEncoders, ModelEncoders
from lexret.library.snapshots import LatestSnapshot, Snapshot

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation


class LibraryBase:
    """Base of :class:`~lexret.library.library.Library`, on which its parts stand."""

    def __init__(
        self,
        path: PathLike | Sequence[PathLike],
        *,
        model: str | None = None,
        computation: Computation | None = None,
    ) -> None:
        self._latest = LatestSnapshot(all_indexes(path))
        self._encoders = IndexEncoders(model, computation)

    @property
    def path(self) -> Path:
        """The index folder; of several shards, that of the first."""
        return self._latest.paths[0]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The index folder, or those of all shards."""
        return self._latest.paths

    def _only_path(self, doing: str) -> Path:
        """Return the index folder; raises InputError if there are several."""
        if len(self.paths) > 1:
            raise InputError(
                f"{doing} takes one index, but this library is of {len(self.paths)} shards. Name "
                "one of them, or make one index of them: `lexret merge SHARD SHARD... -o PATH`."
            )
        return self.path

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
