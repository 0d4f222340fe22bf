"""Backbone features on disk: the backbone is frozen, so each picture is put through it once.

A cache is a folder per data set and backbone: ``features.npy`` (N, P, F) float16 and
``cache.json`` with what it belongs to and how many rows are whole. An interrupted build goes on
where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import ImageOps

from lexret.config import ImageConfig
from lexret.data.captions import CaptionSet
from lexret.encoders.backbones import ImageBackbone
from lexret.errors import CorruptError, StorageError

Features = npt.NDArray[np.float16]
Progress = Callable[[int, int], None]

_BATCH = 32
_SAVE_EVERY = 20


def cached_features(
    captions: CaptionSet,
    config: ImageConfig,
    folder: Path,
    *,
    mirrored: bool = False,
    progress: Progress | None = None,
) -> Features:
    """Return (N, P, F) float16 features, memory-mapped; build what the cache lacks.

    Args:
        folder: holds one sub-folder a cache; made where missing.
        mirrored: features of the pictures flipped left to right.
        progress: called with (pictures done, pictures in all).

    Raises:
        ImageError: if a picture cannot be read; training on silently fewer pictures would lie.
        StorageError: if the cache cannot be written.
        CorruptError: if a cache's description cannot be read.
    """
    identity = _identity(captions, config, mirrored)
    place = folder / hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    shape = (len(captions), (config.image_size // config.stride) ** 2, config.feature_dim)
    try:
        place.mkdir(parents=True, exist_ok=True)
        num_done = _num_done(place / "cache.json", identity)
        if num_done < len(captions):
            _build(captions, config, place, shape, identity, num_done, mirrored, progress)
        return np.load(place / "features.npy", mmap_mode="r")  # type: ignore[no-any-return]
    except OSError as error:
        raise StorageError(f"Cannot keep backbone features in {place}: {error}.") from error


def _identity(captions: CaptionSet, config: ImageConfig, mirrored: bool) -> dict[str, Any]:
    return {
        "pictures": captions.fingerprint,
        "backbone": config.backbone,
        "weights": config.weights,
        "backbone_args": dict(config.backbone_args),
        "image_size": config.image_size,
        "mean": config.mean,
        "std": config.std,
        "mirrored": mirrored,
    }


def _num_done(description: Path, identity: dict[str, Any]) -> int:
    if not description.is_file():
        return 0
    try:
        stored = json.loads(description.read_text(encoding="utf-8"))
        return int(stored["num_done"])
    except (ValueError, KeyError) as error:
        raise CorruptError(
            f"{description} cannot be read ({error}); delete the folder {description.parent}."
        ) from error


def _reserve(file: Path) -> None:
    """Claim the file's space on the disk: writing to a map on a full one would end the process."""
    if hasattr(os, "posix_fallocate"):  # not on macOS
        with file.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, file.stat().st_size)


def _build(
    captions: CaptionSet,
    config: ImageConfig,
    place: Path,
    shape: tuple[int, int, int],
    identity: dict[str, Any],
    num_done: int,
    mirrored: bool,
    progress: Progress | None,
) -> None:
    mode = "r+" if num_done else "w+"
    file = place / "features.npy"
    features_NPF = np.lib.format.open_memmap(file, mode=mode, dtype=np.float16, shape=shape)
    _reserve(file)
    backbone = ImageBackbone(config)

    def read(i: int) -> torch.Tensor:
        image = captions.image(i)
        return backbone.transform(ImageOps.mirror(image) if mirrored else image)

    def save(count: int) -> None:
        features_NPF.flush()
        fresh = place / "cache.json.tmp"
        fresh.write_text(json.dumps({**identity, "num_done": count}, indent=2), encoding="utf-8")
        os.replace(fresh, place / "cache.json")

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for number, start in enumerate(range(num_done, len(captions), _BATCH)):
            end = min(start + _BATCH, len(captions))
            pixels = torch.stack(list(pool.map(read, range(start, end))))
            features_NPF[start:end] = backbone(pixels).to(torch.float16).cpu().numpy()
            if number % _SAVE_EVERY == _SAVE_EVERY - 1:
                save(end)
            if progress is not None:
                progress(end, len(captions))
    save(len(captions))
