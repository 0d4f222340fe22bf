"""Static text encoder: learnt tables in place of a network.

It imitates the model's contextual text encoder (:class:`lexret.encoders.model.TextEncoder`) and
needs nothing but numpy. With S the distinct rows of a text, its vector is ::

    x = base + sum over r in S of rows[r]
    z = cosine_scale x / |x|        (x / sqrt(1 + |S|) for a model without a cosine_scale)

and the logit of word v is ``codebook[v] . z + bias[v] + (own[v] if v stands in the text)``.

The words of the vocabulary have rows (phrases are looked for first), and so have further words of
the captions that it was taught with ("biker" and "above" are not words of the vocabulary, but
they mean something) and pairs of words that often follow each other ("black dog", "on a"). The
coordinates are the leading ones of the contextual encoder's vectors; ``codebook`` is the model's,
in them.

Words that say nothing have short rows: a text of them alone, |x| < ``least_length``, has no active
words. Otherwise the rest is as in the contextual encoder: the model's activation, a floor for
the text's own words, the ``max_words`` strongest words, unit length, the model's threshold.

Legend: V words of the vocabulary, C coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.arguments import require_several
from lexret.encoders.folder.record import (
    STATIC_TEXT_FILE,
    WEIGHTS_FILE,
    ModelRecord,
    find_model,
    read_record,
)
from lexret.encoders.text.queries import QueryForm, as_queries
from lexret.encoders.text.static_table import StaticSettings, StaticTable, read_static_table
from lexret.encoders.threshold import least_weight
from lexret.errors import CorruptError, MismatchError, MissingError
from lexret.sparse import FloatArray, LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary, tokenize

# As torch.nn.functional.normalize has it.
_LEAST_LENGTH: Final = 1e-12


class TableRows:
    """Lookup of the table rows of a text.

    Args:
        further_words: lower-case tokens that are not in the vocabulary.
        pairs: two tokens each, with a space between.
    """

    def __init__(
        self, vocabulary: Vocabulary, further_words: Sequence[str] = (), pairs: Sequence[str] = ()
    ) -> None:
        self._vocabulary = vocabulary
        first = len(vocabulary)
        self._further = {word: first + i for i, word in enumerate(further_words)}
        first += len(further_words)
        self._pairs = {pair: first + i for i, pair in enumerate(pairs)}
        self._num_rows = first + len(pairs)

    def __len__(self) -> int:
        return self._num_rows

    def of(self, text: str) -> list[int]:
        """Return the distinct rows of a text, rising: first those of the vocabulary's words."""
        term_ids, others = self._vocabulary.match(text)
        further = (self._further[token] for token in others if token in self._further)
        pairs = (self._pairs[pair] for pair in token_pairs(text) if pair in self._pairs)
        return sorted({*term_ids, *further, *pairs})


def token_pairs(text: str) -> list[str]:
    """Return each two tokens of a text that follow each other, with a space between."""
    tokens = tokenize(text)
    return [f"{left} {right}" for left, right in pairwise(tokens)]


class StaticTextEncoder:
    """Encoder of texts by tables; implements :class:`~lexret.encoders.protocol.QueryEncoder`."""

    def __init__(
        self,
        table: StaticTable,
        settings: StaticSettings,
        vocabulary: Vocabulary,
        *,
        model_id: str,
        query_form: QueryForm | None = None,
        threshold: float = 0.0,
    ) -> None:
        self._query_form = query_form or QueryForm()
        self._threshold = threshold
        self._table = table
        self._settings = settings
        self._vocabulary = vocabulary
        self._model_id = model_id
        self._rows = TableRows(vocabulary, settings.further_words, settings.pairs)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words that the vectors weigh."""
        return self._vocabulary

    @property
    def model_id(self) -> str:
        """Identity of the model, the same as that of its contextual encoder."""
        return self._model_id

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> SparseBatch:
        """Return one vector a text, as a document; to search use encode_queries.

        A text keeps its ``max_words`` strongest words; the vector has length 1 before it is cut by
        the model's threshold. The text's own words are always kept, if ``own_word_floor`` is set.
        A text whose words are all unknown, or say nothing, gets an empty vector.

        Args:
            batch_size: has no effect; texts are encoded one by one.

        Raises:
            InputError: if it is not given a list of texts.
        """
        require_several(texts, "texts", of=(str,))
        return SparseBatch.from_vectors([self._encode(text) for text in texts], self._vocabulary)

    def encode_queries(self, texts: Sequence[str], *, batch_size: int = 32) -> SparseBatch:
        """Return one L2-normalised query a text; see :mod:`lexret.encoders.text.queries`."""
        return self.queries_of(self.encode(texts, batch_size=batch_size), texts)

    def queries_of(self, documents: SparseBatch, texts: Sequence[str]) -> SparseBatch:
        """Do as :meth:`encode_queries` from what :meth:`encode` made of the texts."""
        return as_queries(documents, texts, self._query_form)

    def _encode(self, text: str) -> LexicalVector:
        rows = self._rows.of(text)
        own = np.array([row for row in rows if row < len(self._vocabulary)], dtype=np.int64)
        x_C = self._table.base_C + self._table.rows.rows(rows).sum(axis=0, dtype=np.float32)
        length = float(np.linalg.norm(x_C))
        if not len(own) and length < self._settings.least_length:
            return LexicalVector(own.astype(np.int32), x_C[:0], self._vocabulary)
        scale = self._settings.cosine_scale
        factor = (1.0 + len(rows)) ** -0.5 if scale is None else scale / max(length, _LEAST_LENGTH)
        weights_V = self._activations(x_C * np.float32(factor), own)
        always = own if self._settings.own_word_floor is not None else own[:0]
        kept = _strongest(weights_V, always, self._settings.max_words)
        weights = weights_V[kept]
        norm = np.sqrt(np.square(weights, dtype=np.float64).sum())
        normalized = (weights / norm).astype(np.float32) if len(kept) else weights
        if self._threshold > 0:
            above = (normalized > least_weight(self._threshold)) | np.isin(kept, always)
            kept, normalized = kept[above], normalized[above]
        return LexicalVector(kept.astype(np.int32), normalized, self._vocabulary)

    def _activations(self, vector_C: FloatArray, own: npt.NDArray[np.int64]) -> FloatArray:
        table, settings = self._table, self._settings
        # einsum turns the 8-bit numbers into floats piece by piece, within the processor's cache:
        # ten times faster than a product with a codebook of floats, which does not fit in there.
        sums_V = np.einsum("vc,c->v", table.codebook.levels_NC, vector_C)
        logits_V = sums_V * table.codebook.scale_N + table.bias_V
        logits_V[own] += table.own_V[own]
        weights_V = _activate(logits_V, settings.activation)
        if settings.own_word_floor is not None:
            weights_V[own] = np.maximum(weights_V[own], np.float32(settings.own_word_floor))
        return weights_V


def load_static_text(
    source: str | Path, *, vocabulary: Vocabulary | None = None
) -> StaticTextEncoder:
    """Load the static text encoder of a shipped model, by name, or of a model folder, by path.

    Only the static part is read and checked; the model's other weights may be missing.

    Args:
        vocabulary: the model's, where it is in memory already; None: it is read.

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
    settings, table = read_static_table(path)
    if settings.imitates != record.sha256[WEIGHTS_FILE]:
        raise CorruptError(f"{path} imitates another model's text encoder. Make it again.")
    words = record.vocabulary() if vocabulary is None else vocabulary
    if settings.vocabulary != words.fingerprint:
        raise MismatchError(
            f"Vocabularies differ: {path} is for {settings.vocabulary[:12]}, found "
            f"{len(words)} words ({words.fingerprint[:12]})."
        )
    num_rows = len(words) + len(settings.further_words) + len(settings.pairs)
    problem = table.problem(num_words=len(words), num_rows=num_rows)
    if problem:
        raise CorruptError(f"{path} is not a static text encoder: {problem}.")
    config = record.values["config"]
    return StaticTextEncoder(
        table,
        settings,
        words,
        model_id=record.model_id,
        query_form=QueryForm.of_config(config.get("text", {})),
        threshold=float(config.get("threshold", 0.0)),
    )


def _activate(logits_V: FloatArray, activation: str) -> FloatArray:
    """Do as :func:`lexret.encoders.activations.activate`, in numpy."""
    positive_V = np.maximum(logits_V, np.float32(0.0))
    if activation == "log1p_relu":
        return np.log1p(positive_V)
    if activation == "relu":
        return positive_V
    return np.where(logits_V > 0, logits_V + 1, np.exp(np.minimum(logits_V, np.float32(0.0))))


def _strongest(weights_V: FloatArray, own: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.int64]:
    """Return the ids of the ``k`` strongest positive words, rising; own words before all others."""
    active = np.flatnonzero(weights_V > 0)
    if len(active) <= k:
        return active
    is_own_V = np.zeros(len(weights_V), dtype=bool)
    is_own_V[own] = True
    others = active[~is_own_V[active]]
    num_others = max(0, k - len(own))
    # Equal weights: the lower id stays, as everywhere.
    order = np.lexsort((others, -weights_V[others]))[:num_others]
    return np.sort(np.concatenate([own, others[order]]))
