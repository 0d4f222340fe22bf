"""The matrices of a language model that hold one row a token: its codebook, in LexVLA's words.

There are two. With the rows of ``input_embeddings`` the model reads tokens; with those of
``lm_head`` it predicts the next one: the logit of a token is the product of its row and the last
hidden state. Small models often have one matrix for both ends (``tie_word_embeddings``).

Legend: V words, T tokens of the model, H hidden size.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from lexret.errors import CorruptError, InputError
from lexret.vocabulary import Vocabulary

# What the classes of transformers call the matrix.
_HEADS: Final = ("lm_head.weight", "embed_out.weight")
_SINGLE: Final = "model.safetensors"
_INDEX: Final = "model.safetensors.index.json"
# Marks of a word's beginning or its middle: SentencePiece, byte-level BPE, WordPiece.
_MARKS: Final = re.compile(r"^(\u2581|\u0120|##)")


def prediction_rows(net: Any, source: str) -> Tensor:
    """Return (T, H) rows with which a language model predicts tokens, read from its own files.

    Args:
        net: the model without its head, as it was loaded.
        source: the folder or hub name that it was loaded from.

    Raises:
        InputError: if the model has no such matrix.
        CorruptError: if its file is damaged.
    """
    for name in _HEADS:
        found = _stored(source, name)
        if found is not None:
            return found.float()
    if getattr(net.config, "tie_word_embeddings", False):
        rows: Tensor = net.get_input_embeddings().weight.detach()
        return rows.float()
    raise InputError(
        f"The text model {source!r} has no matrix that predicts tokens (looked for "
        f"{' and '.join(_HEADS)}); set model.codebook.matrix = 'input_embeddings'."
    )


def word_rows(
    vocabulary: Vocabulary, rows_TH: Tensor, tokenizer: Any, encode: Callable[[str], list[int]]
) -> Tensor:
    """Return (V, H) the row of each word's own token, or the mean of the rows of its tokens.

    Args:
        encode: gives the tokens of a word that carries no id.

    Raises:
        InputError: if the ids that the vocabulary carries are another tokenizer's.
    """
    found = []
    for word, token_id in zip(vocabulary, vocabulary.token_ids, strict=True):
        if token_id is None:
            found.append(rows_TH[encode(word)].float().mean(0))
            continue
        _require_piece(word, token_id, len(rows_TH), tokenizer)
        found.append(rows_TH[token_id].float())
    return torch.stack(found)


def _require_piece(word: str, token_id: int, num_rows: int, tokenizer: Any) -> None:
    piece = tokenizer.convert_ids_to_tokens(token_id) if token_id < num_rows else None
    if piece is None or _MARKS.sub("", piece).lower() != word:
        raise InputError(
            f"The vocabulary says that {word!r} is the token {token_id}, which is {piece!r} in "
            "the text model's tokenizer. Build the vocabulary of this tokenizer, or use one that "
            "carries no ids."
        )


def _stored(source: str, name: str) -> Tensor | None:
    """Return one tensor of a model's safetensors files, or None if they hold none of that name."""
    from safetensors import SafetensorError, safe_open

    try:
        index = _file(source, _INDEX)
        if index is not None:
            part = json.loads(index.read_text(encoding="utf-8"))["weight_map"].get(name)
            path = None if part is None else _file(source, part)
        else:
            path = _file(source, _SINGLE)
        if path is None:
            return None
        with safe_open(path, "pt") as tensors:
            held: Tensor | None = tensors.get_tensor(name) if name in tensors.keys() else None  # noqa: SIM118
            return held
    except (SafetensorError, ValueError, KeyError) as error:
        raise CorruptError(f"The weights of {source!r} are damaged: {error}.") from error


def _file(source: str, name: str) -> Path | None:
    """Return a file of a model's folder, or of a hub's model as transformers caches it."""
    from transformers.utils import cached_file

    found = cached_file(
        source,
        name,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return None if found is None else Path(found)
