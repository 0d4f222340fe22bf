"""The table of a static text encoder, and its file.

:mod:`lexret.encoders.static_text` says what the numbers mean. Legend: V words of the vocabulary,
R >= V rows, E stored entries, K entries a row before rounding.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lexret.errors import CorruptError
from lexret.sparse import FloatArray, OffsetArray

STATIC_FORMAT: Final = 1
LEVELS: Final = 127
_MAX_NARROW_ID: Final = np.iinfo(np.uint16).max
_HEADER: Final = "static_text"


@dataclass(frozen=True)
class StaticSettings:
    """What a static encoder takes over from its model.

    Attributes:
        vocabulary: fingerprint of the words that the table is about.
        imitates: SHA-256 of the weights' file of the model that it imitates.
        activation: ``log1p_relu`` or ``elu1p``, see :mod:`lexret.encoders.activations`.
        max_words: strongest words that a text keeps.
        own_word_floor: least activation of a word that the text holds.
        further_words: words that are not in the vocabulary and have a row, in their order.
    """

    vocabulary: str
    imitates: str
    activation: str
    max_words: int
    own_word_floor: float
    further_words: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class StaticTable:
    """The learnt numbers: sparse rows of signed logits, and a few numbers for each word.

    Attributes:
        indptr: (R + 1,) int64, where each word's row begins in the two arrays that follow.
        term_ids: (E,) integers in [0, V), strictly rising within a row.
        levels: (E,) int8; ``level * row_scale`` is the entry.
        row_scale: (R,) float32, largest entry of the row over :data:`LEVELS`.
        gate: (R,) float32 >= 0, how much a word lengthens a text.
        base: (V,) float32, what every text says.
        bias: (V,) float32.
        own: (V,) float32, added to the logit of a word that the text holds.
    """

    indptr: OffsetArray
    term_ids: npt.NDArray[np.integer[Any]]
    levels: npt.NDArray[np.int8]
    row_scale: FloatArray
    gate: FloatArray
    base: FloatArray
    bias: FloatArray
    own: FloatArray

    @classmethod
    def quantized(
        cls,
        term_ids_RK: npt.NDArray[np.integer[Any]],
        entries_RK: FloatArray,
        *,
        gate: FloatArray,
        base: FloatArray,
        bias: FloatArray,
        own: FloatArray,
    ) -> StaticTable:
        """Store K entries a word in 8 bits each; those that round to zero are left out.

        An entry is off by at most half a ``row_scale``: 0.4% of the row's largest.

        Args:
            term_ids_RK: distinct within a row, in any order.
        """
        order_RK = np.argsort(term_ids_RK, axis=1)
        ids_RK = np.take_along_axis(term_ids_RK, order_RK, axis=1)
        sorted_RK = np.take_along_axis(entries_RK, order_RK, axis=1)
        row_scale = (np.abs(sorted_RK).max(axis=1) / LEVELS).astype(np.float32)
        divisor_R1 = np.where(row_scale > 0, row_scale, 1.0)[:, None]
        levels_RK = np.rint(sorted_RK / divisor_R1).astype(np.int8)
        kept_RK = levels_RK != 0
        indptr = np.zeros(len(entries_RK) + 1, dtype=np.int64)
        np.cumsum(kept_RK.sum(axis=1), out=indptr[1:])
        narrow = np.uint16 if len(bias) <= _MAX_NARROW_ID else np.int32
        return cls(
            indptr=indptr,
            term_ids=ids_RK[kept_RK].astype(narrow),
            levels=levels_RK[kept_RK],
            row_scale=row_scale,
            gate=gate,
            base=base,
            bias=bias,
            own=own,
        )

    def row(self, i: int) -> tuple[npt.NDArray[np.integer[Any]], FloatArray]:
        """Return the ids and the entries of a row."""
        start, end = self.indptr[i], self.indptr[i + 1]
        return self.term_ids[start:end], self.levels[start:end] * self.row_scale[i]

    def problem(self, *, num_words: int, num_rows: int) -> str | None:
        """Say what is wrong with the arrays, if anything is."""
        per_row, per_word = (self.row_scale, self.gate), (self.base, self.bias, self.own)
        num_entries = len(self.term_ids)
        if any(array.shape != (num_rows,) for array in per_row):
            return f"expected numbers of {num_rows} rows"
        if any(array.shape != (num_words,) for array in per_word):
            return f"expected numbers of {num_words} words"
        if not all(np.isfinite(array).all() for array in (*per_row, *per_word)):
            return "a number is NaN or infinite"
        rises = self.indptr.shape == (num_rows + 1,) and bool((np.diff(self.indptr) >= 0).all())
        if not rises or self.indptr[0] != 0 or self.indptr[-1] != num_entries:
            return f"its rows do not cover its {num_entries} entries"
        if len(self.levels) != num_entries or (num_entries and self.term_ids.max() >= num_words):
            return "its entries do not fit the vocabulary"
        return None


def save_static_table(path: Path, table: StaticTable, settings: StaticSettings) -> None:
    """Write the file of a static text encoder; the same values give the same bytes."""
    from safetensors.numpy import save_file

    arrays = {one.name: getattr(table, one.name) for one in fields(StaticTable)}
    header = {"format": STATIC_FORMAT, **asdict(settings)}
    save_file(arrays, path, metadata={_HEADER: json.dumps(header)})
    # safetensors makes its files private to their owner.
    path.chmod(0o644)


def read_static_table(path: Path) -> tuple[StaticSettings, StaticTable]:
    """Read the file of a static text encoder; whether it fits a vocabulary is not checked.

    Raises:
        CorruptError: if it is not such a file, or of another format.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {}).get(_HEADER, "null"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, json.JSONDecodeError) as error:
        raise CorruptError(f"{path} cannot be read: {error}.") from error
    if not isinstance(header, dict) or header.pop("format", None) != STATIC_FORMAT:
        raise CorruptError(f"{path} is of another format; this lexret reads {STATIC_FORMAT}.")
    try:
        further = tuple(header.pop("further_words", ()))
        return StaticSettings(**header, further_words=further), StaticTable(**arrays)
    except TypeError as error:
        raise CorruptError(f"{path} is not a static text encoder: {error}.") from error
