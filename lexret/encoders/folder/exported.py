"""Exported backbone of a model: ``image.onnx``, and ``image.json``, which describes it.

The file holds the frozen backbone alone, with its weights and its classifier: a model that is
trained anew on the same backbone goes on with it. ``image.json`` records the configuration of the
backbone, the file's hash, its origin, licence, and how it compared with torch.

``image-int8.onnx``, where there is one, is the same rounded to 8 bits: less than half the time, and
a little less exact. ``image.json`` says what it was calibrated on and how close it is.

``image.onnx`` takes ``pixels`` (B, 3, S, S) uint8 and returns ``features`` (B, P, F) float32, and
``class_logits`` (B, P, C) for backbones whose classifier lexret knows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from lexret.config import ImageConfig
from lexret.encoders.folder.record import ModelRecord
from lexret.errors import CorruptError, MissingError
from lexret.files.hashes import file_sha256

IMAGE_FILE: Final = "image.onnx"
INT8_FILE: Final = "image-int8.onnx"
IMAGE_META_FILE: Final = "image.json"
IMAGE_FORMAT: Final = 1
PortablePrecision = Literal["float32", "int8"]
_FILES: Final[Mapping[PortablePrecision, str]] = {"float32": IMAGE_FILE, "int8": INT8_FILE}
_REMEDY: Final = "Make it anew with `lexret models export`, or delete it."


@dataclass(frozen=True)
class ExportedBackbone:
    """Exported backbone of a model folder.

    Attributes:
        folder: where it lies.
        values: the JSON object of ``image.json``.
    """

    folder: Path
    values: Mapping[str, Any]

    @property
    def precisions(self) -> tuple[PortablePrecision, ...]:
        """What it can compute in."""
        return tuple(name for name, file in _FILES.items() if file in self.values["sha256"])

    def verify(self, precision: PortablePrecision = "float32") -> Path:
        """Compare the file of a precision with its recorded hash and return its path.

        Raises:
            MissingError: if the file is not there, or was never made.
            CorruptError: if it is damaged.
        """
        if precision not in self.precisions:
            raise no_int8(self.folder)
        path, expected = self.folder / _FILES[precision], self.values["sha256"][_FILES[precision]]
        if not path.is_file():
            raise MissingError(f"The model folder {self.folder} lacks {path.name}. {_REMEDY}")
        found = file_sha256(path)
        if found != expected:
            raise CorruptError(
                f"{path} is damaged: its SHA-256 is {found[:12]}..., {IMAGE_META_FILE} says "
                f"{str(expected)[:12]}.... {_REMEDY}"
            )
        return path


def no_int8(folder: Path) -> MissingError:
    """Return the error that a model was not quantized to 8 bits."""
    return MissingError(
        f"The model in {folder} has no image side in int8. Make it with `lexret models export "
        "MODEL --int8 --pictures DIR`, or leave --precision out; a model made of two towers "
        "cannot be exported."
    )


def backbone_identity(config: ImageConfig) -> dict[str, Any]:
    """Return the values that an exported backbone depends on, as JSON holds them.

    Files in the model's folder go by their name in it.
    """
    weights = config.weights
    return {
        "backbone": config.backbone,
        "weights": Path(weights).name if Path(weights).is_absolute() else weights,
        "backbone_args": dict(config.backbone_args),
        "image_size": config.image_size,
        "stride": config.stride,
        "feature_dim": config.feature_dim,
        "mean": list(config.mean),
        "std": list(config.std),
    }


def find_exported(record: ModelRecord) -> ExportedBackbone | None:
    """Return the exported backbone of a model; None if it has none.

    Raises:
        CorruptError: if the record is damaged, or is that of another backbone.
    """
    path = record.folder / IMAGE_META_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CorruptError(f"{path} is not JSON: {error}. {_REMEDY}") from error
    if not isinstance(values, dict) or values.get("format") != IMAGE_FORMAT:
        found = values.get("format") if isinstance(values, dict) else type(values).__name__
        raise CorruptError(
            f"{path} has format {found!r}; this lexret reads format {IMAGE_FORMAT}. {_REMEDY}"
        )
    hashes = values.get("sha256")
    if not isinstance(hashes, dict) or not isinstance(hashes.get(IMAGE_FILE), str):
        raise CorruptError(f"{path} is incomplete: it lacks sha256.{IMAGE_FILE}. {_REMEDY}")
    expected = backbone_identity(record.config().image)
    different = sorted(
        name for name, value in expected.items() if values.get("backbone", {}).get(name) != value
    )
    if different:
        raise CorruptError(
            f"{path} belongs to another backbone than the model's: they differ in "
            f"{', '.join(different)}. {_REMEDY}"
        )
    return ExportedBackbone(record.folder, values)
