"""Repair of an index: keeps what is whole, and says what must be made again.

What is replaced goes into a folder ``damaged`` of the index, and nothing is removed from there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from lexret.engine.corrections.corrections import Corrections, parse_corrections, write_corrections
from lexret.engine.corrections.layout import CORRECTIONS_FILE, CORRECTIONS_LOCK_FILE, PENDING_FILE
from lexret.engine.integrity.aside import keep, new_aside
from lexret.engine.integrity.check import check_index, read_manifests
from lexret.engine.integrity.repair_report import RepairReport
from lexret.engine.integrity.salvage import SalvagedSegment, SavedDocument
from lexret.engine.integrity.salvaged_corrections import salvage_corrections
from lexret.engine.segments.manifest import MANIFEST_FILE, SEGMENTS_FOLDER, Manifest, SegmentEntry
from lexret.engine.segments.segment import Segment
from lexret.engine.store.columns import FieldValue, decode_text
from lexret.engine.store.sections import storage_errors
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import CorruptError
from lexret.files.locks import WriterLock, locked
from lexret.files.sealed import copy_of
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

Fields = Mapping[str, FieldValue]
# What the fields of a document shall be of which something was lost: document -> fields.
Renew = Callable[[SavedDocument], Fields]
# The words of an index whose own file of them is damaged: manifest -> words, if they are known.
FindWords = Callable[[Manifest], Vocabulary | None]


def _as_saved(document: SavedDocument) -> Fields:
    return document.fields


def _no_words(_manifest: Manifest) -> Vocabulary | None:
    return None


def repair_index(
    folder: Path,
    *,
    renew: Renew = _as_saved,
    find_words: FindWords = _no_words,
    dry_run: bool = False,
) -> RepairReport:
    """Rebuild the index at ``folder`` from its undamaged parts.

    Args:
        dry_run: change nothing, and say what would be done.

    Raises:
        MissingError: if there is no index.
        CorruptError: if it is of a version that this lexret cannot read, or if the list of its
            words is damaged and ``find_words`` does not know them; nothing is changed then.
        LockedError: if another process is writing it.
        StorageError: if it cannot be written; what was replaced by then is in ``damaged``.
    """
    before = check_index(folder)
    report = RepairReport(before, num_documents=before.num_documents)
    if before.is_whole:
        return report
    if dry_run:
        _Repair(folder, report, renew, find_words, aside=None).run(None)
        return report
    with storage_errors(folder):
        lock = WriterLock(folder)
        try:
            report.before = check_index(folder)  # again, as nobody else writes it now
            aside = new_aside(folder)
            _Repair(folder, report, renew, find_words, aside=aside).run(lock)
        finally:
            lock.release()
    report.aside = aside if aside.exists() else None
    return report


class _Repair:
    """One repair.

    Args:
        report: is filled in.
        aside: where to keep what is replaced; ``None`` changes nothing.
    """

    def __init__(
        self,
        folder: Path,
        report: RepairReport,
        renew: Renew,
        find_words: FindWords,
        *,
        aside: Path | None,
    ) -> None:
        self._folder, self._report, self._aside = folder, report, aside
        self._renew, self._find_words = renew, find_words
        self._damaged = {finding.file: finding for finding in report.before.findings}

    def run(self, lock: WriterLock | None) -> None:
        """Repair everything; without a lock, only report what would be done."""
        manifest, _ = read_manifests(self._folder)
        words = None if manifest is None else self._words(manifest)
        for finding in self._report.before.findings:
            if finding.segment is None:
                self._keep(self._folder / finding.file, move_folders=True)
        self._mend_corrections()
        if manifest is None or words is None:
            self._give_up()
        else:
            self._mend_segments(manifest, words, lock)

    def _words(self, manifest: Manifest) -> Vocabulary:
        """Return the words of the index; raises CorruptError if they cannot be recovered."""
        path = self._folder / manifest.vocabulary_file
        try:
            return manifest.parse_vocabulary(path.read_bytes(), path)
        except (CorruptError, OSError):
            found = self._find_words(manifest)
        if found is None or found.fingerprint != manifest.vocabulary_fingerprint:
            raise CorruptError(
                f"{path} is damaged, and no model is there that knows its words; nothing was "
                f"changed. Name {manifest.model_id} with --model, restore the file, or make the "
                "index anew with `lexret index --rebuild`."
            )
        self._report.restored.append(manifest.vocabulary_file)
        return found

    def _give_up(self) -> None:
        """Put aside an index that cannot be saved; its corrections stay for the next one."""
        self._report.is_usable = False
        self._report.num_documents = 0
        manifest = self._folder / MANIFEST_FILE
        gone = [manifest, copy_of(manifest), self._folder / SEGMENTS_FOLDER]
        gone += self._folder.glob("vocabulary-*")
        if self._aside is not None:
            for path in gone:
                if path.exists():
                    self._keep(path)
            for path in gone[::-1]:  # the manifest last: what is cut off can be repeated
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)

    def _mend_corrections(self) -> None:
        path = self._folder / CORRECTIONS_FILE
        copy = copy_of(path)
        if PENDING_FILE in self._damaged:
            self._report.lost_additions.append(
                f"What {PENDING_FILE} held is lost: corrections under the new ids of documents "
                "that the last commit gave other ids. Those of before stay."
            )
            if self._aside is not None:
                (self._folder / PENDING_FILE).unlink()
        touched = [file for file in (path, copy) if file.name in self._damaged]
        if not touched:
            return
        with_lock = self._aside is not None
        found = next((c for c in map(_whole_corrections, (path, copy)) if c is not None), None)
        if found is None:
            found, lost = salvage_corrections([file for file in (path, copy) if file.exists()])
            self._report.lost_additions += lost
        else:
            self._report.restored += [file.name for file in touched]
        if with_lock:
            with locked(self._folder / CORRECTIONS_LOCK_FILE):
                write_corrections(self._folder, found)

    def _mend_segments(
        self, manifest: Manifest, words: Vocabulary, lock: WriterLock | None
    ) -> None:
        names = {finding.segment for finding in self._report.before.findings}
        whole = [entry for entry in manifest.segments if entry.name not in names]
        damaged = [entry for entry in manifest.segments if entry.name in names]
        manifests = {MANIFEST_FILE, copy_of(Path(MANIFEST_FILE)).name}
        self._report.restored += sorted(manifests & self._damaged.keys())
        saved = _save(self._folder, damaged, whole, self._report)
        kept = replace(manifest, segments=tuple(whole))
        self._report.num_documents = kept.num_documents + sum(len(docs) for _, docs in saved)
        for name in (entry.name for entry in damaged):
            self._keep(self._folder / SEGMENTS_FOLDER / name)
        corrections = {CORRECTIONS_FILE, copy_of(Path(CORRECTIONS_FILE)).name, PENDING_FILE}
        if lock is None or self._damaged.keys() <= corrections:
            return
        writer = EmbeddedIndexWriter.mend(self._folder, kept, words, lock)
        for segment, documents in saved:
            _add(writer, segment, documents, self._renew, words)
        writer.commit()

    def _keep(self, path: Path, *, move_folders: bool = False) -> None:
        """Keep a file or folder aside before it is replaced, unless this is a dry run."""
        if self._aside is not None:
            keep(path, self._folder, self._aside, move_folders=move_folders)


def _save(
    folder: Path,
    damaged: list[SegmentEntry],
    whole: list[SegmentEntry],
    report: RepairReport,
) -> list[tuple[SalvagedSegment, list[SavedDocument]]]:
    """Return the documents that can be saved of damaged segments, and report what is lost.

    If the list of deletions is lost, documents that are in no other segment count as live.
    """
    taken = set[str]()
    for entry in whole:
        segment = Segment(folder, entry)
        live = segment.ids() if segment.deleted is None else [
            doc_id for doc_id, gone in zip(segment.ids(), segment.deleted.tolist(), strict=True)
            if not gone
        ]  # fmt: skip
        taken |= set(map(decode_text, live))
    segments = [SalvagedSegment(folder, entry) for entry in damaged]
    # First those that know what is deleted; of the others the newest, which were written last.
    certain = [salvaged for salvaged in segments if salvaged.deleted is not None]
    uncertain = [salvaged for salvaged in reversed(segments) if salvaged.deleted is None]
    saved = []
    for salvaged in [*certain, *uncertain]:
        report.num_unnamed += salvaged.num_lost
        documents = [doc for doc in salvaged.documents() if doc.doc_id not in taken]
        taken |= {document.doc_id for document in documents}
        if salvaged.deleted is None:
            report.num_revived += max(0, len(documents) - salvaged.entry.num_live)
        for document in documents:
            if not document.has_vector:
                report.without_vector.append(document.doc_id)
            for name in document.lost_fields:
                report.lost_fields.setdefault(name, []).append(document.doc_id)
        saved.append((salvaged, documents))
    report.without_vector.sort()
    return saved


def _add(
    writer: EmbeddedIndexWriter,
    segment: SalvagedSegment,
    documents: list[SavedDocument],
    renew: Renew,
    words: Vocabulary,
) -> None:
    """Add what was saved of a segment to the index."""
    with_vector = [document for document in documents if document.has_vector]
    places = np.array([document.place for document in with_vector], np.int64)
    done = 0
    for batch in segment.vectors(places, words):
        _add_batch(writer, with_vector[done : done + len(batch)], batch, renew)
        done += len(batch)
    without = [document for document in documents if not document.has_vector]
    _add_batch(writer, without, SparseBatch.from_words([{}] * len(without), words), renew)


def _add_batch(
    writer: EmbeddedIndexWriter,
    documents: list[SavedDocument],
    batch: SparseBatch,
    renew: Renew,
) -> None:
    if not documents:
        return
    fields = [dict(doc.fields) if doc.is_whole else dict(renew(doc)) for doc in documents]
    names = dict.fromkeys(name for values in fields for name in values)
    columns = {name: [values.get(name) for values in fields] for name in names}
    writer.add([document.doc_id for document in documents], batch, fields=columns)


def _whole_corrections(path: Path) -> Corrections | None:
    try:
        return parse_corrections(path.read_bytes(), path)
    except (CorruptError, OSError):
        return None
