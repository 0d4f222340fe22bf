"""Makes one index of several, without encoding anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lexret.arguments import require_several
from lexret.engine.corrections.corrections import Corrections, load_corrections
from lexret.engine.index import EmbeddedIndex
from lexret.engine.protocol import Document
from lexret.engine.segments.manifest import Manifest
from lexret.engine.store.sections import storage_errors
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import InputError, MismatchError, MissingError
from lexret.files.whole import replace_file
from lexret.library.asking.query_fields import MTIME
from lexret.library.asking.query_pictures import PathLike
from lexret.library.folders import (
    PictureFolder,
    id_of_file,
    index_within,
    picture_folders,
    picture_path,
    record_roots,
)
from lexret.library.label_file import take_over_labels
from lexret.library.updating.folder_changes import copy_documents
from lexret.library.updating.kept_fields import FieldKeeper
from lexret.library.updating.moved_corrections import NewId, joined_corrections

_ORIGIN_FILE: Final = "merged.json"
_NUMBERS: Final = {"int64", "float64"}


class MergeOrigin:
    """Record of what an index was merged of, beside it.

    Merging into an index that is there is refused, unless it is one of those to merge. But the same
    merge may be given again, as after it was killed: it had made the index, or it had not.

    Args:
        target: the new index.
        places: the indexes that it is made of.
    """

    def __init__(self, target: Path, places: Sequence[Path]) -> None:
        self._path = target / _ORIGIN_FILE
        self._target = target
        text = json.dumps({"merged": sorted(map(str, places))}, indent=1) + "\n"
        self._content = text.encode()

    def is_of_target(self) -> bool:
        """Whether there is an index, and it was made by the same merge."""
        try:
            same = self._path.read_bytes() == self._content
        except (FileNotFoundError, NotADirectoryError):
            return False
        return same and Manifest.load_if_sound(self._target) is not None

    def write(self) -> None:
        """Write the record, before the index is there; raises StorageError on failure."""
        with storage_errors(self._target):
            replace_file(self._path, self._content)


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What merging did.

    Attributes:
        num_documents: what the new index holds.
        num_shared: documents that several of the indexes held; the newer file's counted.
        roots: the folders of the new index.
    """

    num_documents: int
    num_shared: int
    roots: tuple[Path, ...]


def merge_indexes(sources: Sequence[PathLike], target: PathLike) -> MergeReport:
    """Write a new index at ``target`` of all documents that some indexes hold, in one commit.

    The folders of the new index are those of all of them, and a picture's id is what follows from
    its place (:mod:`lexret.library.folders`). A picture that several hold is taken from the one
    that saw its file last changed, the first of equals. Indexes that name no folders keep their
    ids. New pictures will be encoded in the precision that the first index records, whatever the
    others were encoded in. Vectors are read and written in chunks; beside them, ids are held in
    memory.

    Args:
        sources: index folders, or the folders of pictures that hold them.
        target: where no index is, or one of the sources, which the new index then replaces, or
            the index that the same merge made before, which then is one of the sources too.

    Raises:
        InputError: if there are less than two sources, if there is an index at ``target`` that
            is none of them, if only some name folders, or if indexes without folders share ids.
        MismatchError: if they are not of one model and vocabulary, or a field has not one type.
        LockedError: if another process is writing the index at ``target``.
        StorageError: if the new index cannot be written.
    """
    require_several(sources, "indexes")
    target = Path(target)
    places = list(dict.fromkeys(index_within(Path(source)).resolve() for source in sources))
    if len(places) < 2:
        raise InputError("Merging takes two different indexes or more.")
    origin, is_source = MergeOrigin(target, places), target.resolve() in places
    if not is_source and origin.is_of_target():  # what it holds, and was given since, is kept
        places.insert(0, target.resolve())
    _check_target(target, places)
    indexes = [EmbeddedIndex(place) for place in places]
    first = indexes[0]
    for index in indexes:
        index.require_own_vectors()
    for other in indexes[1:]:
        _check_alike(first, other)
    _check_roots(indexes)
    recorded = _joined_roots(indexes, target)
    kinds = _joined_columns(indexes)
    with EmbeddedIndexWriter.create(
        target,
        first.vocabulary,
        model_id=first.model_id,
        model_source=next((m for m in (i.manifest.model_source for i in indexes) if m), None),
        roots=recorded,
        weights=_joined_weights(indexes),
        precision=first.manifest.precision,
        options=sorted({option for index in indexes for option in index.manifest.options}),
        runtimes=list(dict.fromkeys(name for i in indexes for name in i.manifest.runtimes)),
        replace_existing=target.resolve() in places,
    ) as writer:
        if not is_source:
            origin.write()
        # Again, under the lock: the target may be among them.
        indexes = [EmbeddedIndex(place) for place in places]
        folders = picture_folders(recorded, target)
        names = [_new_ids(index, folders) for index in indexes]
        owner, num_shared = _owners(indexes, names)
        for number, (index, new_id) in enumerate(zip(indexes, names, strict=True)):
            chosen = _chosen(new_id, owner, number)
            copy_documents(index, writer, new_id=chosen, kinds=kinds)
        keeper = FieldKeeper(target)
        for place, new_id in zip(places, names, strict=True):
            keeper.take_over(FieldKeeper(place), new_id, without=owner)
        keeper.save()

        def joined(now: Corrections) -> Corrections:
            each = [now if p == target.resolve() else load_corrections(p) for p in places]
            return joined_corrections(zip(each, names, strict=True))

        writer.commit(corrections=joined)
        take_over_labels(target, places)
        return MergeReport(
            writer.manifest.num_documents, num_shared, tuple(folder.path for folder in folders)
        )


def _check_target(target: Path, places: Sequence[Path]) -> None:
    """Raise InputError if there is an index at ``target`` that is none of those to merge."""
    if target.resolve() in places:
        return
    try:
        Manifest.load(target)
    except MissingError:
        return
    raise InputError(
        f"There is an index at {target} already, which is none of those to merge. To keep its "
        f"pictures, name it among them as well: `lexret merge {target} ... -o {target}`. To do "
        "without them, remove that folder first. Or name another place."
    )


def _check_alike(index: EmbeddedIndex, other: EmbeddedIndex) -> None:
    mine, theirs = index.manifest, other.manifest
    if (mine.model_id, mine.vocabulary_fingerprint) != (
        theirs.model_id,
        theirs.vocabulary_fingerprint,
    ):
        raise MismatchError(
            f"The index at {index.path} was made with the model {mine.model_id} "
            f"({mine.num_words} words, {mine.vocabulary_fingerprint[:12]}), that at {other.path} "
            f"with {theirs.model_id} ({theirs.num_words} words, "
            f"{theirs.vocabulary_fingerprint[:12]}). Make one of them anew with the other's model: "
            "`lexret index --rebuild --model MODEL`."
        )


def _check_roots(indexes: Sequence[EmbeddedIndex]) -> None:
    without = [index for index in indexes if not index.manifest.roots]
    if without and len(without) < len(indexes):
        raise InputError(
            f"The index at {without[0].path} names no folder of pictures, others do; their ids "
            "do not mean the same."
        )


def _joined_roots(indexes: Sequence[EmbeddedIndex], target: Path) -> tuple[str, ...]:
    """Return the folders of all, those left out that lie within another."""
    every = dict.fromkeys(
        folder.path
        for index in indexes
        for folder in picture_folders(index.manifest.roots, index.path)
    )
    outer = [
        path
        for path in every
        if not any(path != other and path.is_relative_to(other) for other in every)
    ]
    return record_roots(outer, target)


def _joined_weights(indexes: Sequence[EmbeddedIndex]) -> str:
    kinds = {index.manifest.weights for index in indexes}
    return kinds.pop() if len(kinds) == 1 else "exact"


def _joined_columns(indexes: Sequence[EmbeddedIndex]) -> dict[str, str]:
    """Return the fields of all; whole numbers beside numbers are numbers."""
    kinds: dict[str, str] = {}
    where: dict[str, EmbeddedIndex] = {}
    for index in indexes:
        for name, kind in index.columns.items():
            known = kinds.setdefault(name, kind)
            if {known, kind} == _NUMBERS:
                kinds[name] = "float64"
            elif known != kind:
                raise MismatchError(
                    f"The field {name!r} is {known} in the index at {where[name].path}, and {kind} "
                    f"in that at {index.path}. Take it out of one of them: "
                    f"`lexret fields set PICTURE... {name}=`."
                )
            where.setdefault(name, index)
    return kinds


def _new_ids(index: EmbeddedIndex, folders: Sequence[PictureFolder]) -> NewId:
    old = picture_folders(index.manifest.roots, index.path)
    if not old:
        return lambda doc_id: doc_id
    return lambda doc_id: id_of_file(picture_path(old[0].path, doc_id), folders)


def _owners(
    indexes: Sequence[EmbeddedIndex], names: Sequence[NewId]
) -> tuple[Mapping[str, int], int]:
    """Decide for ids that several indexes have which of them it is taken from.

    Returns:
        id -> number of the index, and how many ids several have.
    """
    best: dict[str, tuple[int, int]] = {}
    shared: set[str] = set()
    for number, doc_id, document in _named(indexes, names):
        changed = document.fields.get(MTIME)
        key = (changed if isinstance(changed, int) else 0, number)
        if doc_id not in best:
            best[doc_id] = key
            continue
        shared.add(doc_id)
        if key[0] > best[doc_id][0]:
            best[doc_id] = key
    if shared and not indexes[0].manifest.roots:
        raise InputError(
            f"{len(shared)} ids are in several of the indexes, such as {min(shared)!r}, and no "
            "folder tells which is meant. Delete them from all but one."
        )
    return {doc_id: number for doc_id, (_, number) in best.items()}, len(shared)


def _named(
    indexes: Sequence[EmbeddedIndex], names: Sequence[NewId]
) -> Iterator[tuple[int, str, Document]]:
    for number, (index, new_id) in enumerate(zip(indexes, names, strict=True)):
        for document in index.documents():
            doc_id = new_id(document.doc_id)
            if doc_id is not None:
                yield number, doc_id, document


def _chosen(
    new_id: NewId, owner: Mapping[str, int], number: int
) -> Callable[[Document], str | None]:
    def chosen(document: Document) -> str | None:
        doc_id = new_id(document.doc_id)
        return doc_id if doc_id is not None and owner[doc_id] == number else None

    return chosen
