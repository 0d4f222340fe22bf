"""Brings the index of a folder of pictures up to date, encoding only what is new to it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from lexret.data.images import find_images
from lexret.encoders.protocol import Encoder
from lexret.errors import InputError, MismatchError, MissingError
from lexret.index.locations import picture_root, record_root
from lexret.index.manifest import Manifest
from lexret.index.picture_reader import SkippedPicture
from lexret.index.picture_update import FoundFiles, PictureUpdate, Progress
from lexret.index.writer import EmbeddedIndexWriter


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
        seconds: how long it took.
    """

    num_added: int
    num_updated: int
    num_unchanged: int
    num_renamed: int
    num_removed: int
    num_encoded: int
    num_pictures: int
    skipped: tuple[SkippedPicture, ...]
    seconds: float

    def reasons(self) -> list[tuple[str, int]]:
        """Return why files were skipped and how often, the most frequent first."""
        counts = Counter(one.reason for one in self.skipped)
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def index_folder(
    root: Path,
    index_path: Path,
    encoder: Encoder[Image.Image],
    *,
    model_source: str | None = None,
    batch_size: int = 32,
    workers: int = 4,
    progress: Progress | None = None,
    rebuild: bool = False,
    allow_empty: bool = False,
) -> IndexReport:
    """Index a folder of pictures, or bring its index up to date.

    A file of the same size and time of change as before is not read again; one whose content is
    known, under whatever path, is not encoded again. Work is committed about every 1000 pictures
    or 60 seconds, and when the run is interrupted, so that the next run goes on from there.

    Args:
        encoder: turns pictures into vectors.
        model_source: what ``load_model`` takes to get this model; recorded in the index.
        batch_size: pictures that are encoded together.
        workers: threads that read and decode.
        progress: is called with the number of files done and the number of files to do.
        rebuild: make the index anew; what is there gives way at the first commit.
        allow_empty: accept that all pictures of an index are gone.

    Raises:
        MissingError: if there is no such folder.
        InputError: if there is no picture in it, or the index belongs to another folder.
        MismatchError: if the index was made with another model.
        LockedError: if another process is writing the index.
        StorageError: if the index cannot be written.
    """
    started = time.monotonic()
    found = _find(root)
    with _open_writer(root, index_path, encoder, model_source, found, rebuild=rebuild) as writer:
        update = PictureUpdate(root, writer, encoder, found, batch_size=batch_size)
        update.check_not_all_gone(allow_empty=allow_empty)
        update.run(workers=workers, progress=progress)
        counts = update.counts
        return IndexReport(
            num_added=counts.added,
            num_updated=counts.updated,
            num_unchanged=counts.unchanged,
            num_renamed=counts.renamed,
            num_removed=counts.removed,
            num_encoded=counts.encoded,
            num_pictures=writer.manifest.num_documents,
            skipped=tuple(update.skipped),
            seconds=time.monotonic() - started,
        )


def _find(root: Path) -> FoundFiles:
    skipped: list[SkippedPicture] = []

    def note(folder: Path, error: OSError) -> None:
        message = f"The folder {folder} cannot be listed: {error.strerror or error}."
        if folder == root:
            raise InputError(message) from error
        skipped.append(SkippedPicture(_relative(folder, root), "unreadable folder", message))

    paths = tuple(_relative(path, root) for path in find_images(root, on_unreadable=note))
    return FoundFiles(paths, tuple(skipped))


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _open_writer(
    root: Path,
    index_path: Path,
    encoder: Encoder[Image.Image],
    model_source: str | None,
    found: FoundFiles,
    *,
    rebuild: bool,
) -> EmbeddedIndexWriter:
    if not rebuild:
        try:
            writer = EmbeddedIndexWriter.open(index_path)
        except MissingError:
            pass
        else:
            try:
                _check_belongs(writer.manifest, root, index_path, encoder)
            except BaseException:
                writer.close()
                raise
            return writer
    if not found.paths:
        raise InputError(
            f"There is no picture in {root}: no file in it ends like a picture (.jpg, .png, "
            ".webp and others). Name the folder that holds the pictures."
        )
    return EmbeddedIndexWriter.create(
        index_path,
        encoder.vocabulary,
        model_id=encoder.model_id,
        model_source=model_source,
        roots=[record_root(root, index_path)],
        replace_existing=rebuild,
    )


def _check_belongs(
    manifest: Manifest, root: Path, index_path: Path, encoder: Encoder[Image.Image]
) -> None:
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
    recorded = picture_root(manifest, index_path)
    if recorded is not None and recorded != root.resolve():
        raise InputError(
            f"The index at {index_path} belongs to the folder {recorded}, not to {root.resolve()}. "
            "Name another place with --index, or make it anew with --rebuild."
        )
