"""Lookup of documents: the picture that a path or an id names."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Final
from weakref import WeakKeyDictionary

from lexret.engine.index import EmbeddedIndex
from lexret.errors import UnknownPictureError
from lexret.files.names import shown_line, text_to_name
from lexret.library.folders import id_of_file, picture_folders


def find_document(index: EmbeddedIndex, given: str) -> str | None:
    """Return the id of a picture that is named by its id or by the path of its file, if any.

    Names are found in any normal form of Unicode: systems write the same name in several.
    """
    ids = list(_possible_ids(index, given))
    forms = [unicodedata.normalize(form, doc_id) for form in ("NFC", "NFD") for doc_id in ids]
    found = next((doc_id for doc_id in (*ids, *forms) if doc_id in index), None)
    if found is not None or all(doc_id.isascii() for doc_id in ids):
        return found
    by_form = _ids_by_normal_form(index)  # parts of a path may differ in form
    meant = {doc_id for form in forms for doc_id in by_form.get(form, ())}
    return meant.pop() if len(meant) == 1 else None


def _possible_ids(index: EmbeddedIndex, given: str) -> Iterator[str]:
    # As the system has it, or as JSON tells it.
    yield from dict.fromkeys((given, text_to_name(given)))
    path = Path(given)
    folders = picture_folders(index.manifest.roots, index.path)
    for place in (path.parent.resolve() / path.name, path.resolve()):  # a link, and its target
        doc_id = id_of_file(place, folders)
        if doc_id is not None:
            yield doc_id


_LOOKED_AT: Final = 20_000
_ids: Final[WeakKeyDictionary[EmbeddedIndex, dict[str, list[str]]]] = WeakKeyDictionary()


def _ids_by_normal_form(index: EmbeddedIndex) -> dict[str, list[str]]:
    """Return the ids of an index by their composed form (NFC)."""
    if index not in _ids:
        _ids[index] = {}
        for doc_id in index.doc_ids():
            _ids[index].setdefault(unicodedata.normalize("NFC", doc_id), []).append(doc_id)
    return _ids[index]


def document_named(index: EmbeddedIndex, given: str) -> str:
    """Return what :func:`find_document` finds; raises UnknownPictureError if there is none."""
    doc_id = find_document(index, given)
    if doc_id is not None:
        return doc_id
    folders = picture_folders(index.manifest.roots, index.path)
    where = f" or relative to {folders[0].path}" if folders else ""
    raise UnknownPictureError(
        f"The index at {index.places} holds no picture {given!r}; expected a path as "
        f"`lexret search` prints it{where}.{_near(index, given)}"
    )


def _near(index: EmbeddedIndex, given: str) -> str:
    """Suggest pictures of the index whose names are spelled alike."""
    from difflib import get_close_matches  # loads slowly

    by_name: dict[str, str] = {}
    for doc_id in islice(index.doc_ids(), _LOOKED_AT):
        by_name.setdefault(PurePosixPath(doc_id).name.casefold(), doc_id)
    name = PurePosixPath(given).name.casefold()
    near = [shown_line(by_name[match]) for match in get_close_matches(name, by_name, cutoff=0.7)]
    return f" Nearest: {', '.join(near)}." if near else ""
