"""The library: folders of pictures, their index and its model, to search and keep up to date.

The command line, the page and Python all go through it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lexret.arguments import require_several, require_text
from lexret.errors import InputError
from lexret.library.asking.query_pictures import PathLike
from lexret.library.asking.question import Question
from lexret.library.asking.tags import tags_of
from lexret.library.facade.browse import BrowsableLibrary
from lexret.library.facade.caption import CaptionableLibrary
from lexret.library.facade.edit import EditableLibrary
from lexret.library.facade.update import UpdatableLibrary
from lexret.library.folders import (
    find_indexes,
    place_of_new_index,
)
from lexret.library.lookup import document_named, find_document
from lexret.library.model_encoders import TextEncoderKind
from lexret.library.shards import Shard

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.explain.explanation import PictureExplanation
    from lexret.library.duplicates import DuplicateGroup
    from lexret.library.labelling.labels import LibraryLabels
    from lexret.library.updating.update_run import Progress
    from lexret.pictures.boxes import Box
    from lexret.sparse import VectorPrecision, WordWeight


class Library(BrowsableLibrary, EditableLibrary, CaptionableLibrary, UpdatableLibrary):
    """Library of pictures: folders, their index, and the model that made it.

    Its parts are :class:`~lexret.library.facade.search.SearchableLibrary`,
    :class:`~lexret.library.facade.browse.BrowsableLibrary`,
    :class:`~lexret.library.facade.edit.EditableLibrary`,
    :class:`~lexret.library.facade.caption.CaptionableLibrary` and
    :class:`~lexret.library.facade.update.UpdatableLibrary`.

    Encoders are loaded once, on first use. Each call works on one commit of the index, the newest
    when it begins, whatever other processes commit meanwhile. Safe to share by threads.

    Args:
        path: the index folder, or the folder of pictures that holds it, or all shards of an index;
            nothing is read before it is needed. To look for it from the current folder upwards:
            :meth:`open`.
        model: a model's name or folder; by default the one that the index records.
        computation: where and in what precision networks compute; None: on the CPU in float32.
    """

    @classmethod
    def open(
        cls,
        path: PathLike | Sequence[PathLike] | None = None,
        *,
        model: str | None = None,
        computation: Computation | None = None,
    ) -> Self:
        """Open the library of a folder of pictures.

        Args:
            path: the folder of pictures that holds the index, or the index folder itself; by
                default the current folder or the nearest one above it that holds one. Or all
                shards of an index, or the folder of them: they are searched as one.
            model: a model's name or folder; by default the one that the index records.
            computation: where and in what precision networks compute.

        Raises:
            MissingError: if there is no index, or a shard is missing.
            CorruptError: if it is damaged.
            InputError, MismatchError: if several are not all the shards of one index.
        """
        place = find_indexes(Path.cwd()) if path is None else path
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
        backend: str | None = None,
        uri: str | None = None,
        collection: str | None = None,
        shard: str | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Make a library of folders of pictures: index them.

        Args:
            index: where the index shall lie; by default in ``.lexret`` of the first folder, and a
                shard in ``.lexret-shards``.
            model: a model's name or folder; by default ``mini``.
            weights, precision, batch_size, keywords_as_words, shard, backend, uri, collection,
                progress: see :meth:`update`.

        Raises:
            InputError: if no folder is named, there is an index already, or no picture in the
                folders can be read.
            LexretError: see :meth:`update`.
        """
        part = None if shard is None else Shard.parse(shard)
        place = place_of_new_index(folders, index, part)
        library = cls(place, model=model)
        report = library.update(
            *folders,
            weights=weights,
            precision=precision,
            batch_size=batch_size,
            keywords_as_words=keywords_as_words,
            backend=backend,
            uri=uri,
            collection=collection,
            shard=shard,
            progress=progress,
        )
        if not report.num_pictures and (part is None or report.skipped):
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in report.reasons())
            raise InputError(f"No picture of the folders could be read: {reasons}.")
        return library

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
        """Return the words that a picture of the index holds, corrected, surest first.

        Args:
            picture: its id or path.
            k: at most so many words; by default all.

        Raises:
            MissingError: if the index holds no such picture, or its model is not there.
        """
        snapshot = self.snapshot()
        vector = snapshot.index.vector(document_named(snapshot.index, os.fspath(picture)))
        return tags_of(vector, self.encoders(snapshot).levels_V(), k)

    def duplicates(self, *, near: float | None = None) -> list[DuplicateGroup]:
        """Return groups of pictures that are there twice, in each the one to keep first.

        Args:
            near: by default those whose files hold the same bytes; else those whose vectors have
                at least this cosine, above 0 and at most 1.

        Raises:
            InputError: if ``near`` is out of range.
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

        The model looks at the file; corrections of the index are ignored.

        Args:
            picture: of the index, by id or path, or any other picture file.
            query: in the query language; empty: none. :meth:`understand` returns its notes.
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
            Path(named) if doc_id is None else snapshot.picture_of(doc_id),
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

    @property
    def labels(self) -> LibraryLabels:
        """Classes that are learnt from a few examples, as ``lexret label`` has them.

        Raises:
            InputError: if the library is of several shards.
        """
        from lexret.library.labelling.labels import LibraryLabels

        self._only_path("A label")
        return LibraryLabels(self, self._latest.expire)
