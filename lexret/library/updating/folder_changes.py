"""Changes which folders of pictures an index names, and the ids that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lexret.engine.index import EmbeddedIndex
from lexret.engine.protocol import Document
from lexret.engine.query.filters import PATH
from lexret.engine.store.columns import FieldValue
from lexret.engine.vectors import read_documents
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.library.folders import id_of_file, picture_folders, picture_path
from lexret.library.updating.kept_fields import FieldKeeper
from lexret.library.updating.moved_corrections import moved_corrections
from lexret.sparse import SparseBatch


def drop_first_root(index_path: Path, roots: Sequence[str]) -> None:
    """Give an index other folders, the first one included, and its documents the ids that follow.

    The index is written anew, without encoding anything, in one commit: before it the old index
    is read, after it the new one. Documents in none of the folders fall out.

    Raises:
        LockedError: if another writer holds the index.
        StorageError: if writing fails.
    """
    old = EmbeddedIndex(index_path)
    with EmbeddedIndexWriter.create(
        index_path,
        old.vocabulary,
        model_id=old.model_id,
        model_source=old.manifest.model_source,
        roots=roots,
        weights=old.manifest.weights,
        precision=old.manifest.precision,
        options=old.manifest.options,
        runtimes=old.manifest.runtimes,
        replace_existing=True,
    ) as writer:
        before = EmbeddedIndex(index_path)  # as it is now that nobody else writes it
        names = picture_folders(before.manifest.roots, index_path)
        base = names[0].path if names else None
        folders = picture_folders(roots, index_path)

        def new_id(doc_id: str) -> str | None:
            return id_of_file(picture_path(base, doc_id), folders)

        copy_documents(before, writer, new_id=lambda document: new_id(document.doc_id))
        keeper = FieldKeeper(index_path)
        keeper.rename(new_id)
        writer.commit(corrections=lambda old: moved_corrections(old, new_id))
        keeper.save()


def copy_documents(
    source: EmbeddedIndex,
    writer: EmbeddedIndexWriter,
    *,
    new_id: Callable[[Document], str | None],
    kinds: Mapping[str, str] | None = None,
    carried: Callable[[Document], Mapping[str, FieldValue]] | None = None,
) -> int:
    """Add the documents of an index to another, under the ids that they shall have there.

    Args:
        new_id: returns a document's id; ``None`` leaves the document out.
        kinds: types of fields in the other index, where they differ: field name -> type.
        carried: returns fields that a document gets beside its own.

    Returns:
        how many were added.
    """
    added = 0
    kinds = kinds or source.columns
    for chunk in read_documents(source):
        ids = [new_id(document) for document in chunk.documents]
        rows = [row for row, doc_id in enumerate(ids) if doc_id is not None]
        columns: dict[str, list[FieldValue]] = {
            name: [_as(kinds[name], chunk.documents[row].fields[name]) for row in rows]
            for name in source.columns
        }
        if carried is not None:
            _add_fields(columns, [carried(chunk.documents[row]) for row in rows])
        kept = [doc_id for doc_id in ids if doc_id is not None]
        if PATH in columns:
            columns[PATH] = [new if old else None
                             for new, old in zip(kept, columns[PATH], strict=True)]  # fmt: skip
        vectors = [chunk.vectors.row(row) for row in rows]
        batch = SparseBatch.from_vectors(vectors, source.vocabulary)
        writer.add(kept, batch, fields=columns)
        added += len(kept)
    return added


def _add_fields(
    columns: dict[str, list[FieldValue]], more: Sequence[Mapping[str, FieldValue]]
) -> None:
    """Add fields to those that documents have: of each document a mapping, mostly empty."""
    for row, fields in enumerate(more):
        for name, value in fields.items():
            columns.setdefault(name, [None] * len(more))[row] = value


def _as(kind: str, value: FieldValue) -> FieldValue:
    return float(value) if kind == "float64" and isinstance(value, int) else value
