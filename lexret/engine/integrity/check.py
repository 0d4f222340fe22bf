"""Check of an index: reads every file, and reports what is damaged and what that means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lexret.engine.corrections.corrections import check_pending, parse_corrections
from lexret.engine.corrections.layout import CORRECTIONS_FILE
from lexret.engine.postings.block_writer import DENSE_FILE
from lexret.engine.segments.checksums import CHECKSUMS_FILE
from lexret.engine.segments.manifest import (
    MANIFEST_FILE,
    SEGMENTS_FOLDER,
    Manifest,
    SegmentEntry,
    missing_file,
)
from lexret.engine.segments.segment import DOCUMENTS_FILE, Segment
from lexret.engine.store.sections import find_damage
from lexret.errors import CorruptError, DamageError
from lexret.files.sealed import copy_of, unseal

_ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """Finding of a check: one thing that is wrong with one file.

    Attributes:
        file: relative to the index folder.
        found: what is wrong with it.
        meaning: what of the index it touches.
        segment: the name of the segment that the file belongs to, if it does.
    """

    file: str
    found: str
    meaning: str
    segment: str | None = None


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Report of a check.

    Attributes:
        generation: number of the commit that was checked; ``None`` where no manifest can be read.
        num_documents: live documents of that commit.
        num_segments: its segments.
        num_bytes: size of the files that were read.
        findings: what is damaged; empty if the index is whole.
    """

    generation: int | None
    num_documents: int
    num_segments: int
    num_bytes: int
    findings: tuple[Finding, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is damaged."""
        return not self.findings


def check_index(folder: Path) -> CheckReport:
    """Read every file of the index at ``folder`` and compare it with its checksums.

    A writer may commit meanwhile; then the newer commit is checked.

    Raises:
        MissingError: if there is no index.
        CorruptError: if it is of a version that this lexret cannot read.
    """
    for _ in range(_ATTEMPTS):
        manifest, findings = read_manifests(folder)
        found = list(findings)
        if manifest is not None:
            found += _vocabulary(folder, manifest)
            for entry in manifest.segments:
                found += check_segment(folder, entry)
        found += _corrections(folder)
        if not found or manifest is None or read_manifests(folder)[0] == manifest:
            return CheckReport(
                generation=None if manifest is None else manifest.generation,
                num_documents=0 if manifest is None else manifest.num_documents,
                num_segments=0 if manifest is None else len(manifest.segments),
                num_bytes=_num_bytes(folder, manifest),
                findings=tuple(found),
            )
    raise CorruptError(f"The index at {folder} changed {_ATTEMPTS} times while it was checked.")


def read_manifests(folder: Path) -> tuple[Manifest | None, list[Finding]]:
    """Return the manifest, or its copy where that alone is whole, and what is wrong with both.

    Raises:
        MissingError: if there is neither.
        CorruptError: if one of them is of a version that this lexret cannot read.
    """
    path = folder / MANIFEST_FILE
    findings: list[Finding] = []
    main = copied = None
    try:
        main = Manifest.load(folder)
    except DamageError as error:
        findings.append(_finding(folder, error, "what holds the index together"))
    copy = copy_of(path)
    try:
        if copy.is_file() or main is None or _is_sealed(path):
            copied = Manifest.parse(copy.read_bytes(), copy)
    except DamageError as error:
        findings.append(_finding(folder, error, "the copy is there for repairs only"))
    except OSError as error:
        damage = DamageError(copy, f"it cannot be read ({error.strerror})")
        findings.append(_finding(folder, damage, "the copy is there for repairs only"))
    return main or copied, findings


def check_segment(folder: Path, entry: SegmentEntry) -> list[Finding]:
    """Return what is damaged of a segment."""
    place = folder / SEGMENTS_FOLDER / entry.name
    files = dict(entry.files)
    if entry.deletions is not None:
        files[entry.deletions.file] = {"bits": entry.deletions.bits}
    findings = []
    for file, sections in files.items():
        try:
            damages = list(find_damage(place / file, sections))
        except (FileNotFoundError, NotADirectoryError):
            damages = [DamageError(place / file, "it is missing")]
        meaning = _meaning(entry, file)
        findings += [_finding(folder, damage, meaning, entry.name) for damage in damages]
    if not findings:
        try:
            Segment(folder, entry)  # whether the arrays fit together
        except FileNotFoundError as error:
            damage = missing_file(folder, error)
            findings.append(_finding(folder, damage, _meaning(entry, ""), entry.name))
        except DamageError as error:
            findings.append(_finding(folder, error, _meaning(entry, ""), entry.name))
        except CorruptError as error:
            damage = DamageError(place, str(error))
            findings.append(_finding(folder, damage, _meaning(entry, ""), entry.name))
    return findings


def _meaning(entry: SegmentEntry, file: str) -> str:
    documents = f"{entry.num_live:,} documents of the segment {entry.name}"
    if file == CHECKSUMS_FILE:
        return f"no content, but checksums of the {documents}"
    if file == DENSE_FILE:
        return f"no content, but what makes searches of the {documents} fast"
    if file == DOCUMENTS_FILE:
        return f"ids and fields of the {documents}"
    if entry.deletions is not None and file == entry.deletions.file:
        return f"which documents of the segment {entry.name} were deleted"
    return f"words and weights of the {documents}"


def _vocabulary(folder: Path, manifest: Manifest) -> Iterator[Finding]:
    path = folder / manifest.vocabulary_file
    meaning = "the words of all documents"
    try:
        manifest.parse_vocabulary(manifest.read_vocabulary(folder), path)
    except DamageError as error:
        yield _finding(folder, error, meaning)
    except FileNotFoundError as error:
        yield _finding(folder, missing_file(folder, error), meaning)


def _corrections(folder: Path) -> Iterator[Finding]:
    try:
        check_pending(folder)
    except DamageError as error:
        yield _finding(folder, error, "words that people added, of a commit that was cut off")
    path = folder / CORRECTIONS_FILE
    copy = copy_of(path)
    has_main, has_copy = path.exists(), copy.exists()
    needs_copy = has_main and _is_sealed(path)
    for file, is_expected, meaning in (
        (path, has_main or has_copy, "words that people added, took away or muted"),
        (copy, has_copy or needs_copy, "the copy is there for repairs only"),
    ):
        if not is_expected:
            continue
        try:
            parse_corrections(file.read_bytes(), file)
        except DamageError as error:
            yield _finding(folder, error, meaning)
        except OSError as error:
            damage = DamageError(file, f"it cannot be read ({error.strerror})")
            yield _finding(folder, damage, meaning)


def _is_sealed(path: Path) -> bool:
    try:
        return unseal(path.read_bytes())[1]
    except (OSError, ValueError):
        return True


def _finding(folder: Path, error: DamageError, meaning: str, segment: str | None = None) -> Finding:
    return Finding(error.file.relative_to(folder).as_posix(), error.found, meaning, segment)


def _num_bytes(folder: Path, manifest: Manifest | None) -> int:
    names = {entry.name for entry in manifest.segments} if manifest else set()
    segments = (folder / SEGMENTS_FOLDER / name for name in names)
    files = [path for place in (folder, *segments) for path in place.glob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files)
