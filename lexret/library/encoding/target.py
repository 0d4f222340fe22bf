"""The index that encoded pictures go into: what it must be like, and what they are called in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import CorruptError, InputError, MismatchError, MissingError
from lexret.interop.backends import BackendChoice, open_writer, writer_class
from lexret.library.encoding.plan import EncodePlan
from lexret.library.folders import (
    PictureFolder,
    default_index,
    picture_folders,
    record_roots,
)
from lexret.library.packed.contents import PackedKind
from lexret.library.packed.pictures import PackedFolder, packed_folders, with_packed_folders
from lexret.library.shards import Shard
from lexret.library.updating.index_checks import check_backend, check_shard, check_weights
from lexret.vocabulary import Vocabulary


@dataclass(frozen=True)
class ChosenIndex:
    """What a call says of the index.

    Attributes:
        model_source: what loads its model.
        weights: how it stores them; ``None``: as it does, a new one ``exact``.
        shard: the part of the pictures that it holds; ``None``: as it has it, a new one all.
        backend: what holds its vectors.
    """

    model_source: str
    weights: str | None
    shard: Shard | None
    backend: BackendChoice


def open_target(
    plan: EncodePlan, vocabulary: Vocabulary, index_path: Path, chosen: ChosenIndex
) -> EmbeddedIndexWriter:
    """Open the index that encoded pictures go into, or begin it.

    Raises:
        MismatchError: if it is of another model.
        InputError: if it is there and not as was chosen.
    """
    model = plan.model
    try:
        writer = open_writer(index_path, chosen.backend)
    except MissingError:
        entry = chosen.backend.of_new_index(None)
        check_backend(entry, chosen.shard, chosen.weights)
        return writer_class(entry).create(
            index_path,
            vocabulary,
            model_id=model.model_id,
            model_source=chosen.model_source,
            weights=chosen.weights or "exact",
            precision=model.precision,
            options=() if chosen.shard is None else (chosen.shard.option,),
            backend=entry,
        )
    try:
        _check_model(plan, writer, index_path)
        check_weights(writer.manifest, index_path, chosen.weights)
        check_shard(writer.manifest, index_path, chosen.shard)
    except BaseException:
        writer.close()
        raise
    return writer


def _check_model(plan: EncodePlan, writer: EmbeddedIndexWriter, index_path: Path) -> None:
    manifest, model = writer.manifest, plan.model
    found = (manifest.model_id, manifest.vocabulary_fingerprint, manifest.precision)
    if found != (model.model_id, model.fingerprint, model.precision):
        raise MismatchError(
            f"The index at {index_path} was made with the model {manifest.model_id} "
            f"({manifest.num_words} words) in {manifest.precision}, but the pictures in "
            f"{plan.out} were encoded by {model.model_id} ({model.num_words} words) in "
            f"{model.precision}. Name another place with --index."
        )


def check_alike(plan: EncodePlan, other: EncodePlan) -> None:
    """Raise an error if two encodings cannot go into one index.

    Raises:
        MismatchError: if they are of different models.
        InputError: if only one of them is of folders.
    """
    if (plan.sources.kind == "folders") != (other.sources.kind == "folders"):
        raise InputError(
            f"{plan.out} was encoded from {plan.sources.kind}, but {other.out} from "
            f"{other.sources.kind}: their pictures are named differently. Make an index of each."
        )
    mine, theirs = plan.model, other.model
    if (mine.model_id, mine.fingerprint, mine.precision) != (
        theirs.model_id,
        theirs.fingerprint,
        theirs.precision,
    ):
        raise MismatchError(
            f"The encoding in {plan.out} is of the model {mine.model_id} in {mine.precision}, but "
            f"that in {other.out} is of {theirs.model_id} in {theirs.precision}."
        )


@dataclass(frozen=True)
class Target:
    """Place of encoded pictures in an index.

    Attributes:
        roots: the folders that the index names.
        options: of the index; they record where tar shards or Parquet files lie.
        folders: as ``roots``; none where the pictures lie in files of many.
        shard: the part of the pictures that the index holds, if not all.
        rename: returns what a picture is called in the index.
    """

    roots: tuple[str, ...]
    options: tuple[str, ...]
    folders: tuple[PictureFolder, ...]
    shard: Shard | None
    rename: Callable[[str], str]

    @property
    def is_packed(self) -> bool:
        """Whether the pictures lie in tar shards or Parquet files."""
        return not self.folders

    def holds(self, doc_id: str) -> bool:
        """Whether a picture, by its name in the index, belongs to it."""
        if self.shard is None:
            return True
        prefix = next((folder.prefix for folder in self.folders if folder.holds(doc_id)), "")
        return self.shard.holds(doc_id.removeprefix(prefix))


def find_target(plan: EncodePlan, writer: EmbeddedIndexWriter, folders: Sequence[Path]) -> Target:
    """Return the place of encoded pictures in an index.

    Raises:
        InputError: if the folders are not as many as were encoded, or the index is not of folders.
    """
    sources, recorded, place = plan.sources, writer.manifest.roots, writer.path
    shard = Shard.of(writer.manifest.options)
    is_of_folders = sources.kind == "folders"
    is_begun = bool(recorded or writer.manifest.segments)
    if is_begun and bool(recorded) != is_of_folders:
        raise InputError(
            f"The index at {place} is {'of folders' if recorded else 'of no folders'}, but what "
            f"is in {plan.out} is not: their pictures are named differently. Name another place "
            "with --index."
        )
    if not is_of_folders:
        options = _packed_options(plan, writer, folders)
        return Target((), options, (), shard, lambda doc_id: doc_id)
    paths = [folder.resolve() for folder in folders] or list(sources.paths)
    if len(paths) != len(sources.paths):
        raise InputError(
            f"{plan.out} was encoded from {len(sources.paths)} folders "
            f"({', '.join(map(str, sources.paths))}), but {len(paths)} are named. Name where each "
            "of them is now, in that order, or none."
        )
    roots = record_roots(paths, place, recorded=recorded)
    old = picture_folders(sources.roots, default_index(sources.paths[0]))
    there = picture_folders(roots, place)
    new = {folder.path: folder.prefix for folder in there}
    prefixes = [(folder, new[path]) for folder, path in zip(old, paths, strict=True)]

    def rename(doc_id: str) -> str:
        for folder, prefix in prefixes:
            if folder.holds(doc_id):
                return prefix + doc_id.removeprefix(folder.prefix)
        raise CorruptError(f"The picture {doc_id!r} in {plan.out} lies in none of its folders.")

    return Target(roots, writer.manifest.options, there, shard, rename)


def _packed_options(
    plan: EncodePlan, writer: EmbeddedIndexWriter, folders: Sequence[Path]
) -> tuple[str, ...]:
    """Return the options of an index that record where the files of many lie.

    Args:
        folders: where they lie now, in place of what the index records; else where they lay.
    """
    sources, options = plan.sources, writer.manifest.options
    assert sources.kind != "folders", "callers ask for files of many alone"
    kind: PackedKind = sources.kind
    recorded = list(packed_folders(options, writer.path))
    now = [folder.resolve() for folder in folders]
    if now:
        names = [path.name for path in sources.paths]
        missing = [name for name in names if not any((folder / name).is_file() for folder in now)]
        if missing:
            raise InputError(
                f"{missing[0]}, which {plan.out} was encoded from, is not in "
                f"{' or '.join(map(str, now))} ({len(missing)} of {len(names)} files are missing). "
                "Name the folders in which the files lie now, or none."
            )
        recorded = [folder for folder in recorded if folder.kind != kind]
    found = [PackedFolder(kind, path) for path in now or (one.parent for one in sources.paths)]
    return with_packed_folders(options, [*recorded, *found], writer.path)
