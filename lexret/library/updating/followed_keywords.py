"""Keywords as words, over one run: which words a picture is to hold, and which hold others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from lexret.engine.index import EmbeddedIndex
from lexret.engine.vectors import read_documents
from lexret.library.asking.query_fields import KEYWORDS, VOUCHED
from lexret.library.updating.keywords_as_words import (
    KeywordReader,
    told_weights,
    with_words,
    without_words,
)
from lexret.library.updating.records import KnownPicture
from lexret.pictures.exif import CameraTags
from lexret.sparse import LexicalVector
from lexret.vocabulary import Vocabulary


class KeywordFollower:
    """Follower of the choice whether photos hold the words that are their keywords.

    Args:
        vocabulary: of the model.
        holding: the pictures whose vectors hold such words now, by their paths.
        chosen: whether they do from now on.

    Attributes:
        holding: the pictures whose vectors hold words because they are keywords.
    """

    def __init__(self, vocabulary: Vocabulary, *, holding: Iterable[str], chosen: bool) -> None:
        self._reader = KeywordReader(vocabulary)
        self._chosen = chosen
        self.holding = set(holding)

    def wanted(self, tags: CameraTags | None) -> tuple[str, ...]:
        """Return the words that a picture of these tags is to hold."""
        if not self._chosen or tags is None:
            return ()
        return self._reader.entries(tags.keywords)

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields of which a picture has one or more if it may have to hold other words."""
        return (KEYWORDS, VOUCHED) if self._chosen else (VOUCHED,)

    def changes(self, picture: KnownPicture) -> bool:
        """Whether a picture is to hold other words than it does."""
        return self.wanted(picture.tags) != tuple(told_weights(picture.vouched))

    def note(self, picture: KnownPicture) -> None:
        """Note what was written of a picture."""
        if picture.vouched is None:
            self.holding.discard(picture.path)
        else:
            self.holding.add(picture.path)

    def reworded(
        self, index: EmbeddedIndex, pictures: Mapping[str, KnownPicture]
    ) -> Iterator[tuple[KnownPicture, LexicalVector]]:
        """Yield pictures of an index, by path, with the words that they are to hold."""
        entries = {path: self.wanted(picture.tags) for path, picture in pictures.items()}
        return _reworded(index, pictures, entries) if entries else iter(())


def _reworded(
    index: EmbeddedIndex,
    pictures: Mapping[str, KnownPicture],
    entries: Mapping[str, tuple[str, ...]],
) -> Iterator[tuple[KnownPicture, LexicalVector]]:
    """Yield pictures of an index with the words that ``entries`` gives each path."""
    for chunk in read_documents(index, wanted=entries):
        for document, vector in zip(chunk.documents, chunk.vectors, strict=True):
            picture = pictures[document.doc_id]
            of_model = without_words(vector, picture.vouched)
            changed, told = with_words(of_model, entries[picture.path])
            yield replace(picture, vouched=told), changed
