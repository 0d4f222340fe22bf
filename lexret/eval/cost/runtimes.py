"""Speed of a model's image side in ONNX Runtime, against torch on the same pictures.

From file to vector, with all processors, in float32 and, where the model has it, in int8: all take
turns, so that what else the machine does falls on each of them, and the fastest of each counts.
Beside the time by the clock stands the processor time, which other programs hardly change.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from lexret.errors import InputError
from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_image
from lexret.sparse import FloatArray, SparseBatch

if TYPE_CHECKING:
    from lexret.encoders.lexical_model import LexicalModel
    from lexret.encoders.portable.encoder import PortableImageEncoder

DEFAULT_ROUNDS: Final = 5
_NUM_READERS: Final = 4

Encode = Callable[[], SparseBatch]


@dataclass(frozen=True, slots=True)
class RuntimeSpeed:
    """Speed of one runtime, file to vector.

    Attributes:
        runtime: with its version.
        per_second: pictures a second by the clock, in the fastest round.
        processor_ms: milliseconds of processor time a picture, in the cheapest round.
    """

    runtime: str
    per_second: float
    processor_ms: float


@dataclass(frozen=True)
class RuntimeComparison:
    """Comparison of the runtimes.

    Attributes:
        onnx: ONNX Runtime in float32.
        int8: ONNX Runtime in int8; None where the model was not exported in it.
        torch: None where torch is not installed.
        least_cosine: of the pictures' vectors in ONNX Runtime and torch, the smallest.
        int8_cosine: mean cosine of the pictures' vectors in int8 and float32.
    """

    onnx: RuntimeSpeed
    int8: RuntimeSpeed | None
    torch: RuntimeSpeed | None
    least_cosine: float | None
    int8_cosine: float | None
    num_pictures: int
    rounds: int

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as ``lexret eval speed --json`` prints it."""
        values: dict[str, Any] = {
            name: {
                "runtime": speed.runtime,
                "images_per_s": round(speed.per_second, 2),
                "processor_ms": round(speed.processor_ms, 2),
            }
            for name, speed in (("onnx", self.onnx), ("int8", self.int8), ("torch", self.torch))
            if speed is not None
        }
        if self.torch is not None and self.least_cosine is not None:
            values["times_as_fast"] = round(self.onnx.per_second / self.torch.per_second, 2)
            values["times_the_processor_time"] = round(
                self.torch.processor_ms / self.onnx.processor_ms, 2
            )
            values["least_cosine"] = round(self.least_cosine, 8)
        if self.int8 is not None and self.int8_cosine is not None:
            values["int8"]["mean_cosine_with_float32"] = round(self.int8_cosine, 6)
            values["int8"]["times_the_processor_time"] = round(
                self.onnx.processor_ms / self.int8.processor_ms, 2
            )
        return values | {"num_images": self.num_pictures, "rounds": self.rounds}


def compare_runtimes(
    paths: Sequence[Path],
    model: LexicalModel,
    *,
    batch_size: int = 32,
    rounds: int = DEFAULT_ROUNDS,
) -> RuntimeComparison:
    """Encode the same pictures by both runtimes, in turns.

    Raises:
        InputError: if there is no picture.
        MissingError: if the model has no exported image side.
        ImageError: if a picture cannot be read.
    """
    if not paths:
        raise InputError("There is no picture to time; expected one or more.")
    portable = model.portable_images()
    ways: dict[str, tuple[str, Encode]] = {
        "onnx": (portable.runtime, lambda: encode_with(paths, portable, batch_size=batch_size))
    }
    if "int8" in model.exported_precisions:
        rounded = model.portable_images(precision="int8")
        ways["int8"] = (
            f"{rounded.runtime}, int8",
            lambda: encode_with(paths, rounded, batch_size=batch_size),
        )
    if find_spec("torch") is not None:
        from lexret.eval.cost.speed import encode_all

        reference = model.torch_images
        ways["torch"] = (
            reference.runtime,
            lambda: encode_all(paths, reference, batch_size=batch_size),
        )
    vectors = {name: encode() for name, (_, encode) in ways.items()}  # warms everything
    speeds = _in_turns(ways, len(paths), rounds)
    return RuntimeComparison(
        speeds["onnx"],
        speeds.get("int8"),
        speeds.get("torch"),
        float(_cosines(vectors, "torch").min()) if "torch" in vectors else None,
        float(_cosines(vectors, "int8").mean()) if "int8" in vectors else None,
        len(paths),
        rounds,
    )


def _cosines(vectors: dict[str, SparseBatch], name: str) -> FloatArray:
    products = vectors["onnx"].to_scipy().multiply(vectors[name].to_scipy())
    cosines: FloatArray = np.asarray(products.sum(axis=1)).ravel()
    return cosines


def encode_with(
    paths: Sequence[Path], images: PortableImageEncoder, *, batch_size: int
) -> SparseBatch:
    """Encode pictures from file to vector; threads read ahead."""
    batches = []
    with ThreadPoolExecutor(_NUM_READERS, thread_name_prefix="lexret-read") as pool:
        ahead = pool.map(lambda path: open_image(path, min_side=ENCODING_MIN_SIDE), paths)
        for pictures in _batched(ahead, batch_size):
            batches.append(images.encode(pictures, batch_size=batch_size))
    return SparseBatch.concatenate(batches, images.vocabulary)


def _batched(pictures: Iterable[Image.Image], size: int) -> Iterator[list[Image.Image]]:
    remaining = iter(pictures)
    while batch := list(islice(remaining, size)):
        yield batch


def _in_turns(
    ways: dict[str, tuple[str, Encode]], num_pictures: int, rounds: int
) -> dict[str, RuntimeSpeed]:
    walls: dict[str, list[float]] = {name: [] for name in ways}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (_, encode) in ways.items():
            wall, used = time.perf_counter(), time.process_time()
            encode()
            walls[name].append(time.perf_counter() - wall)
            processor[name].append(time.process_time() - used)
    return {
        name: RuntimeSpeed(
            runtime,
            num_pictures / max(min(walls[name]), 1e-9),
            1000.0 * min(processor[name]) / num_pictures,
        )
        for name, (runtime, _) in ways.items()
    }
