"""Checksums of the blocks of a segment's arrays, in a file of their own.

Arrays of one block have none there: their checksum in the manifest says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from lexret.engine.segments.manifest import SEGMENTS_FOLDER, SegmentEntry
from lexret.engine.store.checked import BlockSums, Sums
from lexret.engine.store.sections import Section, SectionWriter, open_sections
from lexret.files.whole import sync_folder

CHECKSUMS_FILE: Final = "checksums.bin"


def write_checksums(folder: Path, sums: Mapping[str, Sums]) -> dict[str, dict[str, Section]]:
    """Write the checksums of arrays durably, and return what the manifest says of the file.

    Args:
        folder: of the segment.
        sums: array -> checksums of its blocks.
    """
    tables = {name: table for name, table in sums.items() if len(table) > 1}
    if not tables:
        return {}
    path = folder / CHECKSUMS_FILE
    writer = SectionWriter(path, {name: ("<u4", len(table)) for name, table in tables.items()})
    try:
        for name, table in tables.items():
            writer.append(name, table)
        return {CHECKSUMS_FILE: writer.finish()}
    finally:
        writer.close()


def read_checksums(folder: Path, entry: SegmentEntry) -> dict[str, Sums]:
    """Read the checksums of the blocks of a segment's arrays; old segments have none.

    Raises:
        DamageError: if they are damaged.
        FileNotFoundError: if their file is missing.
    """
    sections = entry.files.get(CHECKSUMS_FILE)
    if sections is None:
        return {}
    tables = open_sections(folder / CHECKSUMS_FILE, sections)
    return {name: table.whole() for name, table in tables.items()}


def with_checksums(index_folder: Path, entry: SegmentEntry) -> SegmentEntry:
    """Give a segment of an old format checksums of its blocks, once all of it was found whole.

    Returns:
        the entry that names them; the same where they are there, or not needed.

    Raises:
        DamageError: if the segment is damaged.
        OSError: if the file cannot be written.
    """
    if CHECKSUMS_FILE in entry.files:
        return entry
    folder = index_folder / SEGMENTS_FOLDER / entry.name
    sums: dict[str, Sums] = {}
    for file, sections in entry.files.items():
        for name, array in open_sections(folder / file, sections).items():
            table = BlockSums()
            values = array.whole()
            if len(values):
                table.add(values.data.cast("B"))
            sums[name] = table.finish()
    (folder / CHECKSUMS_FILE).unlink(missing_ok=True)  # left by a commit that failed
    files = write_checksums(folder, sums)
    if files:
        sync_folder(folder)
    return replace(entry, files={**entry.files, **files})
