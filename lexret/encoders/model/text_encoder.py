"""Encoder of texts in torch.

Legend: B items, D codebook dimension, V words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lexret.arguments import require_several
from lexret.config import ModelConfig
from lexret.encoders.folder.checkpoint import Checkpoint
from lexret.encoders.folder.loading import codebook_of, load_side
from lexret.encoders.model.computing import in_chunks, lowered, unit_rows
from lexret.encoders.model.vectors import text_vectors
from lexret.encoders.text.queries import QueryForm, as_queries
from lexret.encoders.text.text_side import TextSide, own_words
from lexret.encoders.text.transformer import TextTransformer
from lexret.encoders.tower_source import DIGEST, is_tower_source
from lexret.encoders.towers.text_side import TowerTexts
from lexret.sparse import Precision, SparseBatch
from lexret.vocabulary import Vocabulary


class TextEncoder:
    """Encoder of texts by a transformer; implements
    :class:`~lexret.encoders.protocol.QueryEncoder`."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        precision: Precision = "float32",
        device: torch.device | None = None,
    ) -> None:
        self._precision: Precision = precision
        self._device = device or torch.device("cpu")
        self._config = checkpoint.config
        self._model_id = checkpoint.model_id
        self._vocabulary = checkpoint.vocabulary
        transformer = _transformer(checkpoint.config)
        codebook_VD = codebook_of(checkpoint, "text.codebook_VD")
        self._side = TextSide(checkpoint.config, transformer, codebook_VD, self._vocabulary)
        load_side(self._side, checkpoint, "text.")
        self._side.to(self._device)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words that the vectors weigh."""
        return self._vocabulary

    @property
    def model_id(self) -> str:
        """Identity of the model."""
        return self._model_id

    @property
    def side(self) -> TextSide:
        """The network, for training that learns from it; do not change it."""
        return self._side

    @torch.inference_mode()
    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> SparseBatch:
        """Return one vector a text, as a document; to search use encode_queries.

        A text keeps its ``max_words`` strongest words; the vector has length 1 before it is cut by
        the model's threshold. The text's own words are always kept, if ``own_word_floor`` is set.

        Raises:
            InputError: if it is not given a list of texts.
        """
        require_several(texts, "texts", of=(str,))
        batches = []
        for chunk in in_chunks(texts, batch_size):
            own_BV = own_words(chunk, self._vocabulary)
            with lowered(self._precision, self._device):
                weights_BV = self._side(chunk, own_BV.to(self._device)).float().cpu()
            batches.append(text_vectors(weights_BV, own_BV, self._config, self._vocabulary))
        return SparseBatch.concatenate(batches, self._vocabulary)

    def encode_queries(self, texts: Sequence[str], *, batch_size: int = 32) -> SparseBatch:
        """Return one L2-normalised query a text; see :mod:`lexret.encoders.text.queries`."""
        return self.queries_of(self.encode(texts, batch_size=batch_size), texts)

    def queries_of(self, documents: SparseBatch, texts: Sequence[str]) -> SparseBatch:
        """Return the queries of :meth:`encode_queries` for vectors that :meth:`encode` gave."""
        text = self._config.text
        return as_queries(documents, texts, QueryForm(text.query_power, text.query_typed_weight))

    @torch.inference_mode()
    def encode_dense(
        self, texts: Sequence[str], *, batch_size: int = 32
    ) -> npt.NDArray[np.float32]:
        """Return (B, D) unit vectors of texts; see :meth:`ImageEncoder.encode_dense`."""
        rows = [self.vectors(chunk) for chunk in in_chunks(texts, batch_size)]
        return unit_rows(rows, self._side.codebook_VD.shape[1])

    def vectors(self, texts: Sequence[str]) -> Tensor:
        """Return (B, D) float32 texts in the codebook's space, not normalised, on the CPU."""
        own_BV = own_words(texts, self._vocabulary).to(self._device)
        with torch.no_grad(), lowered(self._precision, self._device):
            return self._side.vectors(texts, own_BV).float().cpu()


def _transformer(config: ModelConfig) -> TextTransformer | TowerTexts:
    if is_tower_source(config.text.backbone):
        digest = config.image.weights.removeprefix(DIGEST)
        return TowerTexts(config.text.backbone, config.text.prompt, fingerprint=digest)
    return TextTransformer(config.text)
