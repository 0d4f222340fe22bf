"""Report of a repair: what was found, what is whole now, and what is lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lexret.engine.integrity.check import CheckReport


@dataclass
class RepairReport:
    """Report of a repair, or of what one would do.

    Attributes:
        before: what was found.
        is_usable: whether there is an index afterwards.
        num_documents: how many documents it holds then.
        restored: files that were written anew and lost nothing.
        without_vector: documents whose vectors are lost: they match nothing until they are made
            again.
        lost_fields: fields that are lost: name -> ids of the documents that had them, or may have.
        num_unnamed: documents that are lost with their ids.
        num_revived: documents that may have been deleted before, as what says so is lost.
        lost_additions: what was lost of what people had added, a sentence each.
        aside: the folder that holds what was replaced, if anything was.
    """

    before: CheckReport
    is_usable: bool = True
    num_documents: int = 0
    restored: list[str] = field(default_factory=list)
    without_vector: list[str] = field(default_factory=list)
    lost_fields: dict[str, list[str]] = field(default_factory=dict)
    num_unnamed: int = 0
    num_revived: int = 0
    lost_additions: list[str] = field(default_factory=list)
    aside: Path | None = None

    @property
    def lost_something(self) -> bool:
        """Whether something must be made again, or is gone."""
        return bool(
            not self.is_usable
            or self.without_vector
            or self.lost_fields
            or self.num_unnamed
            or self.num_revived
            or self.lost_additions
        )
