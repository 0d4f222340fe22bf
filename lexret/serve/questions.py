"""Questions as requests ask them: what the server adds on the way from a question to a query."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final

from lexret.errors import MissingError
from lexret.library.asking.question import Hooks, Question, Understood
from lexret.library.library import Library
from lexret.library.snapshots import Snapshot
from lexret.serve.caches import remembering
from lexret.serve.pictures import Uploads

if TYPE_CHECKING:
    from lexret.library.asking.relaxing import Relaxed
    from lexret.pictures.boxes import Box
    from lexret.pictures.packed import PictureFile
    from lexret.serve.limits import HeavyWork

_VECTORS_KEPT: Final = 1024


class Understanding:
    """Makes queries of what requests ask; vectors of texts and pictures are kept for a while.

    Args:
        heavy: guards what takes long.
        allow_links: see :class:`lexret.serve.settings.ServeSettings`.
    """

    def __init__(
        self, library: Library, uploads: Uploads, heavy: HeavyWork, *, allow_links: bool
    ) -> None:
        self._library, self._uploads = library, uploads
        self._hooks = Hooks(
            remember=remembering(_VECTORS_KEPT),
            turn=heavy.turn,
            picture_of=partial(served_file, allow_links=allow_links),
        )

    def understand(
        self,
        text: str,
        snapshot: Snapshot,
        *,
        image: str | None = None,
        like: str | None = None,
        box: Box | None = None,
    ) -> Understood:
        """Return the query that a request asks for.

        Args:
            text: in the query language; it may be empty where there is a picture.
            image: the key of a picture that was sent.
            like: the id of a picture of the index; a path is none.
            box: the part of the only one of them that counts.

        Raises:
            BusyError: if a picture must be encoded and too many wait for that.
            LexretError: see :func:`lexret.library.asking.question.understand`.
        """
        question = self._question(text, snapshot, image=image, like=like, box=box)
        return self._library.understand(question, snapshot, hooks=self._hooks)

    def relax(
        self,
        text: str,
        snapshot: Snapshot,
        *,
        image: str | None = None,
        like: str | None = None,
        box: Box | None = None,
    ) -> list[Relaxed]:
        """Return what a request would find without some conditions; see :meth:`understand`."""
        question = self._question(text, snapshot, image=image, like=like, box=box)
        return self._library.relax(question, snapshot, hooks=self._hooks)

    def _question(
        self,
        text: str,
        snapshot: Snapshot,
        *,
        image: str | None,
        like: str | None,
        box: Box | None,
    ) -> Question:
        if like is not None and like not in snapshot.index:
            raise MissingError("The index holds no such picture to look for.")
        return Question(
            text,
            pictures=() if image is None else (self._uploads.get(image),),
            likes=() if like is None else (like,),
            box=box,
        )


def served_file(snapshot: Snapshot, doc_id: str, *, allow_links: bool) -> PictureFile:
    """Return the file of a picture of the index, or its place in a tar shard or Parquet file.

    Raises:
        MissingError: if the index holds no such picture, its file is gone, or it lies outside of
            the folders of the index; no path of this machine is told.
    """
    if not snapshot.index.manifest.roots and doc_id in snapshot.index:
        return snapshot.packed_picture(doc_id, allow_links=allow_links)
    path = snapshot.path_of(doc_id, allow_links=allow_links)
    if path is None:
        raise MissingError("The index holds no such picture.")
    if not os.path.exists(path):  # a name that is too long is not there either
        raise MissingError("The picture's file is not there any more.")
    return path
