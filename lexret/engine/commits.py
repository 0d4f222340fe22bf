"""Commits of an index folder: the last one, and how the writer of the index makes the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from lexret.engine.corrections.corrections import ChangeOfCorrections, corrections_of_commit
from lexret.engine.segments.cleanup import remove_unused
from lexret.engine.segments.manifest import MANIFEST_FILE, Manifest, SegmentEntry
from lexret.engine.store.sections import storage_errors
from lexret.errors import CorruptError, InputError, MissingError
from lexret.files.sealed import copy_of
from lexret.files.whole import replace_file
from lexret.vocabulary import Vocabulary


class Commits:
    """Commits of an index, made by its writer, which holds the lock.

    Args:
        path: the folder of the index.
        last: the manifest of the last commit; of a new index, what the first one records.
        is_new: whether nothing is committed yet.
    """

    def __init__(self, path: Path, last: Manifest, *, is_new: bool) -> None:
        self._path = path
        self.last = last
        self.is_new = is_new

    @classmethod
    def begin(cls, path: Path, manifest: Manifest, *, replace_existing: bool) -> Self:
        """Begin a new index, whose first commit follows the last of an index that it replaces.

        Raises:
            InputError: if there is an index and ``replace_existing`` is not set.
            CorruptError: if there is one that cannot be read, likewise.
        """
        generation = _generation_to_follow(path, replace_existing=replace_existing)
        return cls(path, replace(manifest, generation=generation), is_new=True)

    @property
    def next_generation(self) -> int:
        """The number of the next commit."""
        return self.last.generation + 1

    def make(
        self,
        vocabulary: Vocabulary,
        *,
        columns: Mapping[str, str],
        segments: Sequence[SegmentEntry],
        runtimes: Sequence[str],
        corrections: ChangeOfCorrections | None,
    ) -> None:
        """Commit segments that are written; the new manifest is what readers see from then on.

        Args:
            vocabulary: of the index; the first commit writes it.
            corrections: changes the corrections in the same moment; see
                :meth:`lexret.engine.writer.EmbeddedIndexWriter.commit`.

        Raises:
            OSError: if writing fails.
        """
        if self.is_new:
            words = "".join(f"{word}\n" for word in vocabulary.words)
            replace_file(self._path / self.last.vocabulary_file, words.encode())
        manifest = replace(
            self.last,
            generation=self.next_generation,
            columns=dict(columns),
            segments=tuple(segments),
            runtimes=tuple(runtimes),
        )
        if corrections is None:
            manifest.save(self._path)
        else:
            with corrections_of_commit(self._path, manifest, corrections):
                manifest.save(self._path)
        self.last, self.is_new = manifest, False

    def record(self, changed: Manifest) -> None:
        """Commit other values of the manifest alone; those of a new index go into its first commit.

        Raises:
            StorageError: if writing fails; the last commit stands.
        """
        if changed == self.last:
            return
        if not self.is_new:
            changed = replace(changed, generation=self.next_generation)
            with storage_errors(self._path):
                changed.save(self._path)
        self.last = changed

    def adopt_interrupted(self) -> None:
        """Take over a commit of this writer that failed after its manifest was in place."""
        try:
            found = Manifest.load(self._path)
        except (MissingError, CorruptError):
            return  # nothing was committed yet, or what is to be replaced is damaged
        if found.generation == self.next_generation:
            self.last, self.is_new = found, False

    def renew_copy(self) -> None:
        """Bring the manifest's copy up to date, which a commit that was cut off leaves behind.

        Raises:
            StorageError: if writing fails.
        """
        path = self._path / MANIFEST_FILE
        copy, data = copy_of(path), path.read_bytes()
        if not copy.is_file() or copy.read_bytes() != data:
            with storage_errors(self._path):
                replace_file(copy, data)

    def clean(self) -> None:
        """Remove the files that the last commit does not name."""
        if not self.is_new:
            remove_unused(self._path, self.last)


def _generation_to_follow(folder: Path, *, replace_existing: bool) -> int:
    try:
        generation = Manifest.load(folder).generation
    except MissingError:
        return 0
    except CorruptError:
        if not replace_existing:
            raise
        return 0
    if not replace_existing:
        raise InputError(
            f"There is an index at {folder} already; change it with EmbeddedIndexWriter.open, or "
            "make it anew with replace_existing=True."
        )
    return generation
