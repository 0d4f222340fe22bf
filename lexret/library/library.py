"""The library: folders of pictures, their index and its model, to search and keep up to date.

The command line, the page and Python all go through it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lexret.arguments import require_several, require_text
from lexret.encoders.image_settings import DEFAULT_SETTINGS, ImageSettings
from lexret.engine.segments.manifest import Manifest
from lexret.errors import InputError
from lexret.library.asking.query_pictures import PathLike
from lexret.library.asking.question import (
    Question,
    names_of,
)
from lexret.library.asking.tags import tags_of
from lexret.library.face.browsed import BrowsedLibrary
from lexret.library.face.changed import ChangedLibrary
from lexret.library.face.told import ToldLibrary
from lexret.library.folders import (
    find_indexes,
    place_of_new_index,
    require_folder_names,
)
from lexret.library.lookup import document_named, find_document
from lexret.library.model import lasting_source
from lexret.library.model_encoders import TextEncoderKind
from lexret.library.shards import Shard

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.engine.integrity.repair_report import RepairReport
    from lexret.explain.explanation import PictureExplanation
    from lexret.library.duplicates import DuplicateGroup
    from lexret.library.integrity import LibraryCheck
    from lexret.library.labelling.labels import LibraryLabels
    from lexret.library.updating.indexing import IndexReport
    from lexret.library.updating.reader import Decoding
    from lexret.library.updating.update_run import Progress
    from lexret.pictures.boxes import Box
    from lexret.pictures.exclusion import Exclusion
    from lexret.sparse import VectorPrecision, WordWeight


class Library(BrowsedLibrary, ChangedLibrary, ToldLibrary):
    """Library of pictures: folders, their index, and the model that made it.

    What it is asked, what it shows of itself, what people change in it and how it tells pictures
    are parts of their own: :class:`~lexret.library.face.asked.AskedLibrary`,
    :class:`~lexret.library.face.browsed.BrowsedLibrary`,
    :class:`~lexret.library.face.changed.ChangedLibrary` and
    :class:`~lexret.library.face.told.ToldLibrary`.

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
        shard: str | None = None,
        rebuild: bool = False,
        allow_empty: bool = False,
        backend: str | None = None,
        uri: str | None = None,
        collection: str | None = None,
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
            shard: the part of the pictures that a new index holds, such as ``2/4``; recorded. By
                default as the index has it, and a new one holds all.
            rebuild: make the index anew, for example for another model.
            allow_empty: accept that all pictures of a folder are gone.
            backend: what holds the vectors of a new index, ``embedded`` or ``milvus``.
            uri: where Milvus is: ``http://HOST:19530``, or a file ``NAME.db``. Recorded; a token
                is taken from the variable ``LEXRET_MILVUS_TOKEN`` and never written.
            collection: its name in Milvus; by default a new one.
            progress: is called with the number of files done and the number of files to do.

        Raises:
            LexretError: see :func:`lexret.library.updating.indexing.index_folders`.
            UpdateInterrupted: on Ctrl-C while it runs; tells how many pictures are stored.
        """
        from lexret.interop.backends import BackendChoice
        from lexret.library.updating.indexing import (
            DEFAULT_DECODING,
            DEFAULT_PATTERNS,
            index_folders,
        )

        require_folder_names(folders)
        path = self._only_path("An update")
        before = Manifest.load_if_sound(path)  # a damaged one is reported when it is opened
        source, encoders = self._encoders.of_source(before.model_source if before else None)
        recorded: VectorPrecision = before.precision if before else "float32"
        try:
            return index_folders(
                [Path(folder) for folder in folders],
                path,
                encoders.late_images(precision or recorded, settings=images),
                remove=[Path(folder) for folder in names_of(remove)],
                model_source=lasting_source(source),
                weights=weights,
                batch_size=batch_size,
                decoding=decoding or DEFAULT_DECODING,
                exclusions=DEFAULT_PATTERNS if exclusions is None else exclusions,
                retry_refused=retry_refused,
                keywords_as_words=keywords_as_words,
                shard=None if shard is None else Shard.parse(shard),
                progress=progress,
                rebuild=rebuild,
                allow_empty=allow_empty,
                backend=BackendChoice(backend, uri, collection),
            )
        finally:
            self._latest.expire()

    def take_encoded(
        self,
        encoded: PathLike | Sequence[PathLike],
        *,
        folders: PathLike | Sequence[PathLike] = (),
        weights: str | None = None,
        shard: str | None = None,
        backend: str | None = None,
        uri: str | None = None,
        collection: str | None = None,
        progress: Progress | None = None,
    ) -> IndexReport:
        """Take encoded pictures into the index, as ``lexret index --vectors`` does.

        The index is made where there is none. The pictures need not be there.

        Args:
            encoded: one folder or several that :func:`lexret.encode_pictures` wrote.
            folders: where the pictures lie now; by default where they lay.
            weights: how a new index stores them, ``exact`` or ``8bit``.
            shard, backend, uri, collection: of a new index; see :meth:`update`.
            progress: is called with the number of pictures done and the number of pictures to do.

        Raises:
            LexretError: see :func:`lexret.library.encoding.into_index.index_encoded`.
        """
        from lexret.interop.backends import BackendChoice
        from lexret.library.encoding.into_index import index_encoded

        path = self._only_path("Taking in encoded pictures")
        try:
            return index_encoded(
                [Path(out) for out in names_of(encoded)],
                path,
                folders=[Path(folder) for folder in names_of(folders)],
                model=self._encoders.source,
                weights=weights,
                shard=None if shard is None else Shard.parse(shard),
                backend=BackendChoice(backend, uri, collection),
                progress=progress,
            )
        finally:
            self._latest.expire()

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

    def check(self) -> LibraryCheck:
        """Read every file of the index and compare it with its checksums, as ``lexret check`` does.

        Raises:
            MissingError: if there is no index.
            CorruptError: if it is of a version that this lexret cannot read.
        """
        from lexret.library.integrity import check_library

        return check_library(self._only_path("A check"))

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
            path = self._only_path("A repair")
            return repair_library(path, model=self._encoders.source, dry_run=dry_run)
        finally:
            self._latest.expire()

    @property
    def labels(self) -> LibraryLabels:
        """Classes that are learnt from a few examples, as ``lexret label`` has them.

        Raises:
            InputError: if the library is of several shards.
        """
        from lexret.library.labelling.labels import LibraryLabels

        self._only_path("A label")
        return LibraryLabels(self, self._latest.expire)
