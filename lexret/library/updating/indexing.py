"""Brings the index of some folders of pictures up to date, encoding only what is new to it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

from lexret.encoders.protocol import Encoder, precision_of
from lexret.engine.corrections.corrections import load_corrections
from lexret.engine.segments.manifest import Manifest
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import MissingError
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
from lexret.library.updating.index_checks import (
    check_backend,
    check_base_stays,
    check_is_of_folders,
    check_model,
    check_precision,
    check_shard,
    check_weights,
)
from lexret.library.updating.index_report import IndexReport
from lexret.library.updating.kept_fields import FieldKeeper
from lexret.library.updating.moved_corrections import follow_moved_pictures
from lexret.library.updating.reader import Decoding
from lexret.library.updating.refused import RefusedFiles, reader_identity
from lexret.library.updating.scan import UpdatePlan, find_files, plan_rebuild, plan_update
from lexret.library.updating.update_run import PictureUpdate, Progress
from lexret.pictures.exclusion import DEFAULT_EXCLUSIONS, Exclusion, parse_exclusion

DEFAULT_DECODING: Final = Decoding()
AS_IT_IS: Final = BackendChoice()
DEFAULT_PATTERNS: Final = tuple(map(parse_exclusion, DEFAULT_EXCLUSIONS))


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
    chosen = _Chosen(encoder, model_source, weights, shard, backend)
    begun = None if rebuild else _resume(folders, index_path, chosen, remove, exclusions)
    if begun is None:
        begun = _begin_anew(
            folders, index_path, chosen, remove, exclusions, replace_existing=rebuild
        )
    plan, writer = begun.plan, begun.writer
    options = _options(writer.manifest, keywords_as_words, shard)
    with writer:
        keeper = FieldKeeper(index_path, before=plan.own_fields, columns=writer.manifest.columns)
        if plan.new_id is not None:
            keeper.rename(plan.new_id)
        update = PictureUpdate(
            plan.base,
            writer,
            encoder,
            begun.found,
            batch_size=batch_size,
            refused=RefusedFiles(
                index_path, reader_identity(decoding.max_pixels), forget=rebuild or retry_refused
            ),
            keywords_as_words=KEYWORDS_AS_WORDS in options,
            keeper=keeper,
        )
        update.check_not_all_gone(allow_empty=allow_empty)
        writer.commit_roots(plan.roots, options=options)
        update.run(decoding=decoding, progress=progress)
        if plan.leaving and not plan.base_leaves:
            writer.commit_roots(plan.remaining)
    if plan.base_leaves:
        drop_first_root(index_path, plan.remaining)
    left_behind = _settle(index_path, before, writer.manifest, update)
    seconds = time.monotonic() - started
    return _report(begun, update, encoder.model_id, options, left_behind, seconds=seconds)


@dataclass(frozen=True)
class _Chosen:
    """What a caller chose for the index; see :func:`index_folders`."""

    encoder: Encoder[Image.Image]
    model_source: str | None
    weights: str | None
    shard: Shard | None
    backend: BackendChoice


@dataclass(frozen=True)
class _Begun:
    """Run that has begun: its plan, the writer that holds the lock, and the files there are."""

    plan: UpdatePlan
    writer: EmbeddedIndexWriter
    found: FoundFiles


def _resume(
    folders: Sequence[Path],
    index_path: Path,
    chosen: _Chosen,
    remove: Sequence[Path],
    exclusions: Sequence[Exclusion],
) -> _Begun | None:
    """Open the index that is there; ``None`` where there is none and folders for one are named."""
    try:
        writer = open_writer(index_path, chosen.backend)
    except MissingError:
        if not folders:
            raise
        return None
    manifest = writer.manifest
    try:
        check_model(manifest, index_path, chosen.encoder)
        check_weights(manifest, index_path, chosen.weights)
        check_precision(manifest, index_path, precision_of(chosen.encoder))
        check_shard(manifest, index_path, chosen.shard)
        check_is_of_folders(manifest, index_path)
        plan = plan_update(folders, index_path, manifest.roots, remove=remove)
        check_base_stays(plan, manifest, index_path)
        return _Begun(plan, writer, find_files(plan, exclusions, Shard.of(manifest.options)))
    except BaseException:
        writer.close()
        raise


def _begin_anew(
    folders: Sequence[Path],
    index_path: Path,
    chosen: _Chosen,
    remove: Sequence[Path],
    exclusions: Sequence[Exclusion],
    *,
    replace_existing: bool,
) -> _Begun:
    """Begin a new index, which takes over what was chosen for the one that it replaces."""
    plan = plan_rebuild(folders, index_path, remove=remove)
    before = Manifest.load_if_sound(index_path)
    shard = chosen.shard or (Shard.of(before.options) if before else None)
    found = find_files(plan, exclusions, shard)
    recorded = chosen.backend.of_new_index(None if before is None else before.backend)
    stored = "exact" if before is None or recorded is not None else before.weights
    check_backend(recorded, shard, chosen.weights)
    encoder = chosen.encoder
    writer = writer_class(recorded).create(
        index_path,
        encoder.vocabulary,
        model_id=encoder.model_id,
        model_source=chosen.model_source,
        roots=plan.roots,
        weights=chosen.weights or stored,
        precision=precision_of(encoder),
        options=() if before is None else before.options,
        replace_existing=replace_existing,
        backend=recorded,
    )
    return _Begun(plan, writer, found)


def _settle(index_path: Path, before: Manifest | None, now: Manifest, update: PictureUpdate) -> str:
    """Drop what a replaced index had elsewhere, and let corrections follow moved pictures.

    Returns:
        what is to be told where the vectors of the replaced index could not be dropped.
    """
    left_behind = ""
    if before is not None and now.generation > before.generation:
        left_behind = forget_replaced(before.backend, now.backend)
    if now.num_documents and load_corrections(index_path):
        skipped = {picture.path for picture in update.skipped}
        follow_moved_pictures(open_index(index_path), staying=skipped)
    return left_behind


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


def _report(
    begun: _Begun,
    update: PictureUpdate,
    model_id: str,
    options: Sequence[str],
    left_behind: str,
    *,
    seconds: float,
) -> IndexReport:
    counts, manifest = update.counts, begun.writer.manifest
    return IndexReport(
        num_added=counts.added,
        num_updated=counts.updated,
        num_unchanged=counts.unchanged,
        num_renamed=counts.renamed,
        num_removed=counts.removed,
        num_encoded=counts.encoded,
        num_pictures=manifest.num_documents,
        skipped=tuple(update.skipped),
        absent=begun.plan.absent,
        not_looked_at=begun.found.not_looked_at,
        num_with_words=update.num_with_words if KEYWORDS_AS_WORDS in options else None,
        seconds=seconds,
        model_id=model_id,
        runtimes=manifest.runtimes,
        backend=manifest.backend,
        left_behind=left_behind,
        shard=Shard.of(options),
    )
