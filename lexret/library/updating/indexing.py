"""Brings the index of some folders of pictures up to date, encoding only what is new to it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

from lexret.encoders.protocol import Encoder, precision_of
from lexret.engine.corrections.corrections import load_corrections
from lexret.engine.segments.manifest import BackendEntry, Manifest
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import InputError, MismatchError, MissingError
from lexret.interop.backends import (
    BackendChoice,
    forget_replaced,
    open_index,
    open_writer,
    writer_class,
)
from lexret.library.asking.query_fields import KEYWORDS_AS_WORDS
from lexret.library.shards import Shard, without_shard
from lexret.library.updating.folder_changes import drop_first_root
from lexret.library.updating.found_files import FoundFiles
from lexret.library.updating.kept_fields import FieldKeeper
from lexret.library.updating.moved_corrections import follow_moved_pictures
from lexret.library.updating.reader import Decoding, SkippedPicture
from lexret.library.updating.refused import RefusedFiles, reader_identity
from lexret.library.updating.scan import UpdatePlan, find_files, plan_rebuild, plan_update
from lexret.library.updating.update_run import PictureUpdate, Progress
from lexret.pictures.exclusion import DEFAULT_EXCLUSIONS, Exclusion, parse_exclusion
from lexret.pictures.finding import NotLookedAt

DEFAULT_DECODING: Final = Decoding()
AS_IT_IS: Final = BackendChoice()
DEFAULT_PATTERNS: Final = tuple(map(parse_exclusion, DEFAULT_EXCLUSIONS))


@dataclass(frozen=True)
class IndexReport:
    """What bringing an index up to date did.

    Attributes:
        num_added: pictures under new paths, duplicates of known ones too.
        num_updated: known paths whose content changed.
        num_unchanged: known paths whose content is the same.
        num_renamed: known content that moved to another path.
        num_removed: pictures that are gone, or can no longer be read.
        num_encoded: pictures that went through the model; others were known by their content.
        num_pictures: what the index holds now.
        skipped: files that are not readable pictures, and folders that cannot be listed.
        absent: folders of the index that are not there now; what it holds of them stays.
        not_looked_at: files that do not end like a picture, and what patterns left out.
        num_with_words: pictures that hold words because they are keywords of theirs; ``None``
            where keywords are not taken as words.
        seconds: how long it took.
        model_id: the model that encodes the index's pictures.
        runtimes: the programs that computed the index's vectors, as far as it is recorded.
        backend: what holds its vectors; ``None``: the index itself.
        left_behind: what is to be told of the vectors of the index that this one replaced, where
            they could not be removed; else nothing.
    """

    num_added: int
    num_updated: int
    num_unchanged: int
    num_renamed: int
    num_removed: int
    num_encoded: int
    num_pictures: int
    skipped: tuple[SkippedPicture, ...]
    absent: tuple[Path, ...]
    not_looked_at: NotLookedAt
    num_with_words: int | None
    seconds: float
    model_id: str
    runtimes: tuple[str, ...] = ()
    backend: BackendEntry | None = None
    left_behind: str = ""
    shard: Shard | None = None

    def reasons(self) -> list[tuple[str, int]]:
        """Return why files were skipped and how often, the most frequent first."""
        counts = Counter(skipped.reason for skipped in self.skipped)
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def index_folders(
    folders: Sequence[Path],
    index_path: Path,
    encoder: Encoder[Image.Image],
    *,
    remove: Sequence[Path] = (),
    model_source: str | None = None,
    weights: str | None = None,
    batch_size: int = 32,
    decoding: Decoding = DEFAULT_DECODING,
    exclusions: Sequence[Exclusion] = DEFAULT_PATTERNS,
    retry_refused: bool = False,
    keywords_as_words: bool | None = None,
    shard: Shard | None = None,
    progress: Progress | None = None,
    rebuild: bool = False,
    allow_empty: bool = False,
    backend: BackendChoice = AS_IT_IS,
) -> IndexReport:
    """Index folders of pictures, or bring their index up to date.

    A file of the same size and time of change as before is not read again; one whose content is
    known, under whatever path, is not encoded again. A file that could not be read is not tried
    again until it changes (:mod:`lexret.library.updating.refused`). Work is committed about every
    1000 pictures or 60 seconds, and when the run is interrupted: the next one goes on from there.

    Args:
        folders: those to look through; the index gains those that it does not hold yet. Without
            any, all that it holds and that are there.
        encoder: turns pictures into vectors; the index records its precision.
        remove: folders that leave the index, with all that it holds of them.
        model_source: what ``load_model`` takes to get this model; recorded in the index.
        weights: how a new index stores them, ``exact`` or ``8bit``; without a word as the index
            does that is made anew, else ``exact``.
        batch_size: pictures that are encoded together.
        decoding: how pictures are decoded.
        exclusions: patterns of what is not looked at; what the index holds of it leaves it.
        retry_refused: read files again that could not be read before.
        keywords_as_words: whether keywords of photos that are words of the vocabulary count as
            words that a person vouched for; recorded. By default as the index has it, else not.
        shard: the part of the pictures that the index holds; recorded. By default as it has it,
            else all.
        progress: is called with the number of files done and the number of files to do.
        rebuild: make the index anew; what is there gives way at the first commit, or where it
            holds fields that somebody gave, at the last.
        allow_empty: accept that all pictures of a folder are gone.
        backend: what holds the vectors, of a new index or one that is made anew; for another one,
            what it must have, but for the URI, which is recorded.

    Raises:
        MissingError: if there is no such folder.
        InputError: if there is no picture in a folder, or folders lie one inside the other, or
            the index stores its weights in another way, was encoded in another precision, or is
            another shard.
        MismatchError: if the index was made with another model.
        LockedError: if another process is writing the index.
        StorageError: if the index cannot be written.
        BackendError: if the engine that holds the vectors does not answer.
        UpdateInterrupted: on Ctrl-C while it runs; tells how many pictures are stored.
    """
    started = time.monotonic()
    before = Manifest.load_if_sound(index_path) if rebuild else None
    plan, writer, found = _begin(
        folders,
        index_path,
        encoder,
        remove=remove,
        model_source=model_source,
        weights=weights,
        exclusions=exclusions,
        shard=shard,
        rebuild=rebuild,
        backend=backend,
    )
    options = _options(writer.manifest, keywords_as_words, shard)
    with writer:
        refused = RefusedFiles(
            index_path, reader_identity(decoding.max_pixels), forget=rebuild or retry_refused
        )
        keeper = FieldKeeper(index_path, before=plan.own_fields, columns=writer.manifest.columns)
        if plan.new_id is not None:
            keeper.rename(plan.new_id)
        update = PictureUpdate(
            plan.base,
            writer,
            encoder,
            found,
            batch_size=batch_size,
            refused=refused,
            keywords_as_words=KEYWORDS_AS_WORDS in options,
            keeper=keeper,
        )
        update.check_not_all_gone(allow_empty=allow_empty)
        writer.commit_roots(plan.roots, options=options)
        update.run(decoding=decoding, progress=progress)
        manifest = writer.manifest
        if plan.leaving and not plan.base_leaves:
            writer.commit_roots(plan.remaining)
    if plan.base_leaves:
        drop_first_root(index_path, plan.remaining)
    counts = update.counts
    left_behind = ""
    if before is not None and manifest.generation > before.generation:
        left_behind = forget_replaced(before.backend, manifest.backend)
    if manifest.num_documents and load_corrections(index_path):
        skipped = {picture.path for picture in update.skipped}
        follow_moved_pictures(open_index(index_path), staying=skipped)
    return IndexReport(
        num_added=counts.added,
        num_updated=counts.updated,
        num_unchanged=counts.unchanged,
        num_renamed=counts.renamed,
        num_removed=counts.removed,
        num_encoded=counts.encoded,
        num_pictures=manifest.num_documents,
        skipped=tuple(update.skipped),
        absent=plan.absent,
        not_looked_at=found.not_looked_at,
        num_with_words=update.num_with_words if KEYWORDS_AS_WORDS in options else None,
        seconds=time.monotonic() - started,
        model_id=encoder.model_id,
        runtimes=manifest.runtimes,
        backend=manifest.backend,
        left_behind=left_behind,
        shard=Shard.of(options),
    )


def _begin(
    folders: Sequence[Path],
    index_path: Path,
    encoder: Encoder[Image.Image],
    *,
    remove: Sequence[Path],
    model_source: str | None,
    weights: str | None,
    exclusions: Sequence[Exclusion],
    shard: Shard | None,
    rebuild: bool,
    backend: BackendChoice,
) -> tuple[UpdatePlan, EmbeddedIndexWriter, FoundFiles]:
    """Say what is to be done, take the writer's lock, and look for the files."""
    if not rebuild:
        try:
            writer = open_writer(index_path, backend)
        except MissingError:
            if not folders:
                raise
        else:
            try:
                _check_model(writer.manifest, index_path, encoder)
                check_weights(writer.manifest, index_path, weights)
                _check_precision(writer.manifest, index_path, precision_of(encoder))
                check_shard(writer.manifest, index_path, shard)
                _check_is_of_folders(writer.manifest, index_path)
                plan = plan_update(folders, index_path, writer.manifest.roots, remove=remove)
                _check_base_stays(plan, writer.manifest, index_path)
                part = Shard.of(writer.manifest.options)
                return plan, writer, find_files(plan, exclusions, part)
            except BaseException:
                writer.close()
                raise
    plan = plan_rebuild(folders, index_path, remove=remove)
    before = Manifest.load_if_sound(index_path)
    shard = shard or (Shard.of(before.options) if before else None)
    found = find_files(plan, exclusions, shard)
    recorded = backend.of_new_index(None if before is None else before.backend)
    stored = "exact" if before is None or recorded is not None else before.weights
    check_backend(recorded, shard, weights)
    writer = writer_class(recorded).create(
        index_path,
        encoder.vocabulary,
        model_id=encoder.model_id,
        model_source=model_source,
        roots=plan.roots,
        weights=weights or stored,
        precision=precision_of(encoder),
        options=() if before is None else before.options,
        replace_existing=rebuild,
        backend=recorded,
    )
    return plan, writer, found


def _options(
    manifest: Manifest, keywords_as_words: bool | None, shard: Shard | None
) -> tuple[str, ...]:
    """Return the options that an index has from now on."""
    options = manifest.options
    if shard is not None:
        options = (*without_shard(options), shard.option)
    if keywords_as_words is None:
        return options
    others = tuple(option for option in options if option != KEYWORDS_AS_WORDS)
    return (*others, KEYWORDS_AS_WORDS) if keywords_as_words else others


def _check_base_stays(plan: UpdatePlan, manifest: Manifest, index_path: Path) -> None:
    if plan.base_leaves and manifest.backend is not None:
        raise InputError(
            f"The first folder of the index at {index_path} cannot be taken out of it while the "
            f"backend {manifest.backend.name} holds its vectors: all pictures get other paths by "
            "that. Make the index anew: --rebuild with the folders that stay, and --remove-root."
        )


def _check_is_of_folders(manifest: Manifest, index_path: Path) -> None:
    """Raise InputError where an index holds pictures, but names no folder to look for them in."""
    if manifest.segments and not manifest.roots:
        raise InputError(
            f"The index at {index_path} holds pictures of no folder, such as those of tar shards "
            "or Parquet that `lexret index --vectors` takes in, so that there is no folder to look "
            "through. Take in more of these by --vectors, or name another place with --index."
        )


def check_backend(backend: BackendEntry | None, shard: Shard | None, weights: str | None) -> None:
    """Raise InputError if a new index cannot keep its vectors in a backend."""
    if backend is None:
        return
    if weights not in (None, "exact"):
        raise InputError(
            f"The backend {backend.name} holds exact weights; leave --weights {weights} out."
        )
    if shard is not None and shard.total > 1:
        raise InputError(
            f"Shards whose vectors are in {backend.name} could not be searched together or merged. "
            "To encode on several machines, use `lexret encode`, and take what it wrote into one "
            f"index: lexret index --vectors OUT --backend {backend.name} --uri URI."
        )


def check_shard(manifest: Manifest, index_path: Path, shard: Shard | None) -> None:
    """Raise InputError if a shard is asked for that an index is not."""
    recorded = Shard.of(manifest.options)
    if shard not in (None, recorded):
        is_one = "holds all pictures" if recorded is None else f"is shard {recorded}"
        raise InputError(
            f"The index at {index_path} {is_one}, but shard {shard} is asked for. Name another "
            "place with --index, or make it anew with --rebuild."
        )


def check_weights(manifest: Manifest, index_path: Path, weights: str | None) -> None:
    """Raise InputError if weights are asked for that an index does not store."""
    if weights not in (None, manifest.weights):
        raise InputError(
            f"The index at {index_path} stores {manifest.weights} weights, but {weights} ones are "
            "asked for. Leave the option out, or make the index anew with --rebuild."
        )


def _check_precision(manifest: Manifest, index_path: Path, precision: str) -> None:
    if precision != manifest.precision:
        raise InputError(
            f"The index at {index_path} was encoded in {manifest.precision}, but {precision} is "
            "asked for. Leave the option out, or make the index anew with --rebuild."
        )


def _check_model(manifest: Manifest, index_path: Path, encoder: Encoder[Image.Image]) -> None:
    vocabulary = encoder.vocabulary
    if (manifest.model_id, manifest.vocabulary_fingerprint) != (
        encoder.model_id,
        vocabulary.fingerprint,
    ):
        raise MismatchError(
            f"The index at {index_path} was made with the model {manifest.model_id} "
            f"({manifest.num_words} words), but this is {encoder.model_id} ({len(vocabulary)} "
            "words). Use that model, or make the index anew with --rebuild."
        )
