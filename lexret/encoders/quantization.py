"""Quantization of an exported backbone to 8 bits, calibrated on pictures.

Static quantization: Jacob and others, Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference, CVPR 2018. Weights have a step a channel, activations one a
tensor, from their least and largest values over the calibration pictures. The first convolutions
stay in float32: they cost little, and what they lose is lost for all that follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from PIL import Image

from lexret.encoders.export import cosine, write_meta
from lexret.encoders.folder.exported import (
    IMAGE_FILE,
    INT8_FILE,
    ExportedBackbone,
    find_exported,
)
from lexret.encoders.folder.record import ModelRecord
from lexret.encoders.portable.encoder import PortableImageEncoder
from lexret.encoders.portable.runtime import quantization
from lexret.errors import InputError, MismatchError, MissingError, StorageError
from lexret.files.hashes import file_sha256
from lexret.files.whole import whole_file

LEAST_MEAN_COSINE: Final = 0.95
_KEPT_CONVOLUTIONS: Final = 3


@dataclass(frozen=True, slots=True)
class Quantization:
    """Quantization of a backbone: how close its vectors are to those in float32.

    Attributes:
        num_pictures: that it was calibrated and compared on.
        mean_cosine: of the pictures' two vectors.
        least_cosine: the smallest of them.
    """

    num_pictures: int
    mean_cosine: float
    least_cosine: float


def quantize_backbone(record: ModelRecord, pictures: Sequence[Image.Image]) -> Quantization:
    """Write a model's ``image-int8.onnx`` beside its ``image.onnx``, and compare the two.

    Args:
        pictures: like those that will be indexed; some hundred.

    Raises:
        InputError: if there is no picture, or the backbone does not consist of convolutions.
        MissingError: if the model has no exported backbone.
        MismatchError: if the vectors differ too much; the folder is then as it was.
        StorageError: if the folder cannot be written.
    """
    exported = find_exported(record)
    if exported is None:
        raise MissingError(
            f"The model {record.model_id} has no exported image side to quantize. Make it with "
            "`lexret models export`."
        )
    if not pictures:
        raise InputError("Quantization to 8 bits is calibrated on pictures; there is none.")
    reference = PortableImageEncoder(record, exported)
    try:
        with whole_file(record.folder / INT8_FILE) as fresh:
            _write(exported.verify(), fresh, reference, pictures)
            quantized = PortableImageEncoder(record, exported, file=fresh, precision="int8")
            result = _compare(reference, quantized, pictures)
            values = _values(exported, fresh, result)
        write_meta(record.folder, values)
    except OSError as error:
        raise StorageError(f"Cannot write to {record.folder}: {error}.") from error
    return result


def _values(exported: ExportedBackbone, file: Path, result: Quantization) -> dict[str, Any]:
    hashes = {
        IMAGE_FILE: exported.values["sha256"][IMAGE_FILE],
        INT8_FILE: file_sha256(file),
    }
    made_with = {name: version(name) for name in ("onnx", "onnxruntime")}
    return {
        **exported.values,
        "sha256": hashes,
        "int8": {**asdict(result), "made_with": made_with},
    }


def _write(
    source: Path, file: Path, images: PortableImageEncoder, pictures: Sequence[Image.Image]
) -> None:
    import onnx

    tools = quantization()

    class Pixels(tools.CalibrationDataReader):  # type: ignore[name-defined, misc]
        """Reader of the pictures, one at a time, as the quantizer asks for them."""

        def __init__(self) -> None:
            self._left: Iterator[Image.Image] = iter(pictures)

        def get_next(self) -> dict[str, Any] | None:
            picture = next(self._left, None)
            return None if picture is None else {"pixels": images.pixels(picture)[None]}

    with TemporaryDirectory(prefix="lexret-") as folder:
        folded = Path(folder) / IMAGE_FILE
        tools.shape_inference.quant_pre_process(str(source), str(folded), skip_symbolic_shape=True)
        names = [node.name for node in onnx.load(folded).graph.node if node.op_type == "Conv"]
        if len(names) <= _KEPT_CONVOLUTIONS:
            raise InputError(
                "int8 is for backbones of convolutions; this one has "
                f"{len(names)}. Encode in float32 or bfloat16."
            )
        tools.quantize_static(
            str(folded),
            str(file),
            Pixels(),
            quant_format=tools.QuantFormat.QDQ,
            per_channel=True,
            activation_type=tools.QuantType.QUInt8,
            weight_type=tools.QuantType.QInt8,
            calibrate_method=tools.CalibrationMethod.MinMax,
            nodes_to_exclude=names[:_KEPT_CONVOLUTIONS],
        )


def _compare(
    reference: PortableImageEncoder,
    quantized: PortableImageEncoder,
    pictures: Sequence[Image.Image],
) -> Quantization:
    pairs = zip(reference.encode(pictures), quantized.encode(pictures), strict=True)
    cosines = [cosine(mine, theirs) for mine, theirs in pairs]
    result = Quantization(len(cosines), float(np.mean(cosines)), min(cosines))
    if result.mean_cosine < LEAST_MEAN_COSINE:
        raise MismatchError(
            f"In int8 the pictures' vectors have a mean cosine of {result.mean_cosine:.4f} with "
            f"those in float32; expected at least {LEAST_MEAN_COSINE}. Nothing was changed."
        )
    return result
