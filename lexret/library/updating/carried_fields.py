"""Fields of pictures that moved from one of several indexes into another: a merge carries them.

Such a picture left one index, which keeps what people gave it (:mod:`.kept_fields`), and came into
another, which knows nothing of that. Its content tells that it is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Final

from lexret.engine.protocol import Document
from lexret.engine.store.columns import FieldValue
from lexret.library.updating.kept_fields import FieldKeeper, KeptFields, fits
from lexret.library.updating.moved_corrections import NewId
from lexret.library.updating.records import own_fields_of

_SHA256: Final = "sha256"


class CarriedFields:
    """Carrier of kept fields to the pictures of that content in other indexes.

    A picture that has fields of its own keeps these. What was kept is given once.

    Args:
        keepers: of the indexes, in their order; what is given leaves them.
        names: what tells the ids of each in the merged index.
        present: ids that the merged index has: what is kept of these is theirs.
        kinds: types of its fields: name -> type.

    Attributes:
        num_given: how many pictures got fields.
    """

    def __init__(
        self,
        keepers: Sequence[FieldKeeper],
        names: Sequence[NewId],
        *,
        present: Container[str],
        kinds: Mapping[str, str],
    ) -> None:
        self._keepers, self._kinds = keepers, kinds
        self._waiting: dict[str, list[tuple[int, str, KeptFields]]] = {}
        for number, (keeper, new_id) in enumerate(zip(keepers, names, strict=True)):
            for path, kept in keeper.pictures.items():
                if not kept.is_there and new_id(path) not in present:
                    self._waiting.setdefault(kept.sha256, []).append((number, path, kept))
        self.num_given = 0

    def of(self, number: int) -> Callable[[Document], Mapping[str, FieldValue]]:
        """Return what tells the fields that documents of an index get; mostly none."""

        def carried(document: Document) -> Mapping[str, FieldValue]:
            waiting = self._waiting.get(str(document.fields.get(_SHA256)), [])
            other = next((one for one in waiting if one[0] != number), None)
            if other is None or own_fields_of(document):
                return {}
            owner, path, kept = other
            if not all(fits(name, v, self._kinds.get(name)) for name, v in kept.fields.items()):
                return {}
            waiting.remove(other)
            self._keepers[owner].forget(path)
            self.num_given += 1
            return kept.fields

        return carried
