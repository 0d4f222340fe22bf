"""The library: folders of pictures, their index and its model, to search and keep up to date.

The command line, the page and Python all go through it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self
from weakref import WeakKeyDictionary

from lexret.arguments import require_several, require_text
from lexret.encoders.image_settings import DEFAULT_SETTINGS, ImageSettings
from lexret.engine.segments.manifest import Manifest
from lexret.errors import InputError
from lexret.library.asking.finding import Backend, find
from lexret.library.asking.query_pictures import PathLike, PictureLike
from lexret.library.asking.question import (
    NO_HOOKS,
    Hooks,
    Question,
    Understood,
    names_of,
    understand,
)
from lexret.library.asking.results import Results
from lexret.library.asking.tags import tags_of
from lexret.library.folders import (
    find_index,
    index_within,
    place_of_new_index,
    require_folder_names,
)
from lexret.library.lookup import document_named, find_document
from lexret.library.model import lasting_source
from lexret.library.model_encoders import IndexEncoders, ModelEncoders, TextEncoderKind
from lexret.library.snapshots import LatestSnapshot, Snapshot

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.engine.index import EmbeddedIndex
    from lexret.engine.integrity.repair_report import RepairReport
    from lexret.explain.explanation import PictureExplanation
    from lexret.library.browsing.details import Details
    from lexret.library.browsing.narrowing import NarrowingWord
    from lexret.library.browsing.overview import CountedWord
    from lexret.library.browsing.timeline import Timeline
    from lexret.library.browsing.word_counts import Counts
    from lexret.library.duplicates import DuplicateGroup
    from lexret.library.integrity import LibraryCheck
    from lexret.library.labelling.labels import LibraryLabels
    from lexret.library.tagging import Tagged
    from lexret.library.updating.indexing import IndexReport
    from lexret.library.updating.reader import Decoding
    from lexret.library.updating.update_run import Progress
    from lexret.pictures.boxes import Box
    from lexret.pictures.exclusion import Exclusion
    from lexret.sparse import LexicalVector, VectorPrecision, WordWeight

_HITS_TO_NARROW = 60
_FEWEST_TO_NARROW = 6
_WORDS_LOOKED_FOR = 6


class Library:
    """Library of pictures: folders, their index, and the model that made it.

    Encoders are loaded once, on first use. Each call works on one commit of the index, the newest
    when it begins, whatever other processes commit meanwhile. Safe to share by threads.

    Args:
        path: the index folder, or the folder of pictures that holds it; nothing is read before it
            is needed. To look for it from the current folder upwards: :meth:`open`.
        model: a model's name or folder; by default the one that the index records.
        computation: where and in what precision networks compute; None: on the CPU in float32.
    """

    def __init__(
        self, path: PathLike, *, model: str | None = None, computation: Computation | None = None
    ) -> None:
        self._latest = LatestSnapshot(index_within(Path(path)))
        self._encoders = IndexEncoders(model, computation)
        self._counting = threading.Lock()
        self._counts: WeakKeyDictionary[EmbeddedIndex, Counts] = WeakKeyDictionary()
        self._looking = threading.Lock()
        self._timelines: WeakKeyDictionary[EmbeddedIndex, Timeline] = WeakKeyDictionary()

    @classmethod
    def open(
        cls,
        path: PathLike | None = None,
        *,
        model: str | None = None,
        computation: Computation | None = None,
    ) -> Self:
        """Open the library of a folder of pictures.

        Args:
            path: the folder of pictures that holds the index, or the index folder itself; by
                default the current folder or the nearest one above it that holds one.
            model: a model's name or folder; by default the one that the index records.
            computation: where and in what precision networks compute.

        Raises:
            MissingError: if there is no index.
            CorruptError: if it is damaged.
        """
        place = find_index(Path.cwd()) if path is None else index_within(Path(path))
        library = cls(place, model=model, computation=computation)
        library.snapshot()
        return library

    @classmethod
    def create(
        cls,
        *folders: PathLike,
        index: PathLike | None = None,
        model: str | None = None,
        weights: str | None = None,
        precision: VectorPrecision | None = None,
        batch_size: int = 32,
        keywords_as_words: bool = False,
        progress: Progress | None = None,
    ) -> Self:
        """Make a library of folders of pictures: index them.

        Args:
            index: where the index shall lie; by default in ``.lexret`` of the first folder.
            model: a model's name or folder; by default ``mini``.
            weights, precision, batch_size, keywords_as_words, progress: see :meth:`update`.

        Raises:
            InputError: if no folder is named, there is an index already, or no picture in the
                folders can be read.
            LexretError: see :meth:`update`.
        """
        place = place_of_new_index(folders, index)
        library = cls(place, model=model)
        report = library.update(
            *folders,
            weights=weights,
            precision=precision,
            batch_size=batch_size,
            keywords_as_words=keywords_as_words,
            progress=progress,
        )
        if not report.num_pictures:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in report.reasons())
            raise InputError(f"No picture of the folders could be read: {reasons}.")
        return library

    def update(
        self,
        *folders: PathLike,
        remove: PathLike | Sequence[PathLike] = (),
        weights: str | None = None,
        precision: VectorPrecision | None = None,
        batch_size: int = 32,
        images: ImageSettings = DEFAULT_SETTINGS,
        decoding: Decoding | None = None,
        exclusions: Sequence[Exclusion] | None = None,
        retry_refused: bool = False,
        keywords_as_words: bool | None = None,
        rebuild: bool = False,
        allow_empty: bool = False,
        progress: Progress | None = None,
    ) -> IndexReport:
        """Bring the index up to date with its folders, as ``lexret index`` does.

        What is new is encoded, with the model that was named, else the one that the index records,
        else ``mini``. Searches go on meanwhile, and find what is committed.

        Args:
            folders: those to look through; the index gains those that it does not hold yet.
                Without any, all that it holds and that are there.
            remove: one folder or several that leave the index, with all that it holds of them.
            weights: how a new index stores them, ``exact`` or ``8bit``.
            precision: what the model computes in, ``float32`` or ``bfloat16``; by default what the
                index records.
            batch_size: pictures that are encoded together.
            images: what they are encoded in: runtime, device, threads.
            decoding: how pictures are decoded; by default in processes, within bounded memory.
            exclusions: patterns of what is not looked at; by default bins, thumbnails and the like.
            retry_refused: read files again that could not be read before.
            keywords_as_words: whether keywords of photos that are words of the vocabulary count
                as words that a person vouched for; recorded. By default as the index has it.
            rebuild: make the index anew, for example for another model.
            allow_empty: accept that all pictures of a folder are gone.
            progress: is called with the number of files done and the number of files to do.

        Raises:
            LexretError: see :func:`lexret.library.updating.indexing.index_folders`.
            UpdateInterrupted: on Ctrl-C while it runs; tells how many pictures are stored.
        """
        from lexret.library.updating.indexing import (
            DEFAULT_DECODING,
            DEFAULT_PATTERNS,
            index_folders,
        )

        require_folder_names(folders)
        before = Manifest.load_if_sound(self.path)  # a damaged one is reported when it is opened
        source, encoders = self._encoders.of_source(before.model_source if before else None)
        recorded: VectorPrecision = before.precision if before else "float32"
        try:
            return index_folders(
                [Path(folder) for folder in folders],
                self.path,
                encoders.late_images(precision or recorded, settings=images),
                remove=[Path(folder) for folder in names_of(remove)],
                model_source=lasting_source(source),
                weights=weights,
                batch_size=batch_size,
                decoding=decoding or DEFAULT_DECODING,
                exclusions=DEFAULT_PATTERNS if exclusions is None else exclusions,
                retry_refused=retry_refused,
                keywords_as_words=keywords_as_words,
                progress=progress,
                rebuild=rebuild,
                allow_empty=allow_empty,
            )
        finally:
            self._latest.expire()

    @property
    def path(self) -> Path:
        """The index folder."""
        return self._latest.path

    def snapshot(self) -> Snapshot:
        """Return the index as last committed and corrected, as seen at most 0.25 seconds ago.

        Raises:
            MissingError: if there is no index.
            CorruptError: if it is damaged, and was never open.
        """
        return self._latest.get()

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.snapshot().index)

    def search(
        self,
        text: str = "",
        *,
        k: int = 10,
        image: PictureLike | Sequence[PictureLike] | None = None,
        box: Box | None = None,
        like: PathLike | Sequence[PathLike] | None = None,
        text_encoder: TextEncoderKind | None = None,
        backend: Backend = "embedded",
        building: Callable[[], None] | None = None,
        max_false_matches: float | None = None,
        copies: bool = False,
    ) -> Results:
        """Find the pictures that fit a text, pictures, or both, the best first.

        Args:
            text: plain or in the query language; see docs/query-language.md.
            k: at most so many hits.
            image: one picture to look for or several: files, or pictures of Pillow (RGB, upright).
            box: the part that counts of the only picture to look for: x, y, width and height in
                pixels of its full size.
            like: one picture of the index to look for or several, by id or path; they are no hits.
            text_encoder: ``static`` or ``contextual``; by default static where there is one.
            backend: ``embedded``, or ``lucene`` for plain texts and pictures.
            building: is told when Lucene's index is to be made, which takes a while.
            max_false_matches: of searches for things that are not there, at most this share may
                find something; for plain texts.
            copies: give each copy of a file as a hit of its own; else files of the same bytes are
                one hit, which names the others that fit as well.

        Raises:
            QueryError: if the text breaks the query language; the message points at it.
            InputError: if there is nothing to look for, or an argument cannot be used.
            MissingError: if a picture, the index or the model is not there.
            MismatchError: if the model is not the one that made the index.
        """
        hint = "A picture is given as image=, one of the index as like=."
        require_text(text, "a query", hint=hint)
        snapshot = self.snapshot()
        question = Question.of(text, image=image, box=box, like=like, text_encoder=text_encoder)
        return self.find(
            self.understand(question, snapshot),
            snapshot,
            k=k,
            backend=backend,
            building=building,
            max_false_matches=max_false_matches,
            copies=copies,
        )

    def understand(
        self, question: Question, snapshot: Snapshot | None = None, *, hooks: Hooks = NO_HOOKS
    ) -> Understood:
        """Return the query that a question means.

        See :func:`lexret.library.asking.question.understand`.

        Args:
            snapshot: the commit that it is asked of; by default the newest.
        """
        snapshot = snapshot or self.snapshot()
        return understand(question, snapshot, lambda: self.encoders(snapshot), hooks=hooks)

    def find(
        self,
        understood: Understood,
        snapshot: Snapshot,
        *,
        k: int = 10,
        backend: Backend = "embedded",
        building: Callable[[], None] | None = None,
        max_false_matches: float | None = None,
        copies: bool = False,
        start: int = 0,
    ) -> Results:
        """Return the best ``k`` hits of an understood question; see :meth:`search`.

        Args:
            snapshot: the commit that it was understood over.
            start: leave out so many that are better.
        """
        if k < 1:
            raise InputError(f"At least 1 hit must be asked for; found {k}.")
        return find(
            understood,
            snapshot,
            k=k,
            backend=backend,
            building=building,
            encoders=lambda: self.encoders(snapshot),
            max_false_matches=max_false_matches,
            copies=copies,
            start=start,
        )

    def encode_query(
        self,
        text: str = "",
        *,
        image: PictureLike | Sequence[PictureLike] | None = None,
        box: Box | None = None,
        text_encoder: TextEncoderKind | None = None,
    ) -> LexicalVector:
        """Return the vector that a plain text, pictures, or both are searched by.

        An engine that holds the pictures' vectors (`lexret export`) ranks by it as :meth:`search`
        does. The arguments are those of :meth:`search`; :meth:`understand` tells the notes.

        Raises:
            InputError: if there is nothing to look for, or the text has operators or filters,
                which are no part of a vector.
            MissingError: if a picture, the index or the model is not there.
            MismatchError: if the model is not the one that made the index.
        """
        from lexret.library.asking.query_vector import query_vector

        require_text(text, "a query", hint="A picture is given as image=.")
        question = Question.of(text, image=image, box=box, text_encoder=text_encoder)
        return query_vector(self.understand(question))

    def similar(self, picture: PathLike, *, k: int = 10, text: str = "") -> Results:
        """Find pictures like one of the index, named by its id or path; see :meth:`search`."""
        return self.search(text, k=k, like=picture)

    def words(self, picture: PathLike, k: int | None = None) -> list[WordWeight]:
        """Return the words of a picture of the index, corrected, by falling weight.

        Args:
            picture: its id or path.
            k: at most so many words; by default all.

        Raises:
            MissingError: if the index holds no such picture.
        """
        index = self.snapshot().index
        return index.vector(document_named(index, os.fspath(picture))).words(k)

    def tags(self, picture: PathLike, k: int | None = None) -> list[WordWeight]:
        """Return the words that a picture of the index holds, corrected, the surest first.

        Args:
            picture: its id or path.
            k: at most so many words; by default all.

        Raises:
            MissingError: if the index holds no such picture, or its model is not there.
        """
        snapshot = self.snapshot()
        vector = snapshot.index.vector(document_named(snapshot.index, os.fspath(picture)))
        return tags_of(vector, self.encoders(snapshot).levels_V(), k)

    def timeline(self, snapshot: Snapshot | None = None) -> Timeline:
        """Return all pictures, the latest first; it is kept for each commit."""
        from lexret.library.browsing.timeline import Timeline

        index = (snapshot or self.snapshot()).index
        with self._looking:
            if index not in self._timelines:
                self._timelines[index] = Timeline(index)
            return self._timelines[index]

    def details(
        self, picture: PathLike, snapshot: Snapshot | None = None, *, num_words: int = 40
    ) -> Details:
        """Return what the index knows of a picture, without looking at its file.

        Args:
            picture: its id or path.
            num_words: at most so many of its words, the surest first.

        Raises:
            MissingError: if the index holds no such picture, or its model is not there.
        """
        from lexret.library.browsing.details import details_of

        snapshot = snapshot or self.snapshot()
        levels_V = self.encoders(snapshot).levels_V()
        return details_of(snapshot, os.fspath(picture), levels_V, num_words=num_words)

    def word_counts(self, snapshot: Snapshot | None = None) -> Counts:
        """Return (V,) how many pictures hold each word of the vocabulary, corrected.

        It is counted once for each commit, which takes about a second for 100,000 pictures.

        Raises:
            MissingError: if the index or its model is not there.
        """
        from lexret.library.browsing.word_counts import count_held

        snapshot = snapshot or self.snapshot()
        with self._counting:
            if snapshot.index not in self._counts:
                encoders = self.encoders(snapshot)
                counts_V = count_held(snapshot.index, encoders.levels_V())
                counts_V[list(encoders.silent_terms(snapshot.index.vocabulary))] = 0
                self._counts[snapshot.index] = counts_V
            return self._counts[snapshot.index]

    def strongest_words(self, k: int, snapshot: Snapshot | None = None) -> list[CountedWord]:
        """Return the words that most pictures hold, with how many do; see :meth:`word_counts`."""
        from lexret.library.browsing.overview import strongest_words

        snapshot = snapshot or self.snapshot()
        index = snapshot.index
        return strongest_words(index.vocabulary, self.word_counts(snapshot), len(index), k=k)

    def complete(
        self, prefix: str, *, k: int = 10, snapshot: Snapshot | None = None
    ) -> list[CountedWord]:
        """Return words that begin with some letters, then words that hold them.

        Those that most pictures hold come first; see :meth:`word_counts`.
        """
        from lexret.library.browsing.overview import CountedWord

        snapshot = snapshot or self.snapshot()
        counts_V, vocabulary = self.word_counts(snapshot), snapshot.index.vocabulary

        def count(word: str) -> int:
            term = vocabulary.term_id(word)
            return 0 if term is None else int(counts_V[term])

        return [CountedWord(word, count(word))
                for word in snapshot.complete(prefix, k=k, rank=count)]  # fmt: skip

    def narrow(
        self, understood: Understood, snapshot: Snapshot, *, k: int = 10
    ) -> list[NarrowingWord]:
        """Return words that many hits of an understood question hold, and few other pictures.

        Args:
            snapshot: the commit that it was understood over.
            k: at most so many words.
        """
        from lexret.library.asking.query_words import query_words
        from lexret.library.browsing.narrowing import narrowing_words

        hits = self.find(understood, snapshot, k=_HITS_TO_NARROW)
        sure = [hit.doc_id for hit in hits if hit.sure]
        if len(sure) < _FEWEST_TO_NARROW:  # not so many that they are the whole library
            most = max(_FEWEST_TO_NARROW, len(snapshot.index) // 4)
            sure = [hit.doc_id for hit in hits[:most]]
        return narrowing_words(
            snapshot.index,
            sure,
            self.word_counts(snapshot),
            self.encoders(snapshot).levels_V(),
            without=[
                term
                for word in query_words(understood, snapshot.index.vocabulary, k=_WORDS_LOOKED_FOR)
                if (term := snapshot.index.vocabulary.term_id(word.word)) is not None
            ],
            k=k,
        )

    def correct(
        self,
        pictures: PathLike | Sequence[PathLike],
        *,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        undo: bool = False,
    ) -> None:
        """Correct the words of pictures, as ``lexret words edit`` does.

        Args:
            pictures: by id or path.
            add: words that they show; as strong in each as its strongest word.
            remove: words that they do not show.
            undo: leave ``add`` and ``remove``, or all words, to the model again.

        Raises:
            MissingError: if the index holds no such picture; nothing is changed then.
            InputError: if a word is none of the vocabulary.
            StorageError: if the corrections cannot be written.
        """
        from lexret.library.correcting import WordChange, correct_pictures

        require_several(add, "words to add")
        require_several(remove, "words to take away")
        index = self.snapshot().index
        ids = [document_named(index, name) for name in names_of(pictures)]
        changes = [*(WordChange("+", word) for word in add),
                   *(WordChange("-", word) for word in remove)]  # fmt: skip
        correct_pictures(index, ids, changes, undo=undo)
        self._latest.expire()

    def mute(self, *words: str, undo: bool = False) -> frozenset[str]:
        """Let words count nowhere, as ``lexret vocab mute`` does; returns all that are muted then.

        Args:
            undo: let them count again.

        Raises:
            InputError: if a word is none of the vocabulary, or one to let count is not muted.
            StorageError: if that cannot be written.
        """
        from lexret.library.correcting import mute_words

        muted = mute_words(self.snapshot().index, words, mute=not undo)
        self._latest.expire()
        return muted

    def set_fields(self, pictures: PathLike | Sequence[PathLike], fields: Mapping[str, str]) -> int:
        """Give pictures fields, as ``lexret fields set`` does; returns how many pictures changed.

        Args:
            pictures: by id or path.
            fields: name -> value as it is typed; an empty one takes the field away.

        Raises:
            MissingError, InputError, LockedError, StorageError: see
                :func:`lexret.library.fields.set_fields`.
        """
        from lexret.library.fields import parse_value, set_fields

        kinds = self.snapshot().index.columns
        values = {name: parse_value(name, text, kinds.get(name)) for name, text in fields.items()}
        num_changed = set_fields(self.path, dict.fromkeys(names_of(pictures), values))
        self._latest.expire()
        return num_changed

    def tag(
        self, pictures: PathLike | Sequence[PathLike], *, k: int = 8, write: bool = False
    ) -> list[Tagged]:
        """Write the words that pictures hold into their files, as ``lexret tag`` does.

        Args:
            pictures: by id or path.
            k: at most so many words a picture.
            write: change the files; without it, only tell what would be.

        Raises:
            MissingError: if the index holds no such picture, or its model is not there.
        """
        from lexret.library.tagging import tag_pictures

        snapshot = self.snapshot()
        index, levels_V = snapshot.index, self.encoders(snapshot).levels_V()
        ids = [document_named(index, name) for name in names_of(pictures)]
        return list(tag_pictures(index, ids, levels_V, k=k, write=write))

    def duplicates(self, *, near: float | None = None) -> list[DuplicateGroup]:
        """Return groups of pictures that are there twice, in each the one to keep first.

        Args:
            near: by default those whose files hold the same bytes; else those whose vectors have
                at least this cosine, above 0 and at most 1.

        Raises:
            InputError: if ``near`` is no such number.
        """
        from lexret.library.duplicates import nearly_same, same_content

        index = self.snapshot().index
        return same_content(index) if near is None else nearly_same(index, min_cosine=near)

    def explain(
        self,
        picture: PathLike,
        query: str = "",
        *,
        boxes: Sequence[Box] = (),
        patches: Sequence[tuple[int, int]] = (),
        num_parts: int = 0,
        num_words: int = 40,
        text_encoder: TextEncoderKind | None = None,
    ) -> PictureExplanation:
        """Explain what a picture says, as a whole and in parts, and how it answers a query.

        The model looks at the file; corrections of the index are no part of what it sees.

        Args:
            picture: of the index, by id or path, or any other picture file.
            query: in the query language; empty: none. :meth:`understand` tells its notes.
            boxes: parts to look at: x, y, width and height in pixels of the upright picture.
            patches: (row, column) of patches to look at.
            num_parts: cut the whole picture into so many parts, where it is not 0. Without boxes,
                patches and parts, the picture's most telling patches are taken.
            num_words: words to keep, for the whole and for each part.

        Raises:
            MissingError, ImageError: if there is no such picture, or it cannot be read.
            InputError: if the picture has no word, a part does not lie in it, or the query cannot
                be understood.
            MismatchError: if the model is not the one that made the index.
        """
        from lexret.library.asking.explaining import explain_file

        require_text(query, "a query")
        require_several(boxes, "boxes (x, y, width, height)", of=(tuple, list))
        require_several(patches, "patches (row, column)", of=(tuple, list))
        snapshot, named = self.snapshot(), os.fspath(picture)
        doc_id = find_document(snapshot.index, named)
        return explain_file(
            Path(named) if doc_id is None else snapshot.file_of(doc_id),
            self.encoders(snapshot),
            name=named,
            query=self.understand(Question(query, text_encoder=text_encoder), snapshot).query
            if query
            else None,
            text=query,
            boxes=boxes,
            patches=patches,
            num_parts=num_parts,
            num_words=num_words,
        )

    def check(self) -> LibraryCheck:
        """Read every file of the index and compare it with its checksums, as ``lexret check`` does.

        Raises:
            MissingError: if there is no index.
            CorruptError: if it is of a version that this lexret cannot read.
        """
        from lexret.library.integrity import check_library

        return check_library(self.path)

    def repair(self, *, dry_run: bool = False) -> RepairReport:
        """Save what is whole of a damaged index, as ``lexret repair`` does.

        :meth:`update` encodes what could not be saved.

        Args:
            dry_run: change nothing, and say what would be done.

        Raises:
            LexretError: see :func:`lexret.engine.integrity.repair.repair_index`.
        """
        from lexret.library.integrity import repair_library

        try:
            return repair_library(self.path, model=self._encoders.source, dry_run=dry_run)
        finally:
            self._latest.expire()

    @property
    def labels(self) -> LibraryLabels:
        """Classes that are learnt from a few examples, as ``lexret label`` has them."""
        from lexret.library.labelling.labels import LibraryLabels

        return LibraryLabels(self, self._latest.expire)

    def encoders(self, snapshot: Snapshot | None = None) -> ModelEncoders:
        """Return the encoders of the model; each is loaded when it is first asked for.

        Raises:
            MissingError: if there is no such model.
            MismatchError: if the model is not the one that made the index.
        """
        return self._encoders.of((snapshot or self.snapshot()).index)
