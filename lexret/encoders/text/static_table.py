"""Tables of a static text encoder, and their file.

:mod:`lexret.encoders.text.static_encoder` says what the numbers mean. Legend: V words of the
vocabulary, R >= V rows (words of the vocabulary, further words, pairs of words), C coordinates.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lexret.errors import CorruptError
from lexret.files.tensors import map_tensors
from lexret.files.text import parse_json
from lexret.sparse import FloatArray

STATIC_FORMAT: Final = 2
LEVELS: Final = 127
_HEADER: Final = "static_text"


@dataclass(frozen=True)
class StaticSettings:
    """Settings of a static encoder: what it takes over from its model, what its rows stand for.

    Attributes:
        vocabulary: fingerprint of the tables' vocabulary.
        imitates: SHA-256 of the weights' file of the model that it imitates.
        activation: see :mod:`lexret.encoders.activations`.
        max_words: strongest words that a text keeps.
        own_word_floor: least activation of a word that the text holds, which is then always kept;
            None: it is a word like any other.
        cosine_scale: length of a text's vector; None: as it comes.
        least_length: a text that holds no word of the vocabulary and whose rows add up to less
            has no active words.
        further_words: words that are not in the vocabulary and have a row, in their order.
        pairs: two tokens with a space between, which have a row where they follow each other.
    """

    vocabulary: str
    imitates: str
    activation: str
    max_words: int
    own_word_floor: float | None
    cosine_scale: float | None = None
    least_length: float = 0.0
    further_words: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class QuantizedMatrix:
    """Matrix in 8 bits: ``levels_NC * scale_N``, off by half a scale at most."""

    levels_NC: npt.NDArray[np.int8]
    scale_N: FloatArray

    @classmethod
    def of(cls, matrix_NC: FloatArray) -> QuantizedMatrix:
        """Round each row to steps of its largest number over :data:`LEVELS`."""
        scale_N = (np.abs(matrix_NC).max(axis=1, initial=0.0) / LEVELS).astype(np.float32)
        divisor_N = np.where(scale_N > 0, scale_N, np.float32(1.0))
        return cls(np.rint(matrix_NC / divisor_N[:, None]).astype(np.int8), scale_N)

    def rows(self, numbers: list[int]) -> FloatArray:
        """Return (len(numbers), C) rows of the matrix."""
        found: FloatArray = self.levels_NC[numbers] * self.scale_N[numbers, None]
        return found

    def problem(self, shape: tuple[int, int]) -> str | None:
        """Say what is wrong with the arrays, if anything is."""
        if self.levels_NC.dtype != np.int8 or self.levels_NC.shape != shape:
            return f"expected rows of shape {shape}, found {self.levels_NC.shape}"
        if self.scale_N.shape != shape[:1] or not np.isfinite(self.scale_N).all():
            return f"expected {shape[0]} finite scales"
        return None


@dataclass(frozen=True, eq=False)
class StaticTable:
    """Learnt numbers of a static text encoder.

    Attributes:
        rows: (R, C), what each word, further word and pair adds to a text's vector.
        base_C: (C,) float32, what every text's vector starts from.
        codebook: (V, C), the direction in which each word of the vocabulary lies.
        bias_V: (V,) float32.
        own_V: (V,) float32, added to the logit of a word that the text holds.
    """

    rows: QuantizedMatrix
    base_C: FloatArray
    codebook: QuantizedMatrix
    bias_V: FloatArray
    own_V: FloatArray

    def problem(self, *, num_words: int, num_rows: int) -> str | None:
        """Say what is wrong with the arrays, if anything is."""
        if self.base_C.ndim != 1 or not np.isfinite(self.base_C).all():
            return "its base is not a list of finite numbers"
        if any(array.shape != (num_words,) for array in (self.bias_V, self.own_V)):
            return f"expected numbers of {num_words} words"
        if not all(np.isfinite(array).all() for array in (self.bias_V, self.own_V)):
            return "a number is NaN or infinite"
        size = len(self.base_C)
        return self.rows.problem((num_rows, size)) or self.codebook.problem((num_words, size))


def save_static_table(path: Path, table: StaticTable, settings: StaticSettings) -> None:
    """Write the file of a static text encoder; the same values give the same bytes."""
    from safetensors.numpy import save_file

    header = {"format": STATIC_FORMAT, **asdict(settings)}
    save_file(_arrays(table), path, metadata={_HEADER: json.dumps(header)})
    # safetensors makes its files private to their owner.
    path.chmod(0o644)


def read_static_table(path: Path) -> tuple[StaticSettings, StaticTable]:
    """Open the file of a static text encoder; whether it fits a vocabulary is not checked.

    The arrays are memory-mapped.

    Raises:
        CorruptError: if it is not such a file, or of another format.
    """
    try:
        metadata, arrays = map_tensors(path)
        header = parse_json(metadata.get(_HEADER, "null"))
    except (OSError, ValueError) as error:
        raise CorruptError(f"{path} cannot be read: {error}.") from error
    if not isinstance(header, dict) or header.pop("format", None) != STATIC_FORMAT:
        raise CorruptError(
            f"{path} is of another format; this lexret reads {STATIC_FORMAT}. Make it again with "
            "`lexret distill`."
        )
    try:
        for name in ("further_words", "pairs"):
            header[name] = tuple(header.get(name, ()))
        return StaticSettings(**header), _table(arrays)
    except (TypeError, KeyError) as error:
        raise CorruptError(f"{path} is not a static text encoder: {error}.") from error


def _arrays(table: StaticTable) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays by their names in the file; a matrix is two of them."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name in (field.name for field in fields(StaticTable)):
        value = getattr(table, name)
        if isinstance(value, QuantizedMatrix):
            arrays[name], arrays[f"{name}.scale"] = value.levels_NC, value.scale_N
        else:
            arrays[name] = value
    return arrays


def _table(arrays: dict[str, npt.NDArray[Any]]) -> StaticTable:
    def matrix(name: str) -> QuantizedMatrix:
        return QuantizedMatrix(arrays.pop(name), arrays.pop(f"{name}.scale"))

    rows, codebook = matrix("rows"), matrix("codebook")
    return StaticTable(rows=rows, codebook=codebook, **arrays)
