"""Queries of soft tokens: a picture, alone or with words behind it, through the text encoder.

Legend: B pictures, n soft tokens, H hidden size of the text encoder, V words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from lexret.encoders.model.vectors import text_vectors
from lexret.encoders.network import own_words
from lexret.errors import InputError
from lexret.rebuild.choice import unit_pixels
from lexret.rebuild.model import RebuildModel
from lexret.rebuild.prepared import PreparedPictures
from lexret.sparse import FloatArray, SparseBatch

if TYPE_CHECKING:
    from lexret.encoders.lexical_model import LexicalModel

_AT_ONCE = 64


@torch.inference_mode()
def soft_tokens(model: RebuildModel, pictures: PreparedPictures) -> FloatArray:
    """Return (B, n, H) float32 soft tokens of pictures.

    Raises:
        InputError: if the model has none.
    """
    if not model.config.soft.num_tokens:
        raise InputError("This rebuilding model has no soft tokens; train one with some.")
    found = []
    for start in range(0, len(pictures), _AT_ONCE):
        chunk = pictures.rows(slice(start, start + _AT_ONCE))
        coarse_BRF = torch.from_numpy(np.asarray(chunk.coarse, np.float32))
        ids_BK = torch.from_numpy(np.maximum(chunk.word_ids, 0).astype(np.int64))
        weights_BK = torch.from_numpy(np.asarray(chunk.word_weights, np.float32))
        seen = model.see(
            unit_pixels(chunk.pixels), coarse_BRF, words=model.words(ids_BK, weights_BK)
        )
        assert seen.soft_BnH is not None
        found.append(seen.soft_BnH.float())
    joined: FloatArray = torch.cat(found).numpy()
    return joined


@torch.inference_mode()
def queries_of_soft_tokens(
    model: RebuildModel,
    lexical: LexicalModel,
    soft_BnH: FloatArray,
    texts: Sequence[str] | None = None,
) -> SparseBatch:
    """Return one L2-normalised query each: soft tokens, and a text behind them if there are texts.

    Args:
        soft_BnH: as :func:`soft_tokens` gives them; fewer of the first ones may be given.
        texts: B texts, such as "at night".

    Raises:
        InputError: if the model has no soft tokens, or there are not as many texts as pictures.
    """
    if model.texts is None:
        raise InputError("This rebuilding model has no soft tokens; train one with some.")
    if texts is not None and len(texts) != len(soft_BnH):
        raise InputError(
            f"Found {len(texts)} texts beside soft tokens of {len(soft_BnH)} pictures."
        )
    checkpoint, vocabulary = lexical.checkpoint, lexical.vocabulary
    found = []
    for start in range(0, len(soft_BnH), _AT_ONCE):
        soft = torch.from_numpy(soft_BnH[start : start + _AT_ONCE])
        chunk = None if texts is None else list(texts[start : start + _AT_ONCE])
        own_BV = own_words(chunk or [""] * len(soft), vocabulary)
        pooled_BH = _pooled(model, soft, chunk)
        vectors_BD = model.texts.vectors(pooled_BH, own_BV)
        weights_BV = model.texts.side.word_logits(vectors_BD, own_BV)[1]
        documents = text_vectors(weights_BV.float(), own_BV, checkpoint.config, vocabulary)
        found.append(
            documents if chunk is None else lexical.contextual_text.queries_of(documents, chunk)
        )
    return SparseBatch.concatenate(found, vocabulary).normalized()


def _pooled(model: RebuildModel, soft_BnH: Tensor, texts: list[str] | None) -> Tensor:
    assert model.texts is not None
    ids_BT = None if texts is None else model.texts.token_ids(texts)
    kept_B = torch.full((len(soft_BnH),), soft_BnH.shape[1])
    return model.soft_outputs(soft_BnH, kept_B, ids_BT).pooled_BH
