"""Removal of files that an index no longer needs."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from lexret.engine.segments.manifest import MANIFEST_FILE, SEGMENTS_FOLDER, Manifest
from lexret.files.sealed import copy_of

_log = logging.getLogger(__name__)


def remove_unused(folder: Path, manifest: Manifest) -> None:
    """Remove what a commit does not name: leftovers of merges, and of writers that were killed."""
    entries = {entry.name: entry for entry in manifest.segments}
    manifests = (folder / MANIFEST_FILE, copy_of(folder / MANIFEST_FILE))
    unused = [path.with_name(f"{path.name}.new") for path in manifests]
    unused += [
        path for path in folder.glob("vocabulary-*") if path.name != manifest.vocabulary_file
    ]
    for segment in (folder / SEGMENTS_FOLDER).glob("*"):
        entry = entries.get(segment.name)
        if entry is None:
            unused.append(segment)
        else:
            kept = entry.deletions.file if entry.deletions else None
            unused += [path for path in segment.glob("deleted-*") if path.name != kept]
    for path in unused:
        remove(path)


def remove(path: Path) -> None:
    """Remove a file or folder that nothing needs; if that fails, the next writer tries again."""
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("Could not remove %s, which the index no longer needs: %s", path, error)
