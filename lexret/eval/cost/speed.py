"""Speed of encoding in torch, stage by stage, and of the whole as a share of the backbone's.

Stages of a picture: read (the file's bytes), decode (to upright RGB), transform (to the model's
square), backbone (frozen features), head (words). Each is timed alone; the pipeline is timed as
``lexret index`` works, with threads that read, decode and transform ahead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lexret.errors import InputError
from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_image, read_picture
from lexret.sparse import SparseBatch

if TYPE_CHECKING:
    import torch

    from lexret.encoders.lexical_model import LexicalModel
    from lexret.encoders.model import ImageEncoder

DEFAULT_BATCH: Final = 16
_ROUNDS: Final = 3
_NUM_READERS: Final = 4


@dataclass(frozen=True, slots=True)
class HalfPrecision:
    """Speed in bfloat16, which pays on processors that have instructions for it.

    Attributes:
        speed: pictures a second of the backbone alone.
        pipeline: pictures a second from file to vector.
        cosine: mean cosine of the pictures' vectors with those in single precision.
    """

    speed: float
    pipeline: float
    cosine: float


@dataclass(frozen=True)
class SpeedResult:
    """Speed in pictures and texts a second.

    Attributes:
        stages: stage -> pictures a second, that stage alone.
        pipeline: pictures a second from file to vector, in single precision.
        texts: text encoder -> texts a second; empty where there were no texts.
        half: the same pictures in bfloat16.
    """

    stages: dict[str, float]
    pipeline: float
    texts: dict[str, float]
    num_pictures: int
    num_texts: int
    batch_size: int
    threads: int
    half: HalfPrecision

    @property
    def share_of_backbone(self) -> float:
        """The pipeline's speed as a percentage of the bare backbone's."""
        return 100.0 * self.pipeline / self.stages["backbone"]

    @property
    def half_share_of_backbone(self) -> float:
        """The pipeline's speed in bfloat16 as a percentage of the bare backbone's in float32."""
        return 100.0 * self.half.pipeline / self.stages["backbone"]

    def as_dict(self) -> dict[str, Any]:
        """Return the result as ``lexret eval speed --json`` prints it."""
        total = sum(1.0 / speed for speed in self.stages.values())
        return {
            "stages": {
                name: {
                    "images_per_s": round(speed, 2),
                    "ms": round(1000.0 / speed, 4),
                    "percent_of_time": round(100.0 / speed / total, 2),
                }
                for name, speed in self.stages.items()
            },
            "pipeline_images_per_s": round(self.pipeline, 2),
            "percent_of_bare_backbone": round(self.share_of_backbone, 2),
            "pipeline_bfloat16_images_per_s": round(self.half.pipeline, 2),
            "percent_of_bare_backbone_bfloat16": round(self.half_share_of_backbone, 2),
            "backbone_bfloat16": {
                "images_per_s": round(self.half.speed, 2),
                "mean_cosine_with_float32": round(self.half.cosine, 6),
            },
            "texts_per_s": {name: round(speed, 2) for name, speed in self.texts.items()},
            "num_images": self.num_pictures,
            "num_texts": self.num_texts,
            "batch_size": self.batch_size,
            "threads": self.threads,
        }


def measure_speed(
    paths: Sequence[Path],
    model: LexicalModel,
    texts: Sequence[str] = (),
    *,
    batch_size: int = DEFAULT_BATCH,
    clock: Callable[[], float] = time.perf_counter,
) -> SpeedResult:
    """Time every stage over the same pictures; of three rounds the fastest counts.

    Raises:
        InputError: if there is no picture.
        ImageError: if one cannot be read.
    """
    import torch

    if not paths:
        raise InputError("There is no picture to time; expected one or more.")
    images = model.torch_images
    content = [path.read_bytes() for path in paths]
    pictures = [_decode(data, str(path)) for data, path in zip(content, paths, strict=True)]
    pixels = [images.pixels(picture) for picture in pictures]
    batches = [
        torch.stack(pixels[start : start + batch_size])
        for start in range(0, len(pixels), batch_size)
    ]
    features = [images.features_of_pixels(batch) for batch in batches]

    def stage(run: Callable[[], object]) -> float:
        return len(paths) / _fastest(run, clock)

    stages = {
        "read": stage(lambda: [path.read_bytes() for path in paths]),
        "decode": stage(lambda: [_decode(data, "picture") for data in content]),
        "transform": stage(lambda: [images.pixels(picture) for picture in pictures]),
        "backbone": stage(lambda: [images.features_of_pixels(batch) for batch in batches]),
        "head": stage(lambda: [images.encode_features(batch) for batch in features]),
    }
    return SpeedResult(
        stages,
        stage(lambda: encode_files(paths, images, batch_size=batch_size)),
        _text_speeds(model, texts, clock),
        len(paths),
        len(texts),
        batch_size,
        torch.get_num_threads(),
        _half_precision(paths, model, batches, features, clock),
    )


def _half_precision(
    paths: Sequence[Path],
    model: LexicalModel,
    batches: Sequence[torch.Tensor],
    features: Sequence[torch.Tensor],
    clock: Callable[[], float],
) -> HalfPrecision:
    images = model.torch_images_in("bfloat16")
    cosines = []
    for whole, batch in zip(features, batches, strict=True):
        exact = model.torch_images.encode_features(whole).to_scipy()
        rounded = images.encode_pixels(batch).to_scipy()
        cosines.append(float(exact.multiply(rounded).sum()))

    def backbone() -> None:
        for batch in batches:
            images.features_of_pixels(batch)

    def pipeline() -> None:
        encode_files(paths, images, batch_size=len(batches[0]))

    return HalfPrecision(
        speed=len(paths) / _fastest(backbone, clock),
        pipeline=len(paths) / _fastest(pipeline, clock),
        cosine=sum(cosines) / len(paths),
    )


def encode_files(paths: Sequence[Path], images: ImageEncoder, *, batch_size: int) -> int:
    """Encode pictures from file to vector as an index does, and return how many words came out."""
    return encode_all(paths, images, batch_size=batch_size).nnz


def encode_all(paths: Sequence[Path], images: ImageEncoder, *, batch_size: int) -> SparseBatch:
    """Encode pictures from file to vector; threads read, decode and transform ahead."""
    import torch

    batches: list[SparseBatch] = []
    with ThreadPoolExecutor(_NUM_READERS, thread_name_prefix="lexret-read") as pool:
        ahead = pool.map(
            lambda path: images.pixels(open_image(path, min_side=ENCODING_MIN_SIDE)), paths
        )
        batch: list[torch.Tensor] = []
        for pixels in ahead:
            batch.append(pixels)
            if len(batch) == batch_size:
                batches.append(images.encode_pixels(torch.stack(batch)))
                batch = []
        if batch:
            batches.append(images.encode_pixels(torch.stack(batch)))
    return SparseBatch.concatenate(batches, images.vocabulary)


def _decode(content: bytes, name: str) -> Any:
    return read_picture(BytesIO(content), name, min_side=ENCODING_MIN_SIDE).image


def _text_speeds(
    model: LexicalModel, texts: Sequence[str], clock: Callable[[], float]
) -> dict[str, float]:
    if not texts:
        return {}
    encoders: dict[str, Any] = {"contextual": model.contextual_text}
    if model.has_static_text:
        encoders["static"] = model.static_text
    speeds = {}
    for name, encoder in encoders.items():
        seconds = _fastest(lambda encoder=encoder: encoder.encode(texts), clock)  # type: ignore[misc]
        speeds[name] = len(texts) / seconds
    return speeds


def _fastest(run: Callable[[], object], clock: Callable[[], float]) -> float:
    times = []
    for _ in range(_ROUNDS):
        start = clock()
        run()
        times.append(clock() - start)
    return max(min(times), 1e-9)
