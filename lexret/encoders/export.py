"""Export of a model's frozen backbone to ONNX, checked against torch.

Legend: B pictures, P patches, F features, C classes, S side of the backbone's square.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from lexret.encoders.folder.exported import (
    IMAGE_FILE,
    IMAGE_FORMAT,
    IMAGE_META_FILE,
    INT8_FILE,
    ExportedBackbone,
    backbone_identity,
)
from lexret.encoders.folder.record import ModelRecord
from lexret.encoders.image.backbones import ImageBackbone
from lexret.encoders.image.class_head import class_head
from lexret.encoders.model import ImageEncoder
from lexret.encoders.portable.encoder import PortableImageEncoder
from lexret.encoders.pretrained import LITE2
from lexret.errors import InputError, MismatchError, MissingPackageError, StorageError
from lexret.files.hashes import file_sha256
from lexret.files.whole import replace_file, whole_file
from lexret.sparse import LexicalVector

LEAST_COSINE: Final = 0.9999
# Weights of unit vectors that differ by less may change places.
_TIE: Final = 1e-4
_OPSET: Final = 17
_NUM_MADE: Final = 8
_SOURCES: Final = {f"package:{LITE2.package}": (LITE2.what, "Apache-2.0")}


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of an exported backbone with torch, over whole pictures.

    Attributes:
        num_pictures: that were compared.
        least_cosine: the smallest cosine of a picture's two vectors, without what may be a tie.
        different_words: words that only one of the two has, above what may be a tie.
    """

    num_pictures: int
    least_cosine: float
    different_words: int


class _Exportable(nn.Module):
    """The backbone from pixels to features, with its classifier where it is known."""

    def __init__(self, backbone: ImageBackbone) -> None:
        super().__init__()
        config = backbone.config
        self.backbone = backbone
        self.register_buffer("mean", 255.0 * torch.tensor(config.mean).view(1, 3, 1, 1))
        self.register_buffer("std", 255.0 * torch.tensor(config.std).view(1, 3, 1, 1))
        head = class_head(config)
        self.has_classes = head is not None
        if head is not None:
            self.register_buffer("weights_FC", torch.tensor(head.weights_CF).float().t())
            self.register_buffer("bias_C", torch.tensor(head.bias_C).float())

    mean: Tensor
    std: Tensor
    weights_FC: Tensor
    bias_C: Tensor

    def forward(self, pixels_B3SS: Tensor) -> tuple[Tensor, ...]:
        """Return (B, P, F) features, and (B, P, C) logits of the classes."""
        features_BPF = self.backbone.features_of_inputs(
            (pixels_B3SS.float() - self.mean) / self.std
        )
        if not self.has_classes:
            return (features_BPF,)
        return features_BPF, features_BPF @ self.weights_FC + self.bias_C


def export_backbone(record: ModelRecord, pictures: Sequence[Image.Image] = ()) -> Agreement:
    """Write a model's ``image.onnx`` and ``image.json`` into its folder, and compare with torch.

    An int8 file that was made from another ``image.onnx`` is removed.

    Args:
        pictures: to compare with; without any, some that are made here.

    Raises:
        InputError: if the model was made of a two-tower model.
        MissingPackageError: if the package that writes ONNX is not installed.
        MismatchError: if the two disagree; the folder is then as it was.
        StorageError: if the folder cannot be written.
    """
    from lexret.encoders.folder.checkpoint import load_checkpoint

    reference = ImageEncoder(load_checkpoint(record.folder))
    backbone = reference.backbone
    if not isinstance(backbone, ImageBackbone):
        raise InputError(
            f"The model {record.model_id} was made of {backbone.config.backbone}; only the image "
            "backbones of models that lexret trained can be exported."
        )
    config = backbone.config
    pictures = list(pictures) or made_pictures(config.image_size)
    source, licence = _SOURCES.get(config.weights, (config.backbone, "as its weights"))
    try:
        with whole_file(record.folder / IMAGE_FILE) as fresh:
            _write(backbone, fresh)
            values: dict[str, Any] = {
                "format": IMAGE_FORMAT,
                "sha256": {IMAGE_FILE: file_sha256(fresh)},
                "backbone": backbone_identity(record.config().image),
                "source": source,
                "licence": licence,
                "made_with": {name: version(name) for name in ("torch", "timm")},
            }
            agreement = _compare(record, values, fresh, reference, pictures)
            values["compared_with_torch"] = asdict(agreement)
        write_meta(record.folder, values)
        (record.folder / INT8_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"Cannot write to {record.folder}: {error}.") from error
    return agreement


def write_meta(folder: Path, values: dict[str, Any]) -> None:
    """Replace ``image.json`` of a model folder."""
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    replace_file(folder / IMAGE_META_FILE, text.encode())


def made_pictures(side: int) -> list[Image.Image]:
    """Return pictures of gradients, stripes and noise: all parts of a network respond to them."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:side, 0:side] / side
    pictures = []
    for number in range(_NUM_MADE):
        waves = [np.sin((1 + number) * (a * x + b * y)) for a, b in ((9, 2), (1, 7), (5, -4))]
        noise = random.normal(0, 0.05 * number, (side, side, 3))
        values = 127.5 * (1 + np.stack(waves, axis=2)) + 127.5 * noise
        pictures.append(Image.fromarray(values.clip(0, 255).astype(np.uint8)))
    return pictures


def _write(backbone: ImageBackbone, file: Path) -> None:
    """Write the backbone as an ONNX model for any number of pictures."""
    try:
        import onnx  # noqa: F401 (torch writes through it)
    except ImportError as error:
        raise MissingPackageError(
            "Exporting needs the package onnx. Install it: pip install 'lexret[train]'"
        ) from error
    side = backbone.config.image_size
    network = _Exportable(backbone).eval()
    names = ["features", "class_logits"][: 2 if network.has_classes else 1]
    with (
        torch.no_grad(),
        backbone.with_still_padding(),
        warnings.catch_warnings(),
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(2, 3, side, side, dtype=torch.uint8),),
            str(file),
            dynamo=False,
            opset_version=_OPSET,
            input_names=["pixels"],
            output_names=names,
            dynamic_axes={name: {0: "pictures"} for name in ("pixels", *names)},
        )


def _compare(
    record: ModelRecord,
    values: dict[str, Any],
    file: Path,
    reference: ImageEncoder,
    pictures: Sequence[Image.Image],
) -> Agreement:
    portable = PortableImageEncoder(record, ExportedBackbone(record.folder, values), file=file)
    pairs = list(zip(reference.encode(pictures), portable.encode(pictures), strict=True))
    agreement = Agreement(
        len(pairs),
        min(_agreeing_cosine(mine, theirs) for mine, theirs in pairs),
        sum(_different_words(mine, theirs) for mine, theirs in pairs),
    )
    if agreement.least_cosine < LEAST_COSINE or agreement.different_words:
        raise MismatchError(
            f"The exported image side of {record.model_id} does not agree with torch: cosine "
            f"{agreement.least_cosine:.6f} (expected at least {LEAST_COSINE}), "
            f"{agreement.different_words} different words (expected none) over "
            f"{agreement.num_pictures} pictures. Nothing was changed."
        )
    return agreement


def cosine(mine: LexicalVector, theirs: LexicalVector) -> float:
    """Return the cosine of two vectors; 1 for two empty ones, 0 where one is empty."""
    every = [np.ones(len(vector), np.bool_) for vector in (mine, theirs)]
    return _cosine_of(mine, theirs, every[0], every[1])


def _agreeing_cosine(mine: LexicalVector, theirs: LexicalVector) -> float:
    """Return the cosine without words that changed places as ties where the vectors are cut."""
    kept = [~_ties(one, other) for one, other in ((mine, theirs), (theirs, mine))]
    return _cosine_of(mine, theirs, kept[0], kept[1])


def _cosine_of(
    mine: LexicalVector,
    theirs: LexicalVector,
    of_mine: npt.NDArray[np.bool_],
    of_theirs: npt.NDArray[np.bool_],
) -> float:
    _, left, right = np.intersect1d(mine.term_ids, theirs.term_ids, return_indices=True)
    product = float(mine.weights[left].astype(np.float64) @ theirs.weights[right])
    lengths = [
        float(np.linalg.norm(vector.weights[kept].astype(np.float64)))
        for vector, kept in ((mine, of_mine), (theirs, of_theirs))
    ]
    if not all(lengths):
        return 1.0 if not any(lengths) else 0.0
    return product / (lengths[0] * lengths[1])


def _alone(one: LexicalVector, other: LexicalVector) -> npt.NDArray[np.bool_]:
    alone: npt.NDArray[np.bool_] = ~np.isin(one.term_ids, other.term_ids)
    return alone


def _ties(one: LexicalVector, other: LexicalVector) -> npt.NDArray[np.bool_]:
    """Return which words of a vector the other lacks, but may have cut off as ties."""
    least = float(other.weights.min()) if len(other) else 0.0
    full = len(other) >= len(one)
    ties: npt.NDArray[np.bool_] = one.weights <= _TIE + (least if full else 0.0)
    return ties & _alone(one, other)


def _different_words(mine: LexicalVector, theirs: LexicalVector) -> int:
    """Count words of one vector that the other lacks; the weakest of a full vector may be ties."""
    pairs = ((mine, theirs), (theirs, mine))
    return sum(int((_alone(one, other) & ~_ties(one, other)).sum()) for one, other in pairs)
