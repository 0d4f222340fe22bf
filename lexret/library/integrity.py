"""Integrity of a library's index: checks, and repairs after which lost pictures are encoded again.

A picture that a repair could save only in part is recorded with a time of change that no file has:
the next `lexret index` reads it again, and encodes it again if its vector is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from lexret.encoders.folder.record import DEFAULT_MODEL, find_model, read_record
from lexret.engine.index import EmbeddedIndex
from lexret.engine.integrity.aside import new_aside
from lexret.engine.integrity.check import CheckReport, Finding, check_index
from lexret.engine.integrity.repair import repair_index
from lexret.engine.integrity.repair_report import RepairReport
from lexret.engine.integrity.salvage import SavedDocument
from lexret.engine.segments.manifest import Manifest
from lexret.engine.store.columns import FieldValue
from lexret.errors import DamageError, LexretError
from lexret.interop.backends import check_vectors
from lexret.library.asking.query_fields import MTIME
from lexret.library.folders import THUMBNAILS_FILE
from lexret.library.label_file import LABELS_FILE, damage_of_labels, mend_labels
from lexret.library.updating.kept_fields import KEPT_FILE, damage_of_kept, mend_kept
from lexret.vocabulary import DEFAULT_VOCABULARY, Vocabulary

# A time of change, in nanoseconds, that no file has: as old as it gets.
NEVER_READ_NS: Final = -(2**62)
_UNKNOWN: Final = -1


@dataclass(frozen=True, slots=True)
class _Pair:
    """Sealed file beside an index, and its copy.

    Attributes:
        file: its name.
        holds: what it holds, for messages.
        damage: finds damage in the folder of an index.
        mend: writes it anew in such a folder, or moves it aside.
    """

    file: str
    holds: str
    damage: Callable[[Path], list[DamageError]]
    mend: Callable[[Path, Path], None]


_PAIRS: Final = (
    _Pair(KEPT_FILE, "fields of pictures that could not be read", damage_of_kept, mend_kept),
    _Pair(LABELS_FILE, "labels and their examples", damage_of_labels, mend_labels),
)


@dataclass(frozen=True, slots=True)
class LibraryCheck:
    """Check of a library's index.

    Attributes:
        report: what the files of the index are like.
        num_waiting: pictures that lost something in a repair and were not indexed since; the next
            run reads them again.
        thumbnail_bytes: of the file of thumbnails beside the index, which nothing depends on; 0
            where there is none.
        vectors_in: the backend that holds the vectors, and all of them; else nothing.
    """

    report: CheckReport
    num_waiting: int
    thumbnail_bytes: int = 0
    vectors_in: str = ""


def check_library(index_path: Path) -> LibraryCheck:
    """Read every file of an index, and count the pictures that wait to be encoded again.

    Raises:
        MissingError: if there is no index.
        CorruptError: if it is of a version that this lexret cannot read.
        BackendError: if its vectors are elsewhere, and some are not there.
    """
    report = check_index(index_path)
    vectors_in = check_vectors(index_path) if report.is_whole else ""
    waiting = num_waiting(index_path) if report.is_whole else 0
    thumbnails = index_path / THUMBNAILS_FILE
    num_bytes = thumbnails.stat().st_size if thumbnails.is_file() else 0
    return LibraryCheck(_with_pairs(report, index_path), waiting, num_bytes, vectors_in)


def _with_pairs(report: CheckReport, index_path: Path) -> CheckReport:
    """Add what is wrong with the files of people's work beside the index."""
    findings = [
        Finding(damage.file.name, damage.found, pair.holds)
        for pair in _PAIRS
        for damage in pair.damage(index_path)
    ]
    return replace(report, findings=(*report.findings, *findings))


def num_waiting(index_path: Path) -> int:
    """Return how many pictures of an index wait to be encoded again; see the module."""
    waiting = 0
    for segment in EmbeddedIndex(index_path).segments:
        found = segment.numbers(MTIME)
        if found is not None:
            waits_N = found[1] & (found[0] == NEVER_READ_NS)
            if segment.deleted is not None:
                waits_N &= ~segment.deleted
            waiting += int(np.count_nonzero(waits_N))
    return waiting


def repair_library(
    index_path: Path, *, model: str | None = None, dry_run: bool = False
) -> RepairReport:
    """Save the undamaged parts of an index; the next update encodes what could not be saved.

    Args:
        model: whose words they are, where those of the index are damaged; by default the model that
            the index records.
        dry_run: change nothing, and say what would be done.

    Raises:
        LexretError: see :func:`lexret.engine.integrity.repair.repair_index`.
    """

    def find_words(manifest: Manifest) -> Vocabulary | None:
        return _words_of(manifest, model)

    report = repair_index(
        index_path, renew=_to_be_read_again, find_words=find_words, dry_run=dry_run
    )
    _mend_pairs(report, index_path, dry_run=dry_run)
    return report


def _mend_pairs(report: RepairReport, index_path: Path, *, dry_run: bool) -> None:
    found = [(pair, [damage.file for damage in pair.damage(index_path)]) for pair in _PAIRS]
    if any(damaged for _, damaged in found):
        report.before = _with_pairs(report.before, index_path)
    for pair, damaged in found:
        if not damaged:
            continue
        if len(damaged) == 1:
            report.restored.append(damaged[0].name)
        else:
            report.lost_additions.append(f"What {pair.file} held is lost: {pair.holds}.")
        if not dry_run:
            aside = report.aside or new_aside(index_path)
            pair.mend(index_path, aside)
            report.aside = aside if aside.exists() else None


def _to_be_read_again(document: SavedDocument) -> dict[str, FieldValue]:
    """Return the fields of a picture of which something was lost, so that it is read again."""
    fields = dict(document.fields)
    for name in ("size", "width", "height"):
        if fields.get(name) is None:
            fields[name] = _UNKNOWN
    fields["path"] = document.doc_id
    fields[MTIME] = NEVER_READ_NS
    # Its content is not known to the index where its vector is lost: it is encoded then.
    if not document.has_vector or fields.get("sha256") is None:
        fields["sha256"] = ""
    return fields


def _words_of(manifest: Manifest, model: str | None) -> Vocabulary | None:
    """Return the words of an index from its model, or from the package."""
    for source in (model, manifest.model_source, DEFAULT_MODEL):
        if source is None:
            continue
        try:
            words = read_record(find_model(source)).vocabulary()
        except LexretError:
            continue  # it may have moved; another source may know the words
        if words.fingerprint == manifest.vocabulary_fingerprint:
            return words
    words = Vocabulary.shipped(DEFAULT_VOCABULARY)
    return words if words.fingerprint == manifest.vocabulary_fingerprint else None
