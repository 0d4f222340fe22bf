"""The library: folders of pictures, their index and its model, to search and keep up to date.

The command line, the page and Python all go through it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lexret.errors import InputError
from lexret.library.finding import Backend, find
from lexret.library.folders import find_index, index_within
from lexret.library.model_encoders import IndexEncoders, ModelEncoders, TextEncoderKind
from lexret.library.question import (
    NO_HOOKS,
    Hooks,
    PictureInFile,
    PictureInMemory,
    QueryPicture,
    Question,
    Understood,
    understand,
)
from lexret.library.results import Results
from lexret.library.snapshots import LatestSnapshot, Snapshot

if TYPE_CHECKING:
    from PIL import Image

    from lexret.pictures.boxes import Box

    PathLike = str | os.PathLike[str]
    PictureLike = PathLike | Image.Image


class Library:
    """Library of pictures: folders, their index, and the model that made it.

    Encoders are loaded once, on first use. Each call works on one commit of the index, the newest
    when it begins, whatever other processes commit meanwhile. Safe to share by threads.

    Args:
        path: the index folder; nothing is read before it is needed. To find it: :meth:`open`.
        model: a model's name or folder; by default the one that the index records.
    """

    def __init__(self, path: Path, *, model: str | None = None) -> None:
        self._latest = LatestSnapshot(path)
        self._encoders = IndexEncoders(model)

    @classmethod
    def open(cls, path: PathLike | None = None, *, model: str | None = None) -> Self:
        """Open the library of a folder of pictures.

        Args:
            path: the folder of pictures that holds the index, or the index folder itself; by
                default the current folder or the nearest one above it that holds one.
            model: a model's name or folder; by default the one that the index records.

        Raises:
            MissingError: if there is no index.
            CorruptError: if it is damaged.
        """
        place = find_index(Path.cwd()) if path is None else index_within(Path(path))
        library = cls(place, model=model)
        library.snapshot()
        return library

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
        max_false_matches: float | None = None,
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
            max_false_matches: of searches for things that are not there, at most this share may
                find something; for plain texts.

        Raises:
            QueryError: if the text breaks the query language; the message points at it.
            InputError: if there is nothing to look for, or an argument cannot be used.
            MissingError: if a picture, the index or the model is not there.
            MismatchError: if the model is not the one that made the index.
        """
        question = Question(
            text,
            pictures=_pictures(image),
            likes=_names(like),
            box=box,
            text_encoder=text_encoder,
        )
        return self.ask(question, k=k, backend=backend, max_false_matches=max_false_matches)

    def ask(
        self,
        question: Question,
        *,
        k: int = 10,
        backend: Backend = "embedded",
        building: Callable[[], None] | None = None,
        max_false_matches: float | None = None,
    ) -> Results:
        """Do as :meth:`search` for a question.

        Args:
            building: is told when the Lucene index is to be made, which takes a while.
        """
        snapshot = self.snapshot()
        return self.find(
            self.understand(question, snapshot),
            snapshot,
            k=k,
            backend=backend,
            building=building,
            max_false_matches=max_false_matches,
        )

    def understand(
        self, question: Question, snapshot: Snapshot | None = None, *, hooks: Hooks = NO_HOOKS
    ) -> Understood:
        """Return the query that a question means; see :func:`~lexret.library.question.understand`.

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
    ) -> Results:
        """Return the best ``k`` hits of an understood question; see :meth:`ask`.

        Args:
            snapshot: the commit that it was understood over.
        """
        if k < 1:
            raise InputError(f"At least 1 hit must be asked for; found {k}.")
        return find(
            understood,
            snapshot,
            k=k,
            backend=backend,
            building=building,
            model_folder=lambda: self.encoders(snapshot).record.folder,
            max_false_matches=max_false_matches,
        )

    def encoders(self, snapshot: Snapshot | None = None) -> ModelEncoders:
        """Return the encoders of the model; each is loaded when it is first asked for.

        Raises:
            MissingError: if there is no such model.
            MismatchError: if the model is not the one that made the index.
        """
        return self._encoders.of((snapshot or self.snapshot()).index)


def _pictures(given: PictureLike | Sequence[PictureLike] | None) -> tuple[QueryPicture, ...]:
    if given is None:
        return ()
    if isinstance(given, str | os.PathLike):
        return (PictureInFile(Path(given)),)
    if isinstance(given, Sequence):
        return tuple(found for picture in given for found in _pictures(picture))
    return (PictureInMemory(given),)


def _names(given: PathLike | Sequence[PathLike] | None) -> tuple[str, ...]:
    if given is None:
        return ()
    if isinstance(given, str | os.PathLike):
        return (os.fspath(given),)
    return tuple(os.fspath(name) for name in given)
