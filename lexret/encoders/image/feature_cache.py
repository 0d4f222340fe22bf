"""Cache of backbone features on disk: the backbone is frozen, so each picture is encoded once.

A cache is a folder per data set and backbone: ``features.npy`` (N, P, F) float16 and
``cache.json`` with what it belongs to, how many rows are whole and which pictures could not be
read; the rows of those are NaN. An interrupted build goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps

from lexret.captions.caption_set import CaptionSet
from lexret.config import ImageConfig
from lexret.encoders.image.backbones import ImageBackbone
from lexret.errors import CorruptError, ImageError, LexretError, MissingError, StorageError
from lexret.files.folders import make_folder
from lexret.files.text import parse_json
from lexret.files.whole import replace_file

Features = npt.NDArray[np.float16]
Progress = Callable[[int, int], None]
# Called with each picture that could not be read, its number and the problem; may raise.
OnUnreadable = Callable[[int, LexretError], None]

_BATCH = 32
_SAVE_EVERY = 20


class JoinedFeatures:
    """Array of the cached features of several sets of pictures, one after the other.

    Args:
        parts: (N, P, F) each, of the same P and F.
    """

    def __init__(self, parts: Sequence[Features]) -> None:
        self._parts = tuple(parts)
        sizes = [len(part) for part in parts]
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self.shape: tuple[int, ...] = (sum(sizes), *parts[0].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> Features:
        """Return (R, P, F) the features of some rows."""
        rows = np.asarray(rows)
        found = np.empty((len(rows), *self.shape[1:]), np.float16)
        numbers = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(numbers).tolist():
            places = numbers == number
            found[places] = self._parts[number][rows[places] - self._starts[number]]
        return found


CachedFeatures = Features | JoinedFeatures


class Backbone(Protocol):
    """Backbone of pictures: pixels to features."""

    @property
    def num_vectors(self) -> int:
        """Vectors of a picture's features."""
        ...

    def transform(self, image: Image.Image) -> torch.Tensor:
        """Return a (3, S, S) uint8 tensor."""
        ...

    def __call__(self, pixels_B3SS: torch.Tensor) -> torch.Tensor:
        """Return (B, P, F) features."""
        ...


def cached_features(
    captions: CaptionSet,
    config: ImageConfig,
    folder: Path,
    *,
    mirrored: bool = False,
    progress: Progress | None = None,
    on_unreadable: OnUnreadable | None = None,
    device: torch.device | None = None,
    backbone: Backbone | None = None,
) -> Features:
    """Return (N, P, F) float16 features, memory-mapped; build what the cache lacks.

    Args:
        folder: holds one sub-folder a cache; made where missing.
        mirrored: features of the pictures flipped left to right.
        progress: called with (pictures done, pictures in all).
        on_unreadable: called with each picture that cannot be read, also with those that an
            earlier build could not read; their features are NaN. None: such a picture is an error.
        device: what the backbone runs on; None: the CPU.
        backbone: the configured one, where it is loaded already.

    Raises:
        ImageError, MissingError: if a picture cannot be read; training on silently fewer pictures
            would lie.
        StorageError: if the cache cannot be written.
        CorruptError: if a cache's description cannot be read.
    """
    identity = _identity(captions, config, mirrored)
    place = folder / hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    on_unreadable = on_unreadable or _refuse
    try:
        make_folder(place)
        num_done, unreadable = _progress_of(place / "cache.json")
        for i, error in unreadable.items():
            on_unreadable(i, error)
        if num_done < len(captions):
            loaded = backbone or ImageBackbone(config).to(device or torch.device("cpu"))
            build = _Build(
                captions, config, place, identity, mirrored, on_unreadable, device, loaded
            )
            build.unreadable = unreadable
            build.run(num_done, progress)
        return np.load(place / "features.npy", mmap_mode="r")  # type: ignore[no-any-return]
    except LexretError:
        raise  # some of them are OSErrors too
    except OSError as error:
        raise StorageError(f"Cannot keep backbone features in {place}: {error}.") from error


def _refuse(i: int, error: LexretError) -> None:
    raise error


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


def _progress_of(description: Path) -> tuple[int, dict[int, LexretError]]:
    """Return how many rows are whole, and which pictures could not be read."""
    if not description.is_file():
        return 0, {}
    try:
        stored = parse_json(description.read_text(encoding="utf-8"))
        unreadable: dict[int, LexretError] = {
            int(i): ImageError(str(problem), reason="unreadable")
            for i, problem in stored.get("unreadable", {}).items()
        }
        return int(stored["num_done"]), unreadable
    except (ValueError, KeyError, AttributeError) as error:
        raise CorruptError(
            f"{description} cannot be read ({error}); delete the folder {description.parent}."
        ) from error


def _reserve(file: Path) -> None:
    """Claim the file's space on the disk: writing to a map on a full one would end the process."""
    if hasattr(os, "posix_fallocate"):  # not on macOS
        with file.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, file.stat().st_size)


class _Build:
    """Build of one cache, or of what it lacks."""

    def __init__(
        self,
        captions: CaptionSet,
        config: ImageConfig,
        place: Path,
        identity: dict[str, Any],
        mirrored: bool,
        on_unreadable: OnUnreadable,
        device: torch.device | None,
        backbone: Backbone,
    ) -> None:
        self.captions, self.place, self.identity = captions, place, identity
        self.mirrored, self.on_unreadable = mirrored, on_unreadable
        self.device = device or torch.device("cpu")
        self.backbone = backbone
        self.shape = (len(captions), backbone.num_vectors, config.feature_dim)
        self.unreadable: dict[int, LexretError] = {}

    def run(self, num_done: int, progress: Progress | None) -> None:
        mode = "r+" if num_done else "w+"
        file = self.place / "features.npy"
        features_NPF = np.lib.format.open_memmap(
            file, mode=mode, dtype=np.float16, shape=self.shape
        )
        _reserve(file)
        num_pictures, done, saved = len(self.captions), num_done, num_done
        try:
            with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
                for number, start in enumerate(range(num_done, num_pictures, _BATCH)):
                    end = min(start + _BATCH, num_pictures)
                    found = list(pool.map(self._read, range(start, end)))
                    features_NPF[start:end] = self._features(start, found)
                    done = end
                    if number % _SAVE_EVERY == _SAVE_EVERY - 1:
                        self._save(features_NPF, end)
                        saved = end
                    if progress is not None:
                        progress(end, num_pictures)
        finally:  # also after Ctrl-C or at the end of the time
            if saved < done:
                self._save(features_NPF, done)

    def _read(self, i: int) -> torch.Tensor | LexretError:
        try:
            image = self.captions.image(i)
        except (ImageError, MissingError) as error:
            return error
        return self.backbone.transform(ImageOps.mirror(image) if self.mirrored else image)

    def _features(self, start: int, found: list[torch.Tensor | LexretError]) -> Features:
        features = np.full((len(found), *self.shape[1:]), np.nan, np.float16)
        for i, item in enumerate(found, start=start):
            if isinstance(item, LexretError):
                self.on_unreadable(i, item)
                self.unreadable[i] = item
        read = [i for i, item in enumerate(found) if isinstance(item, torch.Tensor)]
        if read:
            pixels = torch.stack([item for item in found if isinstance(item, torch.Tensor)])
            encoded = self.backbone(pixels.to(self.device)).to(torch.float16)
            features[read] = encoded.cpu().numpy()
        return features

    def _save(self, features_NPF: np.memmap[Any, Any], count: int) -> None:
        features_NPF.flush()
        record = {
            **self.identity,
            "num_done": count,
            "unreadable": {i: str(error) for i, error in self.unreadable.items()},
        }
        replace_file(self.place / "cache.json", json.dumps(record, indent=2).encode())
