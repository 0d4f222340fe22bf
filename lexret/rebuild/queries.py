"""Queries of soft tokens: a picture, alone or followed by words, through the text encoder.

Legend: B pictures, n soft tokens, H hidden size of the text encoder, V words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from lexret.encoders.image.pixels import square_pixels
from lexret.encoders.model.vectors import text_vectors
from lexret.encoders.text.text_side import own_words
from lexret.errors import InputError
from lexret.rebuild.choice import unit_pixels
from lexret.rebuild.model import RebuildModel
from lexret.rebuild.prepared import PreparedPictures, averaged_fields
from lexret.sparse import FloatArray, SparseBatch

if TYPE_CHECKING:
    from lexret.encoders.lexical_model import LexicalModel

_AT_ONCE = 64


def queries_of_pictures(
    model: RebuildModel,
    lexical: LexicalModel,
    images: Sequence[Image.Image],
    texts: Sequence[str] | None = None,
) -> SparseBatch:
    """Return one query a picture: "like this", or followed by a text, "like this, at night".

    Any index of the lexical model takes them: ``index.search(queries)``.

    Args:
        images: RGB and upright, as :func:`lexret.open_photo` reads them.
        texts: one each, such as "at night".

    Raises:
        InputError: if the model has no soft tokens, or there are not as many texts as pictures.
    """
    side = model.config.side
    pixels = [square_pixels(image, side).transpose(1, 2, 0) for image in images]
    features_BPF = lexical.torch_images.features(images)
    coarse_BRF = averaged_fields(features_BPF.numpy())
    soft_BnH = _soft_tokens(model, np.stack(pixels), coarse_BRF)
    return queries_of_soft_tokens(model, lexical, soft_BnH, texts)


def soft_tokens(model: RebuildModel, pictures: PreparedPictures) -> FloatArray:
    """Return (B, n, H) float32 soft tokens of pictures.

    Raises:
        InputError: if the model has none, or its encoder needs a text.
    """
    return _soft_tokens(model, pictures.pixels, pictures.coarse)


@torch.inference_mode()
def _soft_tokens(
    model: RebuildModel, pixels_BSS3: npt.NDArray[np.uint8], coarse_BRF: npt.NDArray[Any]
) -> FloatArray:
    if not model.config.soft.num_tokens:
        raise InputError("This rebuilding model has no soft tokens; train one with some.")
    if model.config.text != "none":
        raise InputError(
            "A text conditions this rebuilding model's encoder; soft tokens of pictures alone need "
            "one with network.text = 'none'."
        )
    found = []
    for start in range(0, len(pixels_BSS3), _AT_ONCE):
        coarse = torch.from_numpy(np.asarray(coarse_BRF[start : start + _AT_ONCE], np.float32))
        seen = model.see(unit_pixels(pixels_BSS3[start : start + _AT_ONCE]), coarse)
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
    """Return one L2-normalised query each: soft tokens, followed by a text if there are texts.

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
