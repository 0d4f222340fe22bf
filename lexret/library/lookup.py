"""Finds the document that somebody means by a path."""

from __future__ import annotations

from pathlib import Path

from lexret.engine.index import EmbeddedIndex
from lexret.errors import MissingError
from lexret.files.names import text_to_name
from lexret.library.folders import id_of_file, picture_folders


def find_document(index: EmbeddedIndex, given: str) -> str | None:
    """Return the id of a picture that is named by its id or by the path of its file, if any."""
    for name in (given, text_to_name(given)):  # as the system has it, or as JSON tells it
        if name in index:
            return name
    path = Path(given)
    folders = picture_folders(index.manifest.roots, index.path)
    for place in (path.parent.resolve() / path.name, path.resolve()):  # a link, and its target
        doc_id = id_of_file(place, folders)
        if doc_id is not None and doc_id in index:
            return doc_id
    return None


def document_named(index: EmbeddedIndex, given: str) -> str:
    """Do as :func:`find_document`; raises MissingError where there is none."""
    doc_id = find_document(index, given)
    if doc_id is not None:
        return doc_id
    folders = picture_folders(index.manifest.roots, index.path)
    where = f" or relative to {folders[0].path}" if folders else ""
    raise MissingError(
        f"The index at {index.path} holds no picture {given!r}; expected a path as `lexret search` "
        f"prints it{where}."
    )
