"""Encodes pictures into Parquet parts: on this machine or many, resumable, each picture once."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lexret.encoders.folder.record import find_model, read_record
from lexret.encoders.image_settings import ImageSettings
from lexret.encoders.lazy import LazyImageEncoder
from lexret.encoders.protocol import Encoder
from lexret.errors import InputError
from lexret.files.locks import WriterLock
from lexret.interop.vector_tables import pyarrow
from lexret.library.asking.query_pictures import PathLike
from lexret.library.asking.question import names_of
from lexret.library.encoding.parts import LEFTOVER, PartEncoder, cannot_write
from lexret.library.encoding.plan import EncodePlan
from lexret.library.encoding.results import (
    part_records,
    refused_pictures,
    runtimes_of,
    write_results,
)
from lexret.library.encoding.sources import find_sources
from lexret.library.encoding.start import Chosen, begin, check_folder, worker_settings
from lexret.library.encoding.workers import Advance, WorkerPool, WorkerSettings
from lexret.library.updating.indexing import DEFAULT_PATTERNS
from lexret.library.updating.reader import Decoding, SkippedPicture
from lexret.library.updating.update_run import Progress, UpdateInterrupted
from lexret.pictures.exclusion import Exclusion

if TYPE_CHECKING:
    from PIL import Image

    from lexret.sparse import VectorPrecision
    from lexret.vocabulary import Vocabulary

INSTALL_SCALE: Final = "pip install 'lexret[scale]' (or pyarrow alone: 'lexret[parquet]')"


@dataclass(frozen=True)
class EncodeReport:
    """What encoding did.

    Attributes:
        num_pictures: vectors that the folder holds now.
        num_encoded: those of them that this run made.
        num_parts: files that hold them.
        refused: pictures that could not be read, and folders that could not be listed.
        num_new: pictures that lie in the sources by now and are not in the plan.
        num_gone: pictures of the plan that do not lie in the sources any more.
        seconds: how long it took.
        model_id: the model that encoded them.
        runtimes: the programs that computed the vectors.
    """

    num_pictures: int
    num_encoded: int
    num_parts: int
    refused: tuple[SkippedPicture, ...]
    num_new: int
    num_gone: int
    seconds: float
    model_id: str
    runtimes: tuple[str, ...]

    def reasons(self) -> list[tuple[str, int]]:
        """Return why pictures were refused and how often, the most frequent first."""
        counts = Counter(skipped.reason for skipped in self.refused)
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def encode_pictures(
    sources: PathLike | Sequence[PathLike],
    out: PathLike,
    *,
    model: PathLike | None = None,
    workers: int | None = None,
    threads: int | None = None,
    ray: str | None = None,
    precision: VectorPrecision | None = None,
    device: str = "cpu",
    max_pixels: int | None = None,
    exclusions: Sequence[Exclusion] = DEFAULT_PATTERNS,
    encoder: Encoder[Image.Image] | None = None,
    progress: Progress | None = None,
) -> EncodeReport:
    """Encode pictures into a folder of Parquet parts, as ``lexret encode`` does.

    The same call again goes on where one ended, however it ended: parts that are done stay, and
    no picture is in two. What the parts hold, bit for bit, follows from the pictures, the model
    and the release of ONNX Runtime, not from workers, threads or Ray. (Models that run in torch
    may compute other last bits with other ``threads``.)

    Args:
        sources: see :func:`lexret.library.encoding.sources.find_sources`.
        out: a new or empty folder, or one where this was begun before.
        model: a model's name or folder; by default the one of ``out``, else ``mini``.
        workers: processes that encode, each with a model of its own; 0 encodes and decodes in
            this process. By default one for each 4 processors; with ``ray``, as many as the
            cluster has room for.
        threads: of each worker, at most 8. By default its share of the processors; with ``ray``, 2.
        ray: address of a Ray cluster, or ``local``; see
            :mod:`lexret.library.encoding.ray_workers`.
        precision: what the model computes in; by default as ``out`` was begun, else float32.
        device: of ONNX Runtime.
        max_pixels: larger pictures are refused; by default 250 million, or as ``out`` was begun.
        exclusions: patterns of what is not looked at in folders.
        encoder: encodes instead of the model, in this process; for ``workers=0`` alone.
        progress: is called with the number of pictures done and the number of pictures to do.

    Raises:
        MissingPackageError: if pyarrow, or with ``ray`` Ray, is not installed.
        MissingError, InputError: if a source or the model is not there or cannot be used, or
            ``out`` holds something else, or an encoding of other sources or another model.
        CorruptError: if a shard, a Parquet file or a part is damaged.
        LockedError: if another process is writing ``out``.
        StorageError: if ``out`` cannot be written.
        UpdateInterrupted: on Ctrl-C; tells how many pictures of this run are stored.
    """
    started = time.monotonic()
    pyarrow(INSTALL_SCALE)
    named = [os.fspath(name) for name in names_of(sources)]
    settings = worker_settings(workers, threads, device, ray)
    if encoder is not None and workers != 0:
        raise InputError("An encoder of your own works in this process: say workers=0.")
    out = Path(out).resolve()
    check_folder(out)
    found = find_sources(named)
    try:
        lock = WriterLock(out, what="encoding", make=True)
    except OSError as error:
        raise cannot_write(out, error) from error
    try:
        chosen = Chosen(None if model is None else os.fspath(model), precision, max_pixels)
        plan, (num_new, num_gone) = begin(out, found, chosen, exclusions, encoder)
        run = _Run(plan, encoder)
        run.encode(settings, ray, progress)
        records = part_records(plan)
        write_results(plan, records, run.vocabulary())
    finally:
        lock.release()
    return EncodeReport(
        num_pictures=sum(record.num_pictures for record in records),
        num_encoded=sum(record.num_pictures for record in records if record.number in run.parts),
        num_parts=len(records),
        refused=refused_pictures(plan, records),
        num_new=num_new,
        num_gone=num_gone,
        seconds=time.monotonic() - started,
        model_id=plan.model.model_id,
        runtimes=runtimes_of(records),
    )


class _Run:
    """One run over a plan, which it makes or finds."""

    def __init__(self, plan: EncodePlan, encoder: Encoder[Image.Image] | None) -> None:
        self._plan, self._encoder = plan, encoder
        self.parts = [n for n in range(plan.num_parts) if not plan.part_path(n).exists()]

    def encode(self, settings: WorkerSettings, ray: str | None, progress: Progress | None) -> None:
        """Encode the parts that are not done.

        Raises:
            UpdateInterrupted: on KeyboardInterrupt.
        """
        self._remove_leftovers()
        of_parts: dict[int, int] = {}
        total, done = sum(map(self._plan.size_of, self.parts)), 0

        def advance(number: int, num_done: int) -> None:
            nonlocal done
            done += num_done - of_parts.get(number, 0)
            of_parts[number] = num_done
            if progress is not None:
                progress(done, total)

        try:
            if not self.parts:
                return
            if ray is not None:
                from lexret.library.encoding.ray_workers import run_on_ray

                run_on_ray(self._plan, self.parts, settings, address=ray, advance=advance)
            elif settings.workers:
                WorkerPool(self._plan, settings, advance).run(self.parts)
            else:
                self._encode_here(settings, advance)
        except KeyboardInterrupt as error:
            stored = (n for n in self.parts if self._plan.part_path(n).exists())
            raise UpdateInterrupted(sum(map(self._plan.size_of, stored))) from error
        finally:
            self._remove_leftovers()

    def _encode_here(self, settings: WorkerSettings, advance: Advance) -> None:
        model = self._plan.model
        encoder = self._encoder or LazyImageEncoder(
            read_record(find_model(model.source)),
            precision=model.precision,
            settings=ImageSettings(None, settings.device, settings.threads),
        )
        decoding = Decoding(jobs=0, max_pixels=self._plan.max_pixels)
        parts = PartEncoder(self._plan, encoder, decoding, settings.threads)
        try:
            for number in self.parts:
                done = 0

                def further(count: int, number: int = number) -> None:
                    nonlocal done
                    done += count
                    advance(number, done)

                parts.encode(number, further)
        finally:
            parts.close()

    def _remove_leftovers(self) -> None:
        """Remove what writers that died have left; nobody writes now, or it is written again."""
        for path in self._plan.parts_folder.glob(f".*.{LEFTOVER}"):
            with suppress(OSError):
                path.unlink()

    def vocabulary(self) -> Vocabulary:
        """Return the words of the vectors."""
        if self._encoder is not None:
            return self._encoder.vocabulary
        return read_record(find_model(self._plan.model.source)).vocabulary()
