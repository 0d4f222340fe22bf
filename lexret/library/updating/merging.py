"""Makes one index of several, without encoding anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lexret.arguments import require_several
from lexret.engine.corrections.corrections import Corrections, load_corrections
from lexret.engine.index import EmbeddedIndex, open_index
from lexret.engine.joined import joined_columns, joined_runtimes, require_alike
from lexret.engine.segments.manifest import Manifest
from lexret.engine.store.sections import storage_errors
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import InputError, MissingError
from lexret.files.whole import replace_file
from lexret.library.asking.query_pictures import PathLike
from lexret.library.folders import (
    PictureFolder,
    all_indexes,
    id_of_file,
    picture_folders,
    picture_path,
    record_roots,
)
from lexret.library.joined_shards import require_all_shards
from lexret.library.label_file import take_over_labels
from lexret.library.packed.pictures import packed_folders, with_packed_folders
from lexret.library.shards import Shard, without_shard
from lexret.library.updating.carried_fields import CarriedFields
from lexret.library.updating.folder_changes import copy_documents
from lexret.library.updating.kept_fields import FieldKeeper
from lexret.library.updating.moved_corrections import (
    NewId,
    follow_moved_pictures,
    joined_corrections,
)
from lexret.library.updating.owners import Owners
from lexret.library.updating.refused import take_over_refused

_ORIGIN_FILE: Final = "merged.json"


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
        roots: the folders of the new index; of pictures in tar shards or Parquet files, those of
            the files.
        num_carried: pictures that moved from one of the indexes into another, and got the fields
            back that people gave them there.
    """

    num_documents: int
    num_shared: int
    roots: tuple[Path, ...]
    num_carried: int


def merge_indexes(
    sources: Sequence[PathLike], target: PathLike, *, allow_missing: bool = False
) -> MergeReport:
    """Write a new index at ``target`` of all documents that some indexes hold, in one commit.

    The folders of the new index are those of all of them, and a picture's id is what follows from
    its place (:mod:`lexret.library.folders`). A picture that several hold is taken from the one
    that saw its file last changed, the first of equals. What people gave a picture that moved from
    one index into another follows it, by its content. Indexes that name no folders keep their
    ids. New pictures will be encoded in the precision that the first index records, whatever the
    others were encoded in. Shards become the index that is made of all pictures at once.

    Vectors and fields are read and written in chunks. Beside them, 16 bytes a document are held in
    memory, and the ids of those that several indexes hold.

    Args:
        sources: index folders, or the folders of pictures that hold them, or of shards.
        target: where no index is, or one of the sources, which the new index then replaces, or
            the index that the same merge made before, which then is one of the sources too.
        allow_missing: accept that shards are missing; the next update makes up for them.

    Raises:
        InputError: if there are less than two sources, if there is an index at ``target`` that
            is none of them, if only some name folders, or if indexes without folders share ids.
        MissingError: if shards are missing.
        MismatchError: if they are not of one model and vocabulary, a field has not one type, or
            shards are of different folders or were made in different ways.
        LockedError: if another process is writing the index at ``target``.
        StorageError: if the new index cannot be written.
    """
    require_several(sources, "indexes")
    target = Path(target)
    places = _places(sources)
    origin, is_source = MergeOrigin(target, places), target.resolve() in places
    if not is_source and origin.is_of_target():  # what it holds, and was given since, is kept
        places.insert(0, target.resolve())
    _check_target(target, places)
    indexes = [EmbeddedIndex(place) for place in places]
    for index in indexes:
        index.require_own_vectors()
    _check(indexes, allow_missing=allow_missing)
    first, recorded = indexes[0], _joined_roots(indexes, target)
    kinds, options = joined_columns(indexes, widen=True), _joined_options(indexes, target)
    with EmbeddedIndexWriter.create(
        target,
        first.vocabulary,
        model_id=first.model_id,
        model_source=next((m for m in (i.manifest.model_source for i in indexes) if m), None),
        roots=recorded,
        weights=_joined_weights(indexes),
        precision=first.manifest.precision,
        options=options,
        runtimes=joined_runtimes(indexes),
        replace_existing=target.resolve() in places,
    ) as writer:
        if not is_source:
            origin.write()
        # Again, under the lock: the target may be among them.
        indexes = [EmbeddedIndex(place) for place in places]
        folders = picture_folders(recorded, target)
        names = [_new_ids(index, folders) for index in indexes]
        owners = Owners(indexes, names)
        keepers = [FieldKeeper(place) for place in places]
        carried = CarriedFields(keepers, names, present=owners, kinds=kinds)
        for number, index in enumerate(indexes):
            copy_documents(
                *(index, writer),
                new_id=owners.chosen(number),
                kinds=kinds,
                carried=carried.of(number),
            )
        keeper = keepers[places.index(target.resolve())] if is_source else FieldKeeper(target)
        for one, new_id in zip(keepers, names, strict=True):
            keeper.take_over(one, new_id, without=owners)
        keeper.save()

        def joined(now: Corrections) -> Corrections:
            each = [now if p == target.resolve() else load_corrections(p) for p in places]
            return joined_corrections(zip(each, names, strict=True))

        writer.commit(corrections=joined)
        take_over_labels(target, places)
        staying = take_over_refused(target, list(zip(places, names, strict=True)))
        report = MergeReport(
            writer.manifest.num_documents,
            owners.num_shared,
            tuple(folder.path for folder in folders or packed_folders(options, target)),
            carried.num_given,
        )
    if load_corrections(target):
        follow_moved_pictures(open_index(target), staying=staying)
    return report


def _places(sources: Sequence[PathLike]) -> list[Path]:
    """Return the indexes that are meant, each once; at least two, or a shard."""
    places = [place.resolve() for place in all_indexes(sources, allow_missing=True)]
    if len(places) < 2:  # a shard is told by what looks whether others are missing
        alone = [Shard.of(EmbeddedIndex(place).manifest.options) for place in places]
        if None in alone:
            raise InputError("Merging takes two different indexes or more.")
    return places


def _check(indexes: Sequence[EmbeddedIndex], *, allow_missing: bool) -> None:
    """Raise an error where indexes cannot become one."""
    for other in indexes[1:]:
        require_alike(indexes[0], other)
    _check_roots(indexes)
    shards = [index for index in indexes if Shard.of(index.manifest.options) is not None]
    if shards:
        require_all_shards(shards, allow_missing=allow_missing)


def _joined_options(indexes: Sequence[EmbeddedIndex], target: Path) -> tuple[str, ...]:
    """Return what was chosen for any of them, but for the shard that one is."""
    chosen = {option for index in indexes for option in index.manifest.options}
    packed = [
        folder for index in indexes for folder in packed_folders(index.manifest.options, index.path)
    ]
    return with_packed_folders(without_shard(sorted(chosen)), packed, target)


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


def _new_ids(index: EmbeddedIndex, folders: Sequence[PictureFolder]) -> NewId:
    old = picture_folders(index.manifest.roots, index.path)
    if not old:
        return lambda doc_id: doc_id
    return lambda doc_id: id_of_file(picture_path(old[0].path, doc_id), folders)
