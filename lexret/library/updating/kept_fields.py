"""Fields that people gave pictures which are not in the index now: kept until these come back.

A file that cannot be read for one run, because another program is just writing it, leaves the
index, and so does one that is away for a while. What somebody gave such a picture is kept beside
the index in ``kept-fields.json``. It is given back to the file of that path if it was there all the
time and could only not be read, and to any file of that content. What is written there is whole
before the commit that takes a picture out of the index, and leaves after the one that takes it in.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lexret.engine.store.columns import FieldValue, kind_of
from lexret.engine.store.sections import storage_errors
from lexret.errors import DamageError, InputError
from lexret.files.sealed import is_copied, replace_with_copy, seal, unseal_version
from lexret.library.sealed_pairs import damage_of_pair, load_pair, mend_pair

KEPT_FILE: Final = "kept-fields.json"
_FORMAT: Final = "lexret-kept-fields"
_VERSION: Final = 1


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
        before: fields that pictures had in an index that is made anew: id -> fields.
        columns: types of the index's fields: name -> type.

    Raises:
        DamageError: if the file is damaged.
    """

    def __init__(
        self,
        index_path: Path,
        *,
        before: Mapping[str, KeptFields] | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> None:
        self._path = index_path / KEPT_FILE
        self._kept = load_pair(self._path, _parse) or {}
        self._saved = dict(self._kept)
        self._before = before or {}
        self._columns = dict(columns or {})
        for fields in self._before.values():
            self._columns |= _kinds_of(fields.fields)
        self._of_content = self._by_content()
        self._given: set[str] = set()

    @property
    def pictures(self) -> Mapping[str, KeptFields]:
        """What is kept: id -> fields."""
        return self._kept

    @property
    def is_of_new_index(self) -> bool:
        """Whether the index is made anew, and the one before holds fields until it is whole."""
        return bool(self._before)

    def keep(self, path: str, kept: KeptFields) -> None:
        """Keep the fields of a picture that leaves the index."""
        if kept.fields:
            self._kept[path] = kept

    def forget(self, path: str) -> None:
        """Let go of the fields of a picture that another index gave it."""
        del self._kept[path]

    def keep_rest(self, present: Container[str]) -> None:
        """Keep what pictures had in the index before and the new one does not hold."""
        for path in self._before.keys() - self._given:
            self.keep(path, replace(self._before[path], is_there=path in present))

    def give(self, path: str, sha256: str, present: Container[str]) -> Mapping[str, FieldValue]:
        """Return what a picture gets back that comes into the index; mostly nothing.

        What does not fit the types of the index's fields stays kept.

        Args:
            present: ids of all files that are there; what is of one of them is given to no other.
        """
        found = self._of(path, sha256, present)
        if found is None:
            return {}
        fields = (self._before.get(found) or self._kept[found]).fields
        fitting = {
            name: value
            for name, value in fields.items()
            if fits(name, value, self._columns.get(name))
        }
        self._columns |= _kinds_of(fitting) | self._columns
        if fitting == fields:
            self._given.add(found)
        return fitting

    def _by_content(self) -> dict[str, list[str]]:
        """Return the ids that have fields by the hashes of their contents."""
        found: dict[str, list[str]] = {}
        for path, fields in {**self._kept, **self._before}.items():
            found.setdefault(fields.sha256, []).append(path)
        return found

    def _of(self, path: str, sha256: str, present: Container[str]) -> str | None:
        """Return the id under which the fields of a picture are known, if there are any."""
        if path in self._before:
            return path
        here = self._kept.get(path)
        if here is not None and (here.is_there or here.sha256 == sha256):
            return path
        for other in self._of_content.get(sha256, ()):
            known = self._before.get(other) or self._kept.get(other)
            if known is None or other in self._given or (known.is_there and other in present):
                continue
            return other
        return None

    def settle(self, own: Mapping[str, Mapping[str, FieldValue]]) -> None:
        """Let go of what the index holds after a commit.

        Args:
            own: id -> own fields of the pictures in the index, of those at least that are kept.
        """
        for path in [*self._kept]:
            if path in self._given or self._kept[path].fields.keys() <= own.get(path, {}).keys():
                del self._kept[path]

    def missed(self, is_gone: Callable[[str], bool]) -> None:
        """Note whose files are not there any more: another file of that name is another picture."""
        for path, kept in self._kept.items():
            if kept.is_there and is_gone(path):
                self._kept[path] = replace(kept, is_there=False)

    def rename(self, new_id: Callable[[str], str | None]) -> None:
        """Give all that is kept other ids; where there is none, only their content counts."""
        self._kept = {
            new or path: kept if new else replace(kept, is_there=False)
            for path, kept in self._kept.items()
            for new in [new_id(path)]
        }
        self._of_content = self._by_content()

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
        if self._kept == self._saved and is_copied(self._path):
            return
        pictures = {
            path: {"sha256": kept.sha256, "is_there": kept.is_there, "fields": dict(kept.fields)}
            for path, kept in sorted(self._kept.items())
        }
        values = {"format": _FORMAT, "version": _VERSION, "pictures": pictures}
        with storage_errors(self._path.parent):
            replace_with_copy(self._path, seal(values))
        self._saved = dict(self._kept)


def _kinds_of(fields: Mapping[str, FieldValue]) -> dict[str, str]:
    """Return the types of values: field name -> type."""
    kinds = {name: kind_of(name, [value]) for name, value in fields.items()}
    return {name: kind for name, kind in kinds.items() if kind is not None}


def fits(name: str, value: FieldValue, kind: str | None) -> bool:
    """Whether a value may go into a field of a type; ``None``: there is no such field yet."""
    try:
        found = kind_of(name, [value])
    except InputError:
        return False
    return kind in (None, found) or (kind == "float64" and found == "int64")


def _parse(data: bytes) -> dict[str, KeptFields]:
    """Parse the bytes of a file of kept fields; raises ValueError if they are damaged."""
    values = unseal_version(data, _FORMAT, _VERSION)
    try:
        return {
            name: KeptFields(str(kept["sha256"]), dict(kept["fields"]), bool(kept["is_there"]))
            for name, kept in values["pictures"].items()
        }
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{error!r} in its fields") from error


def damage_of_kept(index_path: Path) -> list[DamageError]:
    """Return what is wrong with the kept fields of an index, and with their copy."""
    return damage_of_pair(index_path / KEPT_FILE, _parse)


def mend_kept(index_path: Path, aside: Path) -> None:
    """Write the kept fields of an index anew; see :func:`mend_pair`."""
    mend_pair(index_path / KEPT_FILE, _parse, aside)
