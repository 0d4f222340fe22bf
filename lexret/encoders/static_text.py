"""The static text encoder: a learnt table from words to weighted words, without a network.

It imitates the model's contextual text encoder (:class:`lexret.encoders.model.TextEncoder`) and
needs nothing but numpy. With S the distinct words of the vocabulary in a text, found as phrases
first, the logit of word v is ::

    (base[v] + sum over w in S of table[w, v]) / sqrt(1 + sum over w in S of gate[w])
        + bias[v] + (own[v] if v in S)

and what follows is what the contextual encoder does: the model's activation, a floor for the
text's own words, the ``max_words`` strongest words, unit length. The quotient stands for the
fixed length of a text's vector, which its words share.

Legend: V words, S words of a text, E stored entries of the table.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lexret.encoders.model_folder import (
    STATIC_TEXT_FILE,
    WEIGHTS_FILE,
    ModelRecord,
    find_model,
    read_record,
)
from lexret.errors import CorruptError, MismatchError, MissingError
from lexret.sparse import FloatArray, LexicalVector, OffsetArray, SparseBatch
from lexret.vocabulary import Vocabulary

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
    """

    vocabulary: str
    imitates: str
    activation: str
    max_words: int
    own_word_floor: float


@dataclass(frozen=True, eq=False)
class StaticTable:
    """The learnt numbers: sparse rows of signed logits, and five numbers a word.

    Attributes:
        indptr: (V + 1,) int64, where each word's row begins in the two arrays that follow.
        term_ids: (E,) integers in [0, V), strictly rising within a row.
        levels: (E,) int8; ``level * row_scale`` is the entry.
        row_scale: (V,) float32, largest entry of the row over :data:`LEVELS`.
        gate: (V,) float32 >= 0, how much a word lengthens a text.
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
        term_ids_VK: npt.NDArray[np.integer[Any]],
        entries_VK: FloatArray,
        *,
        gate: FloatArray,
        base: FloatArray,
        bias: FloatArray,
        own: FloatArray,
    ) -> StaticTable:
        """Store K entries a word in 8 bits each; those that round to zero are left out.

        An entry is off by at most half a ``row_scale``: 0.4% of the row's largest.

        Args:
            term_ids_VK: distinct within a row, in any order.
        """
        num_words = len(entries_VK)
        order_VK = np.argsort(term_ids_VK, axis=1)
        ids_VK = np.take_along_axis(term_ids_VK, order_VK, axis=1)
        sorted_VK = np.take_along_axis(entries_VK, order_VK, axis=1)
        row_scale = (np.abs(sorted_VK).max(axis=1) / LEVELS).astype(np.float32)
        divisor_V1 = np.where(row_scale > 0, row_scale, 1.0)[:, None]
        levels_VK = np.rint(sorted_VK / divisor_V1).astype(np.int8)
        kept_VK = levels_VK != 0
        indptr = np.zeros(num_words + 1, dtype=np.int64)
        np.cumsum(kept_VK.sum(axis=1), out=indptr[1:])
        narrow = np.uint16 if num_words <= _MAX_NARROW_ID else np.int32
        return cls(
            indptr=indptr,
            term_ids=ids_VK[kept_VK].astype(narrow),
            levels=levels_VK[kept_VK],
            row_scale=row_scale,
            gate=gate,
            base=base,
            bias=bias,
            own=own,
        )

    def row(self, word: int) -> tuple[npt.NDArray[np.integer[Any]], FloatArray]:
        """Return the ids and the entries of a word's row."""
        start, end = self.indptr[word], self.indptr[word + 1]
        return self.term_ids[start:end], self.levels[start:end] * self.row_scale[word]

    def problem(self, num_words: int) -> str | None:
        """Say what is wrong with the arrays, if anything is."""
        per_word = (self.row_scale, self.gate, self.base, self.bias, self.own)
        num_entries = len(self.term_ids)
        if any(array.shape != (num_words,) for array in per_word):
            return f"expected {num_words} numbers of each kind"
        if not all(np.isfinite(array).all() for array in per_word):
            return "a number is NaN or infinite"
        rises = self.indptr.shape == (num_words + 1,) and bool((np.diff(self.indptr) >= 0).all())
        if not rises or self.indptr[0] != 0 or self.indptr[-1] != num_entries:
            return f"its rows do not cover its {num_entries} entries"
        if len(self.levels) != num_entries or (num_entries and self.term_ids.max() >= num_words):
            return "its entries do not fit the vocabulary"
        return None


class StaticTextEncoder:
    """Texts to sparse vectors by a table; implements :class:`~lexret.encoders.protocol.Encoder`."""

    def __init__(
        self, table: StaticTable, settings: StaticSettings, vocabulary: Vocabulary, *, model_id: str
    ) -> None:
        self._table = table
        self._settings = settings
        self._vocabulary = vocabulary
        self._model_id = model_id

    @property
    def vocabulary(self) -> Vocabulary:
        """The words that the vectors weigh."""
        return self._vocabulary

    @property
    def model_id(self) -> str:
        """Identity of the model, the same as that of its contextual encoder."""
        return self._model_id

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> SparseBatch:
        """Return one L2-normalised vector a text.

        A text keeps its ``max_words`` strongest words; its own words are always among them. A
        text without any word of the vocabulary gets what the biases alone say, mostly nothing.

        Args:
            batch_size: has no effect; texts are encoded one by one.
        """
        return SparseBatch.from_vectors([self._encode(text) for text in texts], self._vocabulary)

    def _encode(self, text: str) -> LexicalVector:
        own_S = np.unique(np.array(self._vocabulary.match(text)[0], dtype=np.int64))
        weights_V = self._activations(own_S)
        kept = _strongest(weights_V, own_S, self._settings.max_words)
        weights = weights_V[kept]
        norm = np.sqrt(np.square(weights, dtype=np.float64).sum())
        normalized = (weights / norm).astype(np.float32) if len(kept) else weights
        return LexicalVector(kept.astype(np.int32), normalized, self._vocabulary)

    def _activations(self, own_S: npt.NDArray[np.int64]) -> FloatArray:
        table, settings = self._table, self._settings
        logits_V = table.base.copy()
        for word in own_S.tolist():
            term_ids, entries = table.row(word)
            logits_V[term_ids] += entries
        logits_V /= np.sqrt(1.0 + table.gate[own_S].sum(), dtype=np.float32)
        logits_V += table.bias
        logits_V[own_S] += table.own[own_S]
        weights_V = _activate(logits_V, settings.activation)
        weights_V[own_S] = np.maximum(weights_V[own_S], np.float32(settings.own_word_floor))
        return weights_V


def load_static_text(
    source: str | Path, *, vocabulary: Vocabulary | None = None
) -> StaticTextEncoder:
    """Load the static text encoder of a shipped model, by name, or of a model folder, by path.

    Only the static part is read and checked; the model's other weights may be missing.

    Args:
        vocabulary: the model's own, where it is in memory already; else it is read.

    Raises:
        MissingError: if there is no such model, or it has no static text encoder.
        MismatchError: if ``vocabulary`` is another one.
        CorruptError: if a file is damaged or not of this model.
    """
    return static_text_of(read_record(find_model(source)), vocabulary=vocabulary)


def static_text_of(
    record: ModelRecord, *, vocabulary: Vocabulary | None = None
) -> StaticTextEncoder:
    """Do as :func:`load_static_text` for a model folder whose record was read."""
    if not record.has_static_text:
        raise MissingError(
            f"The model at {record.folder} has no static text encoder. Use the contextual one, or "
            "make one with `lexret distill`."
        )
    path = record.verify(STATIC_TEXT_FILE)
    settings, table = _read(path)
    if settings.imitates != record.sha256[WEIGHTS_FILE]:
        raise CorruptError(f"{path} imitates another model's text encoder. Make it anew.")
    words = record.vocabulary() if vocabulary is None else vocabulary
    if settings.vocabulary != words.fingerprint:
        raise MismatchError(
            f"Vocabularies differ: {path} is for {settings.vocabulary[:12]}, found "
            f"{len(words)} words ({words.fingerprint[:12]})."
        )
    problem = table.problem(len(words))
    if problem:
        raise CorruptError(f"{path} is not a static text encoder: {problem}.")
    return StaticTextEncoder(table, settings, words, model_id=record.model_id)


def save_static_table(path: Path, table: StaticTable, settings: StaticSettings) -> None:
    """Write the file of a static text encoder; the same values give the same bytes."""
    from safetensors.numpy import save_file

    arrays = {one.name: getattr(table, one.name) for one in fields(StaticTable)}
    header = {"format": STATIC_FORMAT, **asdict(settings)}
    save_file(arrays, path, metadata={_HEADER: json.dumps(header)})
    # safetensors makes its files private to their owner.
    path.chmod(0o644)


def _read(path: Path) -> tuple[StaticSettings, StaticTable]:
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
        return StaticSettings(**header), StaticTable(**arrays)
    except TypeError as error:
        raise CorruptError(f"{path} is not a static text encoder: {error}.") from error


def _activate(logits_V: FloatArray, activation: str) -> FloatArray:
    """Do as :func:`lexret.encoders.activations.activate`, in numpy."""
    if activation == "log1p_relu":
        return np.log1p(np.maximum(logits_V, np.float32(0.0)))
    return np.where(logits_V > 0, logits_V + 1, np.exp(np.minimum(logits_V, np.float32(0.0))))


def _strongest(
    weights_V: FloatArray, own_S: npt.NDArray[np.int64], k: int
) -> npt.NDArray[np.int64]:
    """Return the ids of the ``k`` strongest positive words, rising; own words before all others."""
    active = np.flatnonzero(weights_V > 0)
    if len(active) <= k:
        return active
    others = np.setdiff1d(active, own_S, assume_unique=True)
    num_others = max(0, k - len(own_S))
    # Equal weights: the lower id stays, as everywhere.
    order = np.lexsort((others, -weights_V[others]))[:num_others]
    return np.sort(np.concatenate([own_S, others[order]]))
