"""Encoder of pictures without torch: the backbone in ONNX Runtime, the rest in small graphs.

It computes what :class:`lexret.encoders.model.ImageEncoder` computes in float32, which is its
reference: the vectors are the same up to rounding. In int8 its backbone is quantized to 8 bits.
Legend: B pictures, P patches, F features, C classes, D codebook dimension, S side of the backbone's
square.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from lexret.config import ImageConfig
from lexret.encoders.folder.exported import ExportedBackbone, PortablePrecision
from lexret.encoders.folder.record import WEIGHTS_FILE, ModelRecord
from lexret.encoders.image.pixels import square_pixels
from lexret.encoders.portable.adapters import adapter_graph
from lexret.encoders.portable.evidence import EvidenceTable
from lexret.encoders.portable.sessions import RUNTIME, Session, check_device
from lexret.encoders.portable.word_scores import HeadWeights, WordScores
from lexret.encoders.protocol import PatchEncoding, PatchGrid, require_pictures
from lexret.encoders.threshold import least_weight
from lexret.errors import CorruptError
from lexret.sparse import FloatArray, LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary

Pixels = npt.NDArray[np.uint8]

# Pictures that one thread puts through the network together: what lies between two layers then
# stays near the processor.
_AT_ONCE: Final = 4
_LEAST_LENGTH: Final = 1e-12
_PREFIX: Final = "image."


@dataclass(frozen=True, slots=True)
class _Patches:
    """Patches of pictures in the codebook's space, and what the classifier says of them."""

    patches_BPD: FloatArray
    pictures_BD: FloatArray
    class_logits_BPC: FloatArray | None

    def class_logits(self, i: int) -> FloatArray | None:
        return None if self.class_logits_BPC is None else self.class_logits_BPC[i]


class PortableImageEncoder:
    """Encoder of pictures in ONNX Runtime; implements
    :class:`~lexret.encoders.protocol.PatchEncoder`. Threads may share it.

    Args:
        record: of the model.
        exported: its backbone.
        jobs: pictures are put through the network by so many threads; None: as many as there are
            processors that this process may use.
        device: see :data:`lexret.encoders.portable.sessions.PROVIDERS`.
        file: the exported backbone before it lies in the model's folder.
        precision: of the backbone.

    Raises:
        MissingError: if the model has no backbone of that precision.
        CorruptError: if a file of the model is damaged or does not fit its configuration.
        InputError: if ONNX Runtime has no such device.
    """

    def __init__(
        self,
        record: ModelRecord,
        exported: ExportedBackbone,
        *,
        jobs: int | None = None,
        device: str = "cpu",
        file: Path | None = None,
        precision: PortablePrecision = "float32",
    ) -> None:
        check_device(device)
        self._precision: PortablePrecision = precision
        self._config = record.config()
        self._model_id, self._vocabulary = record.model_id, record.vocabulary()
        self._jobs = jobs or usable_processors()
        image = self._config.image
        tensors = _image_tensors(record)
        self._backbone = Session(file or exported.verify(precision), device=device)
        self._adapter = Session(adapter_graph(tensors, image))
        weights = _head_weights(tensors, image, len(self._vocabulary), self._config.codebook.dim)
        if weights.evidence is not None and "class_logits" not in self._backbone.outputs:
            raise CorruptError(
                f"{exported.folder} has class evidence, but its exported backbone no classifier. "
                "Make it anew with `lexret models export`."
            )
        self._words = WordScores(weights, self._config)
        side = image.image_size // image.stride
        self._grid = PatchGrid(side, side)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words that the vectors weigh."""
        return self._vocabulary

    @property
    def model_id(self) -> str:
        """Identity of the model."""
        return self._model_id

    @property
    def precision(self) -> PortablePrecision:
        """What pictures' vectors are computed in; indexes record it."""
        return self._precision

    @property
    def runtime(self) -> str:
        """What computes the vectors, and its version; indexes record it."""
        return RUNTIME

    @property
    def grid(self) -> PatchGrid:
        """How the patches lie over a picture."""
        return self._grid

    def pixels(self, image: Image.Image) -> Pixels:
        """Return the (3, S, S) uint8 pixels that the backbone sees; threads may call it."""
        return square_pixels(image, self._config.image.image_size)

    def encode(self, images: Sequence[Image.Image], *, batch_size: int = 32) -> SparseBatch:
        """Return one L2-normalised vector a picture, its ``max_image_words`` strongest words.

        Args:
            batch_size: pictures that are prepared together.

        Raises:
            InputError: if it is not given a list of pictures of Pillow.
        """
        require_pictures(images)
        vectors: list[LexicalVector] = []
        with ThreadPoolExecutor(self._jobs, thread_name_prefix="lexret-encode") as pool:
            for start in range(0, len(images), batch_size):
                chunks = _chunks(images[start : start + batch_size], self._at_once(batch_size))
                for found in pool.map(self._encode_images, chunks):
                    vectors += found
        return SparseBatch.from_vectors(vectors, self._vocabulary)

    def encode_pixels(self, pixels_B3SS: Pixels) -> SparseBatch:
        """Return the vectors of :meth:`encode` for pixels from :meth:`pixels`, in this thread."""
        return SparseBatch.from_vectors(self._encode_pixels(pixels_B3SS), self._vocabulary)

    def encode_dense(
        self, images: Sequence[Image.Image], *, batch_size: int = 32
    ) -> npt.NDArray[np.float32]:
        """Return (B, D) unit vectors of whole pictures, in the codebook's space, without words."""
        rows = [np.empty((0, self._config.codebook.dim), np.float32)]
        for chunk in _chunks(images, min(batch_size, _AT_ONCE)):
            rows.append(self._patches(self._stacked(chunk)).pictures_BD)
        vectors = np.concatenate(rows)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: FloatArray = vectors / np.maximum(lengths, _LEAST_LENGTH)
        return unit

    def encode_patches(self, images: Sequence[Image.Image]) -> list[PatchEncoding]:
        """Return the pictures' vectors with those of their patches, on one scale."""
        require_pictures(images)
        return [self._encode_patches(self._patches(self._stacked([image]))) for image in images]

    def _at_once(self, batch_size: int) -> int:
        """Return how many pictures a thread takes, such that all have something to do."""
        return max(1, min(_AT_ONCE, batch_size // self._jobs))

    def _encode_images(self, images: Sequence[Image.Image]) -> list[LexicalVector]:
        return self._encode_pixels(self._stacked(images))

    def _encode_pixels(self, pixels_B3SS: Pixels) -> list[LexicalVector]:
        found = self._patches(pixels_B3SS)
        return [
            self._vector(patches_PD, found.class_logits(i))
            for i, patches_PD in enumerate(found.patches_BPD)
        ]

    def _stacked(self, images: Sequence[Image.Image]) -> Pixels:
        return np.stack([self.pixels(image) for image in images])

    def _patches(self, pixels_B3SS: Pixels) -> _Patches:
        outputs = dict(
            zip(self._backbone.outputs, self._backbone.run(pixels=pixels_B3SS), strict=True)
        )
        patches_BPD, pictures_BD = self._adapter.run(features=outputs["features"])
        return _Patches(patches_BPD, pictures_BD, outputs.get("class_logits"))

    def _vector(self, patches_PD: FloatArray, class_logits_PC: FloatArray | None) -> LexicalVector:
        words, weights = self._words.strongest(patches_PD, class_logits_PC)
        return self._normalised(words, weights)[0]

    def _normalised(
        self, words: npt.NDArray[np.int64], weights: FloatArray
    ) -> tuple[LexicalVector, np.float32]:
        """Return the vector of some words, and the length that they were divided by."""
        length = np.float32(max(float(np.linalg.norm(weights)), _LEAST_LENGTH))
        unit = (weights / length).astype(np.float32)
        kept = unit > least_weight(self._config.threshold)
        return LexicalVector(words[kept].astype(np.int32), unit[kept], self._vocabulary), length

    def _encode_patches(self, found: _Patches) -> PatchEncoding:
        weights_PV = self._words.of_patches(found.patches_BPD[0], found.class_logits(0))
        weights_V = weights_PV.max(0)
        words = self._words.kept(weights_V)
        vector, length = self._normalised(words, weights_V[words])
        winners = weights_PV[:, vector.term_ids].argmax(0).astype(np.int32)
        if self._config.threshold > 0:
            # As :meth:`lexret.encoders.model.ImageEncoder.encode_patches` cuts a patch's words.
            norms_P1 = np.minimum(np.linalg.norm(weights_PV, axis=1, keepdims=True), length)
            least_P1 = norms_P1 * least_weight(self._config.threshold)
            weights_PV = np.where(weights_PV > least_P1, weights_PV, np.float32(0))
        patches = SparseBatch.from_dense(weights_PV / length, self._vocabulary)
        return PatchEncoding(vector, patches, self._grid, winners)


def usable_processors() -> int:
    """Return how many processors this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return (len(usable(0)) if usable else os.cpu_count()) or 1


def _chunks(items: Sequence[Image.Image], size: int) -> Iterator[Sequence[Image.Image]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _image_tensors(record: ModelRecord) -> dict[str, FloatArray]:
    """Return the image side's tensors in float32, their prefix left out."""
    from safetensors import SafetensorError, safe_open

    path: Path = record.verify(WEIGHTS_FILE)
    try:
        with safe_open(path, "numpy") as stored:
            names: list[str] = [name for name in stored.keys() if name.startswith(_PREFIX)]  # noqa: SIM118 (no mapping)
            found: dict[str, Any] = {
                name.removeprefix(_PREFIX): stored.get_tensor(name).astype(np.float32)
                for name in names
            }
    except (SafetensorError, TypeError) as error:  # TypeError: of a type that numpy lacks
        raise CorruptError(
            f"{path} is not a safetensors file of float16 or float32: {error}."
        ) from error
    return found


def _head_weights(
    tensors: dict[str, FloatArray], config: ImageConfig, num_words: int, dimension: int
) -> HeadWeights:
    def take(name: str, *shape: int) -> FloatArray:
        found = tensors.get(name)
        if found is None or found.shape != shape:
            what = "missing" if found is None else f"of shape {found.shape}"
            raise CorruptError(
                f"The checkpoint does not fit its configuration: image.{name} is {what}; the "
                f"vocabulary and the configuration ask for {shape}."
            )
        return found

    evidence = None
    if config.class_evidence:
        num_entries = len(tensors.get("evidence.words_N", ()))
        words_N, table_N, rare_N = (
            take(f"evidence.{name}", num_entries) for name in ("words_N", "table_N", "rare_N")
        )
        evidence = EvidenceTable.of_tensors(words_N, table_N, rare_N, share=config.class_evidence)
    # Models that were made before base rates were measured have none.
    tensors.setdefault("base_rate_V", np.zeros(num_words, np.float32))
    return HeadWeights(
        codebook_VD=take("codebook_VD", num_words, dimension),
        bias_V=take("bias_V", num_words),
        base_rate_V=take("base_rate_V", num_words),
        evidence=evidence,
    )
