"""Picture files that a run found in its folders."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from lexret.errors import InputError
from lexret.library.folders import PictureFolder
from lexret.library.updating.reader import SkippedPicture
from lexret.pictures.finding import NotLookedAt


@dataclass(frozen=True)
class FoundFiles:
    """The picture files of some folders.

    Attributes:
        paths: of the files, as the ids of an index name them.
        skipped: the folders below that kept theirs secret.
        searched: the folders that were looked through.
        leaving: folders that leave the index, with all that it holds of them.
        not_looked_at: what else lies in the folders.
        others_in: for a shard, folders with pictures, which may all belong to other shards.
    """

    paths: tuple[str, ...]
    skipped: tuple[SkippedPicture, ...]
    searched: tuple[PictureFolder, ...]
    leaving: tuple[PictureFolder, ...] = ()
    not_looked_at: NotLookedAt = field(default_factory=NotLookedAt)
    others_in: tuple[PictureFolder, ...] = ()

    def covers(self, path: str) -> bool:
        """Whether the file would have been found if it were there, or is to leave the index."""
        if any(folder.holds(path) for folder in self.leaving):
            return True
        hidden = any(path.startswith(f"{skipped.path}/") for skipped in self.skipped)
        return not hidden and any(folder.holds(path) for folder in self.searched)

    def check_not_all_gone(self, known: Collection[str], *, allow_empty: bool) -> None:
        """Raise InputError where a folder that the index holds pictures of has none any more.

        Args:
            known: the pictures that the index holds, by their paths.
            allow_empty: accepts that, but not folders without pictures in an index without.
        """
        if not (self.paths or known or self.others_in):
            folders = ", ".join(str(folder.path) for folder in self.searched)
            raise InputError(f"There is no picture in {folders}, and its index is empty.")
        if allow_empty:
            return
        for folder in self.searched:
            if folder in self.others_in or any(folder.holds(path) for path in self.paths):
                continue
            num_known = sum(folder.holds(path) for path in known)
            if num_known:
                raise InputError(
                    f"No picture is left in {folder.path}, but the index holds {num_known} of it. "
                    "Is a disk not mounted? If they are really gone, say so with --allow-empty."
                )
