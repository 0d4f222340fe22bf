"""Updates of the library: its index made, brought up to date, checked and repaired."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lexret.encoders.image_settings import DEFAULT_SETTINGS, ImageSettings
from lexret.engine.segments.manifest import Manifest
from lexret.library.asking.query_pictures import PathLike
from lexret.library.asking.question import names_of
from lexret.library.facade.base import LibraryBase
from lexret.library.folders import require_folder_names
from lexret.library.model import lasting_source
from lexret.library.shards import Shard

if TYPE_CHECKING:
    from lexret.engine.integrity.repair_report import RepairReport
    from lexret.library.integrity import LibraryCheck
    from lexret.library.updating.index_report import IndexReport
    from lexret.library.updating.reader import Decoding
    from lexret.library.updating.update_run import Progress
    from lexret.pictures.exclusion import Exclusion
    from lexret.sparse import VectorPrecision


class UpdatableLibrary(LibraryBase):
    """Library that is kept up to date; a part of :class:`~lexret.library.library.Library`."""

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

        New pictures are encoded with the model that was named, else the one that the index records,
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
            exclusions: patterns of files and folders to skip; by default bins, thumbnails and the
                like.
            retry_refused: read files again that could not be read before.
            keywords_as_words: whether keywords of photos that are words of the vocabulary count as
                words of the picture; recorded. By default as the index has it.
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
            UpdateInterrupted: on Ctrl-C while it runs; says how many pictures are stored.
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
            folders: where the pictures are now; by default where they were encoded.
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

    def check(self) -> LibraryCheck:
        """Read every file of the index and compare it with its checksums, as ``lexret check`` does.

        Raises:
            MissingError: if there is no index.
            CorruptError: if it is of a version that this lexret cannot read.
        """
        from lexret.library.integrity import check_library

        return check_library(self._only_path("A check"))

    def repair(self, *, dry_run: bool = False) -> RepairReport:
        """Save the undamaged parts of an index, as ``lexret repair`` does.

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
