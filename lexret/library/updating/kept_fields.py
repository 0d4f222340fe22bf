"""Fields that people gave pictures which are not in the index now: kept until these come back.

A file that cannot be read for one run, because another program is just writing it, leaves the
index, and so does one that is away for a while. What somebody gave such a picture is kept beside
the index in ``kept-fields.json``. It is given back to the file of that path if it was there all the
time and could only not be read, and to any file of that content. What is written there is whole
before the commit that takes a picture out of the index, and leaves after the one that takes it in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from lexret.engine.store.columns import FieldValue, kind_of
from lexret.engine.store.sections import storage_errors
from lexret.errors import CorruptError, InputError
from lexret.files.whole import replace_file

KEPT_FILE: Final = "kept-fields.json"
_FORMAT: Final = "lexret-kept-fields"
_VERSION: Final = 1
_REMEDY: Final = "Correct the file by hand, or remove it to do without the fields in it."


@dataclass(frozen=True, slots=True)
class KeptFields:
    """Fields of a picture that left the index.

    Attributes:
        sha256: of the content that it had.
        fields: what somebody gave it.
        is_there: whether its file was there when it left, and could only not be read.
    """

    sha256: str
    fields: Mapping[str, FieldValue]
    is_there: bool


class FieldKeeper:
    """Keeper of the fields of pictures that are not in an index.

    Args:
        index_path: the index folder.

    Raises:
        CorruptError: if the file is damaged.
    """

    def __init__(self, index_path: Path) -> None:
        self._path = index_path / KEPT_FILE
        self._kept = _load(self._path)
        self._saved = dict(self._kept)

    @property
    def pictures(self) -> Mapping[str, KeptFields]:
        """What is kept: id -> fields."""
        return self._kept

    def keep(self, path: str, kept: KeptFields) -> None:
        """Keep the fields of a picture that leaves the index."""
        if kept.fields:
            self._kept[path] = kept

    def missed(self, is_gone: Callable[[str], bool]) -> None:
        """Note whose files are not there any more: another file of that name is another picture."""
        for path, kept in self._kept.items():
            if kept.is_there and is_gone(path):
                self._kept[path] = replace(kept, is_there=False)

    def find(self, path: str, sha256: str, columns: Mapping[str, str]) -> Mapping[str, FieldValue]:
        """Return what a picture gets back that comes into the index; mostly nothing.

        Args:
            columns: types of the index's fields: name -> type. What does not fit stays kept.
        """
        here = self._kept.get(path)
        if here is not None and (here.is_there or here.sha256 == sha256):
            return _fitting(here.fields, columns)
        for kept in self._kept.values():
            if kept.sha256 == sha256:
                return _fitting(kept.fields, columns)
        return {}

    def drop(self, held: Iterable[tuple[str, str, Mapping[str, FieldValue]]]) -> None:
        """Let go of what the index holds by now.

        Args:
            held: id, hash of the content, and own fields of each picture in the index.
        """
        if not self._kept:
            return
        own_of: dict[str, list[Mapping[str, FieldValue]]] = {}
        for path, sha256, own in held:
            own_of.setdefault(sha256, []).append(own)
            kept = self._kept.get(path)
            is_its = kept is not None and (kept.is_there or kept.sha256 == sha256)
            if kept is not None and is_its and kept.fields.keys() <= own.keys():
                del self._kept[path]
        self._kept = {
            path: kept for path, kept in self._kept.items()
            if not any(kept.fields.items() <= own.items() for own in own_of.get(kept.sha256, ()))
        }  # fmt: skip

    def rename(self, new_id: Callable[[str], str | None]) -> None:
        """Give all that is kept other ids; where there is none, only their content counts."""
        self._kept = {
            new or path: kept if new else replace(kept, is_there=False)
            for path, kept in self._kept.items()
            for new in [new_id(path)]
        }

    def take_over(
        self, other: FieldKeeper, new_id: Callable[[str], str | None], *, without: Container[str]
    ) -> None:
        """Keep what another index keeps, under the ids that it has in this one.

        Args:
            without: ids that are not taken over, as this index holds them.
        """
        for path, kept in other.pictures.items():
            new = new_id(path)
            if new not in without:
                known = kept if new else replace(kept, is_there=False)
                self._kept.setdefault(new or path, known)

    def save(self) -> None:
        """Write what has changed.

        Raises:
            StorageError: if it cannot be written.
        """
        if self._kept == self._saved:
            return
        pictures = {
            path: {"sha256": kept.sha256, "is_there": kept.is_there, "fields": dict(kept.fields)}
            for path, kept in sorted(self._kept.items())
        }
        values = {"format": _FORMAT, "version": _VERSION, "pictures": pictures}
        with storage_errors(self._path.parent):
            replace_file(self._path, (json.dumps(values, indent=1) + "\n").encode())
        self._saved = dict(self._kept)


def kinds_of(fields: Mapping[str, FieldValue]) -> dict[str, str]:
    """Return the types of values: field name -> type."""
    kinds = {name: kind_of(name, [value]) for name, value in fields.items()}
    return {name: kind for name, kind in kinds.items() if kind is not None}


def _fitting(
    fields: Mapping[str, FieldValue], columns: Mapping[str, str]
) -> Mapping[str, FieldValue]:
    return {name: value for name, value in fields.items() if _fits(name, value, columns.get(name))}


def _fits(name: str, value: FieldValue, kind: str | None) -> bool:
    try:
        found = kind_of(name, [value])
    except InputError:
        return False
    return kind in (None, found) or (kind == "float64" and found == "int64")


def _load(path: Path) -> dict[str, KeptFields]:
    try:
        values: Any = json.loads(path.read_bytes())
        head = (values["format"], values["version"])
        if head != (_FORMAT, _VERSION):
            raise ValueError(f"it is {head}, expected {(_FORMAT, _VERSION)}")
        return {
            name: KeptFields(str(kept["sha256"]), dict(kept["fields"]), bool(kept["is_there"]))
            for name, kept in values["pictures"].items()
        }
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CorruptError(f"{path} is damaged: {error!r}. {_REMEDY}") from error
