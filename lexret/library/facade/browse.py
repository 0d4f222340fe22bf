"""Browsing of the library: its pictures by date, its words, and what it knows of a picture."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from lexret.arguments import require_several
from lexret.library.asking.query_pictures import PathLike
from lexret.library.asking.question import NO_HOOKS, Hooks, Question, Understood
from lexret.library.facade.search import SearchableLibrary
from lexret.library.snapshots import Snapshot

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.engine.index import EmbeddedIndex
    from lexret.library.asking.relaxing import Relaxed
    from lexret.library.asking.results import Results
    from lexret.library.browsing.details import Details
    from lexret.library.browsing.narrowing import NarrowingWord
    from lexret.library.browsing.overview import CountedWord
    from lexret.library.browsing.timeline import Timeline
    from lexret.library.browsing.word_counts import Counts, WordCounter
    from lexret.library.rebuilding import Rebuilders
    from lexret.rebuild.views import RebuiltViews

_HITS_TO_NARROW: Final = 60
_FEWEST_TO_NARROW: Final = 6
_WORDS_LOOKED_FOR: Final = 6


class BrowsableLibrary(SearchableLibrary):
    """Library that can be browsed; a part of :class:`~lexret.library.library.Library`."""

    def __init__(
        self,
        path: PathLike | Sequence[PathLike],
        *,
        model: str | None = None,
        computation: Computation | None = None,
    ) -> None:
        super().__init__(path, model=model, computation=computation)
        self._rebuilding = threading.Lock()
        self._rebuilders: Rebuilders | None = None
        self._counting = threading.Lock()
        self._counts: WeakKeyDictionary[EmbeddedIndex, Counts] = WeakKeyDictionary()
        self._counter: WordCounter | None = None
        self._looking = threading.Lock()
        self._timelines: WeakKeyDictionary[EmbeddedIndex, dict[bool, Timeline]] = (
            WeakKeyDictionary()
        )

    def rebuild(
        self,
        picture: PathLike,
        *,
        words: Sequence[int] = (5, 21, 296),
        words_only: bool = False,
        decoder: PathLike | None = None,
        snapshot: Snapshot | None = None,
    ) -> RebuiltViews:
        """Rebuild a picture from what the index remembers of it, as ``lexret rebuild`` does.

        Args:
            picture: of the index, by id or path, or any other picture file.
            words: numbers of strongest words to rebuild it from, one view for each.
            words_only: open no file: use only what the index holds.
            decoder: a folder of a rebuilding model; None: the one that ships.

        Raises:
            MissingError, ImageError: if there is no such picture, or it cannot be read.
            InputError: if it has no word and there is no file, or a number of words is below 1.
            MismatchError: if the decoder knows the words of another model than the index's.
            CorruptError: if a file of the decoder is damaged.
        """
        from lexret.library.rebuilding import (
            Rebuilders,
            find_indexed,
            rebuild_file,
            rebuild_indexed,
        )

        require_several(words, "numbers of words", of=(int,))
        snapshot = snapshot or self.snapshot()
        doc_id, file = find_indexed(os.fspath(picture), snapshot, words_only=words_only)
        encoders = self.encoders(snapshot)
        with self._rebuilding:
            if self._rebuilders is None:
                self._rebuilders = Rebuilders()
            folder = None if decoder is None else Path(decoder)
            rebuilder = self._rebuilders.of(encoders.record, folder)
        if doc_id is None:
            return rebuild_file(Path(picture), encoders, rebuilder, budgets=words)
        return rebuild_indexed(doc_id, file, snapshot, rebuilder, budgets=words)

    def timeline(self, snapshot: Snapshot | None = None, *, copies: bool = True) -> Timeline:
        """Return all pictures, the latest first; it is kept for each commit.

        Args:
            copies: whether it lists each copy of a file, or one of them for all.
        """
        from lexret.library.browsing.timeline import Timeline

        index = (snapshot or self.snapshot()).index
        with self._looking:
            kept = self._timelines.setdefault(index, {})
            if copies not in kept:
                kept[copies] = Timeline(index, copies=copies)
            return kept[copies]

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

        It is counted once for each commit: all pictures at first, then those that are new.

        Raises:
            MissingError: if the index or its model is not there.
        """
        from lexret.library.browsing.word_counts import WordCounter

        snapshot = snapshot or self.snapshot()
        with self._counting:
            if snapshot.index not in self._counts:
                encoders = self.encoders(snapshot)
                if self._counter is None:
                    self._counter = WordCounter()
                counts_V = self._counter.count(snapshot.index, encoders.levels_V())
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

    def relax(
        self, question: Question, snapshot: Snapshot, *, hooks: Hooks = NO_HOOKS
    ) -> list[Relaxed]:
        """Return what a question would find without one of its conditions, or without any.

        Its texts and pictures are encoded once, for all that is tried.

        Raises:
            LexretError: see :func:`lexret.library.asking.question.understand`.
        """
        from lexret.library.asking.relaxing import encoded_once, relax

        question, hooks = encoded_once(question, hooks)

        def find(question: Question, k: int) -> Results:
            return self.find(self.understand(question, snapshot, hooks=hooks), snapshot, k=k)

        return relax(question, find)

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
