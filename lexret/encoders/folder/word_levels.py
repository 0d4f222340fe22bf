"""Levels of words: the weight from which a model's word is held to be true of a picture.

A weight means something only against how often the word fires anyway, and how often it is right
when it does. The levels are learnt from pictures whose contents are known (``lexret eval held-words
--save``) and stored in the model's folder.
"""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np

from lexret.encoders.folder.record import WEIGHTS_FILE, ModelRecord
from lexret.errors import CorruptError, StorageError
from lexret.files.tensors import map_tensors
from lexret.files.whole import replace_file
from lexret.sparse import FloatArray

LEVELS_FILE: Final = "word_levels.safetensors"
_FORMAT: Final = "1"
_NAME: Final = "levels_V"


def read_word_levels(record: ModelRecord) -> FloatArray | None:
    """Return (V,) the level of each word, in weights of vectors of unit length.

    Returns:
        ``None`` where the model has no levels: then every weight counts.

    Raises:
        CorruptError: if the file is damaged or of another model.
    """
    path = record.folder / LEVELS_FILE
    if not path.is_file():
        return None
    remedy = "Make it anew with lexret eval held-words --save, or delete it."
    try:
        metadata, arrays = map_tensors(path)
        stored_V = arrays[_NAME]
    except (OSError, ValueError, KeyError) as error:
        raise CorruptError(f"{path} cannot be read: {error}. {remedy}") from error
    if metadata.get("format") != _FORMAT or metadata.get("weights") != record.sha256[WEIGHTS_FILE]:
        raise CorruptError(
            f"{path} has format {metadata.get('format')!r} and belongs to the weights "
            f"{str(metadata.get('weights'))[:12]}; expected {_FORMAT!r} and "
            f"{record.sha256[WEIGHTS_FILE][:12]}. {remedy}"
        )
    is_valid = stored_V.shape == (record.num_words,) and stored_V.dtype == np.float16
    if not is_valid or not np.isfinite(stored_V).all() or (stored_V < 0).any():
        raise CorruptError(
            f"{path} holds levels of shape {stored_V.shape} and type {stored_V.dtype}; expected "
            f"{record.num_words} finite numbers of float16, none below 0. {remedy}"
        )
    levels_V: FloatArray = stored_V.astype(np.float32)
    return levels_V


def save_word_levels(record: ModelRecord, levels_V: FloatArray, data: dict[str, Any]) -> None:
    """Write the levels of a model's words into its folder, in half precision, whole or not at all.

    Args:
        data: what they were learnt from.

    Raises:
        StorageError: if the folder cannot be written.
    """
    from safetensors.numpy import save

    metadata = {
        "format": _FORMAT,
        "weights": record.sha256[WEIGHTS_FILE],
        "data": json.dumps(data, sort_keys=True),
    }
    path = record.folder / LEVELS_FILE
    try:
        replace_file(path, save({_NAME: levels_V.astype(np.float16)}, metadata))
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from error
