"""One run over folders of pictures: reads, encodes what is new, commits as it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from lexret.encoders.protocol import Encoder
from lexret.engine.corrections.corrections import ChangeOfCorrections, load_corrections
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.library.asking.query_fields import VOUCHED
from lexret.library.folders import picture_path
from lexret.library.updating.commit_schedule import CommitSchedule
from lexret.library.updating.comparison import FileComparison
from lexret.library.updating.followed_keywords import KeywordFollower
from lexret.library.updating.found_files import FoundFiles
from lexret.library.updating.kept_fields import FieldKeeper, KeptFields
from lexret.library.updating.keywords_as_words import with_words
from lexret.library.updating.known_pictures import KnownPictures, KnownVectors
from lexret.library.updating.moved_corrections import renamed_corrections
from lexret.library.updating.picture_batch import PictureBatch
from lexret.library.updating.reader import Decoding, PictureFile, SkippedPicture, read_files
from lexret.library.updating.records import KnownPicture, own_fields_of
from lexret.library.updating.refused import RefusedFiles
from lexret.pictures.processes import DIED
from lexret.pictures.reading import FileState
from lexret.sparse import LexicalVector

Progress = Callable[[int, int], None]


class UpdateInterrupted(KeyboardInterrupt):
    """A run was interrupted.

    Attributes:
        num_stored: pictures that it brought into the index before, for the next run to go on from.
    """

    def __init__(self, num_stored: int) -> None:
        super().__init__()
        self.num_stored = num_stored


@dataclass
class UpdateCounts:
    """How many pictures met which fate; see ``IndexReport``."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    renamed: int = 0
    removed: int = 0
    encoded: int = 0


@dataclass
class PictureUpdate:
    """One run over some folders of an index.

    Args:
        base: what the paths of pictures are relative to.
        writer: of its index.
        encoder: turns pictures into vectors.
        found: the picture files there are.
        batch_size: pictures that are encoded together.
        refused: files that an earlier run could not read.
        keeper: of the fields of pictures that are not in the index. Where those of an index that
            this one replaces are among them, nothing is committed before the end.
        keywords_as_words: whether photos hold the words that are their keywords.

    Attributes:
        counts: what was done so far.
        skipped: what could not be read.
    """

    base: Path
    writer: EmbeddedIndexWriter
    encoder: Encoder[Image.Image]
    found: FoundFiles
    batch_size: int
    refused: RefusedFiles
    keeper: FieldKeeper
    keywords_as_words: bool = False
    counts: UpdateCounts = field(default_factory=UpdateCounts)
    skipped: list[SkippedPicture] = field(default_factory=list)

    def __post_init__(self) -> None:
        manifest = self.writer.manifest  # nobody else changes it: the writer holds the lock
        before = self.writer.snapshot() if manifest.segments else None
        self._before = before
        self.skipped += self.found.skipped
        self._known = KnownPictures(before)
        self._vectors = KnownVectors(self.writer.snapshot, before, self._known)
        self._files = FileComparison(self.base, self.found, self._known)
        self._gone = set(self._files.gone())
        kept = [path for path in self.keeper.pictures if path in self._known]
        self.keeper.settle({path: self._known[path].own for path in kept})
        self._moved: dict[str, list[str]] = {}
        for path in sorted(self._gone, reverse=True):
            self._moved.setdefault(self._known.sha256_of(path), []).append(path)
        self._keywords = KeywordFollower(
            self.encoder.vocabulary,
            holding=(picture.path for picture in self._known.with_any(VOUCHED)),
            chosen=self.keywords_as_words,
        )
        self._stored: set[str] = set()
        self._renamed: dict[str, str] = {}
        self._batch = PictureBatch(self.encoder, self.batch_size, self._vectors)
        self._commits = CommitSchedule()

    def check_not_all_gone(self, *, allow_empty: bool) -> None:
        """Raise InputError where a folder that the index holds pictures of has none any more."""
        self.found.check_not_all_gone(self._known, allow_empty=allow_empty)

    def run(self, *, decoding: Decoding, progress: Progress | None) -> None:
        """Bring the index up to date; see ``index_folders``.

        Raises:
            UpdateInterrupted: on KeyboardInterrupt, after what is encoded was committed.
        """
        to_read = list(self._files.changed())
        self.counts.unchanged = len(self.found.paths) - len(to_read)
        to_read = [path for path in to_read if not self._was_refused(path)]
        files = read_files(
            self.base,
            to_read,
            is_known=self._vectors.__contains__,
            decoding=decoding,
            ahead=self.batch_size,
        )
        try:
            for done, file in enumerate(files, start=1):
                self._take(file)
                self._commit_when_due()
                if progress is not None:
                    progress(done, len(to_read))
            self._encode_batch()
            self._follow_keywords()
            self._delete_gone()
            self._commit()
            self._let_go_of_fields()
            self._forget_what_is_readable()
        except KeyboardInterrupt as error:
            if not self.keeper.is_of_new_index:
                self._commit()  # what is encoded by now; the next run goes on from here
            raise UpdateInterrupted(self._commits.num_stored) from error
        finally:
            files.close()

    def _was_refused(self, path: str) -> bool:
        """Whether an earlier run refused the file as it is now; it is skipped again then."""
        if path not in self.refused:
            return False
        try:
            state = FileState.of(picture_path(self.base, path).stat())
        except OSError:
            return False  # reading it will tell what is wrong
        known = self.refused.find(path, state)
        if known is not None:
            self._skip(known)
        return known is not None

    def _forget_what_is_readable(self) -> None:
        skipped = {picture.path for picture in self.skipped}
        self.refused.keep(lambda path: path in skipped or not self.found.covers(path))
        self.refused.save()

    def _take(self, file: PictureFile | SkippedPicture) -> None:
        if isinstance(file, SkippedPicture):
            self._skip(file)
        elif (known := self._vectors.get(file.sha256)) is not None:
            self._store(file, *known)
        else:
            self._batch.add(file)
            if self._batch.is_full:
                self._encode_batch()

    def _encode_batch(self) -> None:
        for file in self._batch.encode():
            self._take(file)  # its content is known now, or it is skipped
        self.counts.encoded = self._batch.num_encoded

    def _skip(self, skipped: SkippedPicture) -> None:
        self.skipped.append(skipped)
        self.refused.add(skipped)
        if skipped.reason == DIED:
            self.refused.save()  # whatever else befalls this run, the next one is warned
        if skipped.path in self._known:
            self._gone.add(skipped.path)

    def _store(self, file: PictureFile, same: KnownPicture, vector: LexicalVector) -> None:
        """Add a picture whose content is that of ``same``, which may be itself."""
        before = self._take_the_place_of(file)
        vector, vouched = with_words(vector, self._keywords.wanted(file.tags))
        record = replace(
            same,
            path=file.path,
            size=file.size,
            mtime_ns=file.mtime_ns,
            tags=file.tags,
            sidecar_ns=file.sidecar_ns,
            vouched=vouched,
            own=self.keeper.give(file.path, file.sha256, self._files.present)
            if before is None
            else before.own,
        )
        self._write(record, vector)

    def _follow_keywords(self) -> None:
        """Put words into pictures that were not read, or take them out, where that was chosen."""
        if self._before is None:
            return
        staying = {
            picture.path: picture
            for picture in self._known.with_any(*self._keywords.fields)
            if picture.path not in self._stored
            and picture.path not in self._gone
            and self._keywords.changes(picture)
        }
        for record, vector in self._keywords.reworded(self._before, staying):
            self._write(record, vector)
            self._commit_when_due()

    def _write(self, record: KnownPicture, vector: LexicalVector) -> None:
        self.writer.add([record.path], vector.as_batch(), fields=record.as_fields())
        self._stored.add(record.path)
        self._keywords.note(record)
        self._commits.num_waiting += 1

    @property
    def num_with_words(self) -> int:
        """Pictures whose vectors hold words because they are keywords."""
        return len(self._keywords.holding - self._gone)

    def _take_the_place_of(self, file: PictureFile) -> KnownPicture | None:
        """Return what the index knew the file as, under this path or another, and count it."""
        known = self._known.get(file.path)
        if known is not None and known.sha256 == file.sha256:
            self.counts.unchanged += 1
        elif known is not None:
            self.counts.updated += 1
        elif moved := self._moved.get(file.sha256):
            self.counts.renamed += 1
            before = moved.pop()
            self._renamed[before] = file.path
            return self._known[before]
        else:
            self.counts.added += 1
        return known

    def _delete_gone(self) -> None:
        for path in self._gone - self._renamed.keys():
            if not any(folder.holds(path) for folder in self.found.leaving):
                known, is_there = self._known[path], path in self._files.present
                self.keeper.keep(path, KeptFields(known.sha256, known.own, is_there))
        self.keeper.keep_rest(self._files.present)
        self.keeper.save()  # before the commit: whatever happens, they are in one of both
        self.writer.delete(sorted(self._gone))
        self.counts.removed = len(self._gone) - self.counts.renamed

    def _let_go_of_fields(self) -> None:
        """Forget the kept fields of pictures that are in the index again, after the commit."""
        if self.keeper.pictures:
            index = self.writer.snapshot()
            kept = [path for path in self.keeper.pictures if path in index]
            self.keeper.settle({path: own_fields_of(index.document(path)) for path in kept})
            self.keeper.missed(self._files.is_gone)
        self.keeper.save()

    def _commit_when_due(self) -> None:
        if self._commits.is_due and not self.keeper.is_of_new_index:
            self._commit()

    def _commit(self) -> None:
        if self._batch.runtime is not None:
            self.writer.note_runtime(self._batch.runtime)
        # A shard is there even if none of the pictures belongs to it.
        if self.writer.manifest.segments or self._commits.num_waiting or self.found.others_in:
            self.writer.commit(corrections=self._renaming())
            self._vectors.committed()
        self.refused.save()
        self._commits.committed()

    def _renaming(self) -> ChangeOfCorrections | None:
        """Return how the corrections of renamed pictures change, if there are such."""
        corrected = load_corrections(self.writer.path).documents
        if not self._renamed.keys() & corrected.keys():
            return None
        renamed = dict(self._renamed)
        return lambda now: renamed_corrections(now, renamed)
