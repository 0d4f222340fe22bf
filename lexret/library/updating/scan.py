"""Decides which folders of pictures a run looks through, and finds the files in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lexret.engine.index import EmbeddedIndex
from lexret.engine.integrity.check import read_manifests
from lexret.errors import CorruptError, DamageError, InputError, MissingError
from lexret.library.folders import (
    PictureFolder,
    id_of_file,
    picture_folders,
    picture_path,
    record_roots,
)
from lexret.library.shards import Shard
from lexret.library.updating.found_files import FoundFiles
from lexret.library.updating.kept_fields import KeptFields
from lexret.library.updating.moved_corrections import NewId
from lexret.library.updating.reader import SkippedPicture
from lexret.library.updating.records import INDEXED_FIELDS, own_fields_of
from lexret.pictures.exclusion import Exclusion
from lexret.pictures.finding import NotLookedAt, find_names

OwnFields = Mapping[str, KeptFields]


@dataclass(frozen=True)
class UpdatePlan:
    """What a run does with the folders of an index.

    Attributes:
        roots: what the manifest names while it runs.
        remaining: what it names when it has ended.
        searched: the folders that are looked through.
        added: those among them that the index did not hold before.
        leaving: the folders that leave the index.
        absent: folders of the index that are not there now.
        own_fields: fields that somebody gave pictures of an index that is made anew: id -> fields.
        new_id: returns the id that a picture of such an index has in the new one.
    """

    roots: tuple[str, ...]
    remaining: tuple[str, ...]
    searched: tuple[PictureFolder, ...]
    added: tuple[PictureFolder, ...] = ()
    leaving: tuple[PictureFolder, ...] = ()
    absent: tuple[Path, ...] = ()
    base: Path = Path()
    own_fields: OwnFields = field(default_factory=dict)
    new_id: NewId | None = None

    @property
    def base_leaves(self) -> bool:
        """Whether the folder that ids are relative to leaves the index."""
        return any(not folder.prefix for folder in self.leaving)


def plan_update(
    named: Sequence[Path], index_path: Path, recorded: Sequence[str], *, remove: Sequence[Path]
) -> UpdatePlan:
    """Plan a run over an index that is there.

    Raises:
        InputError: if a folder to remove is none of the index, or all are, or folders lie one
            inside the other.
        MissingError: if no folder is named, and none of the index is there.
    """
    leaving_paths = _leaving(remove, named, index_path, recorded)
    roots = record_roots(named, index_path, recorded=recorded, leaving=leaving_paths)
    folders = picture_folders(roots, index_path)
    leaving = tuple(folder for folder in folders if folder.path in leaving_paths)
    staying = [folder for folder in folders if folder.path not in leaving_paths]
    if not staying:
        raise InputError(
            f"The index at {index_path} holds no other folder; to be rid of it, delete that folder."
        )
    wanted = {folder.resolve() for folder in named} or {
        folder.path for folder in staying if folder.path.is_dir()
    }
    absent = () if named else tuple(folder.path for folder in staying if folder.path not in wanted)
    if not wanted and not leaving:
        raise MissingError(
            "None of the folders of the index is there: "
            f"{', '.join(map(str, absent))}. Is a disk not mounted? If they have moved, name "
            "the new place, and the old one with --remove-root: nothing is encoded again."
        )
    return UpdatePlan(
        roots=roots,
        remaining=record_roots([folder.path for folder in staying], index_path)
        if leaving
        else roots,
        searched=tuple(folder for folder in staying if folder.path in wanted),
        added=tuple(folder for folder in staying if folder.recorded not in recorded),
        leaving=leaving,
        absent=absent,
        base=folders[0].path,
    )


def plan_rebuild(
    named: Sequence[Path], index_path: Path, *, remove: Sequence[Path] = ()
) -> UpdatePlan:
    """Plan a run that makes an index anew, or makes the first one.

    Raises:
        InputError: if a folder of the index that is there is neither named nor removed.
        MissingError: if no folder is named and there is no index.
    """
    old = _readable(index_path)
    recorded = old.manifest.roots if old else ()
    if not (named or recorded):
        raise MissingError(f"There is no index at {index_path} that names folders; name them.")
    leaving = _leaving(remove, named, index_path, recorded) if remove else []
    there = [folder.path for folder in picture_folders(recorded, index_path)]
    wanted = [path.resolve() for path in named] or [path for path in there if path not in leaving]
    lost = [path for path in there if path not in wanted and path not in leaving]
    if lost:
        raise InputError(
            f"The index at {index_path} holds {lost[0]} too. To make it anew, name all of its "
            "folders or none of them, or take a folder out with --remove-root."
        )
    roots = record_roots(wanted, index_path)
    folders = picture_folders(roots, index_path)
    return UpdatePlan(
        roots=roots,
        remaining=roots,
        searched=folders,
        added=folders,
        base=folders[0].path,
        own_fields=own_fields(old, folders) if old else {},
        new_id=_new_ids(old, folders) if old else None,
    )


def _leaving(
    remove: Sequence[Path], named: Sequence[Path], index_path: Path, recorded: Sequence[str]
) -> list[Path]:
    paths = [path.resolve() for path in remove]
    there = [folder.path for folder in picture_folders(recorded, index_path)]
    for path in paths:
        if path not in there:
            raise InputError(
                f"{path} is no folder of the index at {index_path}; it holds: "
                f"{', '.join(map(str, there)) or 'none'}."
            )
        if path in (folder.resolve() for folder in named):
            raise InputError(f"{path} is to be indexed and to be removed; decide for one.")
    return paths


def _readable(index_path: Path) -> EmbeddedIndex | None:
    """Open an index that is to be made anew, which it may be because it is damaged.

    Raises:
        DamageError: if fields that somebody gave would be lost, which a repair may save.
    """
    try:
        return EmbeddedIndex(index_path)
    except DamageError:
        manifest, _ = read_manifests(index_path)
        if manifest is not None and not set(manifest.columns) <= INDEXED_FIELDS:
            raise
        return None
    except (MissingError, CorruptError):
        return None


def own_fields(index: EmbeddedIndex, folders: Sequence[PictureFolder]) -> OwnFields:
    """Return the fields that somebody gave pictures, by the ids they have in ``folders``."""
    if set(index.columns) <= INDEXED_FIELDS:
        return {}
    new_id = _new_ids(index, folders)
    result = {}
    for document in index.documents():
        own = own_fields_of(document)
        doc_id = new_id(document.doc_id)
        if own and doc_id is not None:
            sha256 = str(document.fields.get("sha256"))
            result[doc_id] = KeptFields(sha256, own, is_there=True)
    return result


def _new_ids(index: EmbeddedIndex, folders: Sequence[PictureFolder]) -> NewId:
    old = picture_folders(index.manifest.roots, index.path)
    base = old[0].path if old else None
    return lambda doc_id: id_of_file(picture_path(base, doc_id), folders)


def find_files(
    plan: UpdatePlan, exclusions: Sequence[Exclusion], shard: Shard | None = None
) -> FoundFiles:
    """Find the picture files of a plan.

    Args:
        exclusions: patterns of what is not looked at, relative to each folder.
        shard: which of them belong to the index, if not all.

    Raises:
        MissingError: if a folder is not there.
        InputError: if it cannot be listed, or one that is new to the index holds no picture, or an
            ignore file cannot be read.
    """
    paths: list[str] = []
    skipped: list[SkippedPicture] = []
    not_looked_at, held = NotLookedAt(), []
    for folder in plan.searched:
        counts = NotLookedAt()
        found = _find_in(folder, skipped, exclusions, counts)
        if not found and folder in plan.added:
            left_out = ", ".join(counts.excluded)
            why = f"; what matches {left_out} is left out" if left_out else ""
            raise InputError(
                f"There is no picture in {folder.path}: no file in it ends like a picture (.jpg, "
                f".png, .webp and others){why}. Name the folder that holds the pictures."
            )
        if found:
            held.append(folder)
        if shard is not None:
            found = [name for name in found if shard.holds(name)]
        paths += [folder.prefix + name for name in found] if folder.prefix else found
        not_looked_at.add(counts)
    return FoundFiles(
        tuple(paths),
        tuple(skipped),
        plan.searched,
        plan.leaving,
        not_looked_at,
        others_in=tuple(held) if shard is not None else (),
    )


def _find_in(
    folder: PictureFolder,
    skipped: list[SkippedPicture],
    exclusions: Sequence[Exclusion],
    counts: NotLookedAt,
) -> list[str]:
    root = folder.path

    def note(path: Path, error: OSError) -> None:
        message = f"The folder {path} cannot be listed: {error.strerror or error}."
        if path == root:
            raise InputError(message) from error
        name = folder.prefix + path.relative_to(root).as_posix()
        skipped.append(SkippedPicture(name, "unreadable folder", message))

    return list(find_names(root, on_unreadable=note, exclusions=exclusions, counts=counts))
