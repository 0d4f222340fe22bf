"""How an encoding begins, or goes on: what is asked for, held to what the folder was begun for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lexret.encoders.folder.exported import find_exported
from lexret.encoders.folder.record import DEFAULT_MODEL, find_model, read_record
from lexret.encoders.image_settings import ImageSettings, runtime_for
from lexret.encoders.lazy import LazyImageEncoder
from lexret.encoders.protocol import Encoder, precision_of
from lexret.errors import InputError, LexretError
from lexret.files.locks import LOCK_FILE
from lexret.library.encoding.parts import LEFTOVER, cannot_write
from lexret.library.encoding.plan import (
    PARTS_FOLDER,
    PLAN_FILE,
    EncodePlan,
    ModelIdentity,
    has_plan,
    load_plan,
    make_plan,
    num_changed,
)
from lexret.library.encoding.sources import PictureSources, list_pictures
from lexret.library.encoding.workers import MOST_THREADS, WorkerSettings
from lexret.library.model import lasting_source
from lexret.pictures.decoding import MAX_PIXELS
from lexret.pictures.exclusion import Exclusion

if TYPE_CHECKING:
    from PIL import Image

    from lexret.sparse import VectorPrecision

_RAY_THREADS: Final = 2
_PROCESSORS_A_WORKER: Final = 4
_MOST_NAMED: Final = 3


@dataclass(frozen=True)
class Chosen:
    """What a call says of the model; None: as the folder was begun."""

    model: str | None
    precision: VectorPrecision | None
    max_pixels: int | None


def begin(
    out: Path,
    sources: PictureSources,
    chosen: Chosen,
    exclusions: Sequence[Exclusion],
    encoder: Encoder[Image.Image] | None,
) -> tuple[EncodePlan, tuple[int, int]]:
    """Return the plan of a folder, which is made where there is none, and what has changed since.

    Args:
        encoder: encodes instead of the model.

    Returns:
        the plan, and how many pictures are not in it, and how many are gone.

    Raises:
        InputError: if the folder was begun for something else.
        StorageError: if the plan cannot be written.
        LexretError: if a source or the model cannot be used.
    """
    listing = list_pictures(sources, exclusions)
    if has_plan(out):
        plan = load_plan(out)
        _check_same(plan, sources, chosen, encoder)
        return plan, num_changed(plan, listing)
    try:
        plan = make_plan(
            out,
            sources,
            listing.pictures,
            listing.skipped,
            model=_identity(chosen, encoder),
            max_pixels=chosen.max_pixels or MAX_PIXELS,
        )
    except LexretError:
        raise
    except OSError as error:
        raise cannot_write(out, error) from error
    return plan, (0, 0)


def worker_settings(
    workers: int | None, threads: int | None, device: str, ray: str | None
) -> WorkerSettings:
    """Return how many work, and how; see :func:`lexret.library.encoding.encode.encode_pictures`.

    Raises:
        InputError: if they contradict each other.
    """
    usable = getattr(os, "sched_getaffinity", None)
    processors = (len(usable(0)) if usable else os.cpu_count()) or 1
    if (workers is not None and workers < 0) or (threads is not None and threads < 1):
        raise InputError(
            f"Expected 0 or more workers, and 1 or more threads; found {workers} and {threads}."
        )
    if ray is not None and workers == 0:
        raise InputError("Ray encodes in workers of its own: leave workers=0 out, or --ray.")
    if ray not in (None, "local"):
        return WorkerSettings(workers or 0, min(threads or _RAY_THREADS, MOST_THREADS), device)
    chosen = max(1, processors // _PROCESSORS_A_WORKER) if workers is None else workers
    share = max(1, processors // max(1, chosen))
    return WorkerSettings(chosen, min(threads or share, MOST_THREADS), device)


def check_folder(out: Path) -> None:
    """Raise InputError where a folder holds something else than an encoding."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; name a new folder.")
    if not out.is_dir() or has_plan(out):
        return
    # A run that was killed before its plan was whole leaves the plan's table, and begins anew.
    begun = {PLAN_FILE, PARTS_FOLDER, LOCK_FILE}
    others = [path.name for path in out.iterdir() if path.name not in begun]
    others = [name for name in others if not name.endswith(LEFTOVER)]
    if others:
        raise InputError(
            f"{out} is not empty and holds no encoding (it holds {min(others)}); name a new folder."
        )


def _identity(chosen: Chosen, encoder: Encoder[Image.Image] | None) -> ModelIdentity:
    """Return what is to encode; nothing of it is loaded."""
    if encoder is not None:
        words = encoder.vocabulary
        return ModelIdentity(
            encoder.model_id,
            chosen.model or DEFAULT_MODEL,
            words.fingerprint,
            len(words),
            precision_of(encoder),
        )
    source = lasting_source(chosen.model or DEFAULT_MODEL)
    record = read_record(find_model(source))
    precision: VectorPrecision = chosen.precision or "float32"
    runtime_for(precision, ImageSettings(), is_exported=find_exported(record) is not None)
    LazyImageEncoder(record, precision=precision)  # refuses what the model cannot do
    return ModelIdentity(
        record.model_id, source, record.vocabulary().fingerprint, record.num_words, precision
    )


def _check_same(
    plan: EncodePlan,
    sources: PictureSources,
    chosen: Chosen,
    encoder: Encoder[Image.Image] | None,
) -> None:
    """Raise InputError where a folder was begun for something else than is asked for now."""
    _check_sources(plan, sources)
    asked: dict[str, tuple[object, object]] = {}
    if chosen.model is not None or encoder is not None:
        asked["another model"] = (plan.model.model_id, _identity(chosen, encoder).model_id)
    if chosen.precision is not None:
        asked["another precision"] = (plan.model.precision, chosen.precision)
    if chosen.max_pixels is not None:
        asked["another limit of pixels"] = (plan.max_pixels, chosen.max_pixels)
    for what, (there, wanted) in asked.items():
        if there != wanted:
            raise _begun_with(plan, what, there, wanted)


def _begun_with(plan: EncodePlan, what: str, there: object, wanted: object) -> InputError:
    return InputError(
        f"{plan.out} was begun with {what}: {there}, not {wanted}. Give the same as before to go "
        "on, or name a new folder."
    )


def _check_sources(plan: EncodePlan, sources: PictureSources) -> None:
    """Raise InputError where other places of pictures are named, or shards came to them."""
    if sources.paths == plan.sources.paths:
        return
    there = set(plan.sources.paths)
    new = [path for path in sources.paths if path not in there]
    if sources.kind == "folders" or not there <= set(sources.paths) or not new:
        named = _some(plan.sources.paths), _some(sources.paths)
        raise _begun_with(plan, "other pictures", *named)
    names = " ".join(map(str, new[:_MOST_NAMED])) + (" ..." if len(new) > _MOST_NAMED else "")
    raise InputError(
        f"{plan.out} was begun before {len(new):,} of the {len(sources.paths):,} files came "
        f"({_some(new)}), and holds the others alone. Encode the new ones into a folder of their "
        f"own, and take in both: lexret encode {names} -o OUT, then lexret index --vectors "
        f"{plan.out} --vectors OUT."
    )


def _some(paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - _MOST_NAMED:,} more" if len(paths) > _MOST_NAMED else ""
    return ", ".join(map(str, paths[:_MOST_NAMED])) + more
