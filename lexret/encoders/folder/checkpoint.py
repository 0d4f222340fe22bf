"""Checkpoints: models on disk as safetensors, JSON and text; never pickle.

:mod:`lexret.encoders.folder.record` says which files there are. Files of a backbone that the model
brings along (``model.image.weights``, ``model.text.backbone``) are named relative to the folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lexret.config import ModelConfig
from lexret.encoders.folder.record import (
    CARD_FILE,
    FORMAT,
    WEIGHTS_FILE,
    WORDS_FILE,
    ModelRecord,
    read_record,
    write_model_folder,
    write_record,
)
from lexret.errors import CorruptError
from lexret.files.hashes import file_sha256
from lexret.vocabulary import Vocabulary


@dataclass(frozen=True)
class Checkpoint:
    """Contents of a model folder.

    Attributes:
        tensors: by their names in the network, float32.
        sha256: hex digest of the weights' file.
        numbers: measured figures that belong to the model, such as recall on its dev split.
        folder: where it was loaded from; None if it was made in memory.
    """

    config: ModelConfig
    vocabulary: Vocabulary
    tensors: Mapping[str, Tensor]
    sha256: str
    numbers: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def model_id(self) -> str:
        """Name and the start of the weights' hash."""
        return f"{self.config.name}-{self.sha256[:12]}"


def save_checkpoint(
    folder: Path,
    config: ModelConfig,
    vocabulary: Vocabulary,
    tensors: Mapping[str, Tensor],
    *,
    numbers: Mapping[str, Any] | None = None,
    card: str = "",
    half: bool = True,
) -> str:
    """Write a model folder; an existing one is replaced only once the new one is whole.

    Args:
        half: store matrices in float16, half the size; vectors stay float32, but for those that
            lose nothing by it.

    Returns:
        the SHA-256 of the weights' file.

    Raises:
        StorageError: if writing fails; the old folder is then untouched.
    """
    digest = ""

    def fill(fresh: Path) -> None:
        nonlocal digest
        digest = _save_weights(fresh / WEIGHTS_FILE, tensors, half)
        vocabulary.save(fresh / WORDS_FILE)
        meta = {
            "format": FORMAT,
            "config": config.model_dump(mode="json"),
            "vocabulary": {"num_words": len(vocabulary), "fingerprint": vocabulary.fingerprint},
            "sha256": {WEIGHTS_FILE: digest, WORDS_FILE: file_sha256(fresh / WORDS_FILE)},
            "numbers": dict(numbers or {}),
        }
        write_record(fresh, meta)
        if card:
            (fresh / CARD_FILE).write_text(card, encoding="utf-8")

    write_model_folder(folder, fill)
    return digest


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a model folder's tensors and check the hashes of what is read.

    Raises:
        MissingError: if the folder or one of its files is not there.
        CorruptError: if a file is damaged, of an unknown format or not of this model.
    """
    return checkpoint_of(read_record(folder))


def checkpoint_of(record: ModelRecord) -> Checkpoint:
    """Return what :func:`load_checkpoint` does, for a record that was read already.

    Raises:
        MismatchError: if a backbone from elsewhere is not the one that the model was trained with.
    """
    folder = record.folder
    path = record.verify(WEIGHTS_FILE)
    vocabulary = record.vocabulary()
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise CorruptError(f"{path} is not a safetensors file: {error}.") from error
    config = _of_tensors_alone(record.config(), folder)
    record.check_backbones(config)
    return Checkpoint(
        config=config,
        vocabulary=vocabulary,
        tensors={name: tensor.float() for name, tensor in tensors.items()},
        sha256=record.sha256[WEIGHTS_FILE],
        numbers=record.numbers,
        folder=folder,
    )


def _of_tensors_alone(config: ModelConfig, folder: Path) -> ModelConfig:
    """Refuse a model whose own folder brings backbone weights of another kind than safetensors."""
    weights = Path(config.image.weights)
    if weights.parent == folder and weights.suffix != ".safetensors" and weights.is_file():
        raise CorruptError(
            f"The model in {folder} names {weights.name} as its backbone's weights; those of a "
            "model folder must be a safetensors file."
        )
    return config


def _save_weights(path: Path, tensors: Mapping[str, Tensor], half: bool) -> str:
    """Write the tensors and return the file's SHA-256."""
    stored = {name: _stored(tensor, half) for name, tensor in tensors.items()}
    try:
        save_file(stored, path, metadata={"format": str(FORMAT)})
    except SafetensorError as error:  # raised where the disk is full
        raise OSError(f"{path.name}: {error}") from error
    # safetensors makes its files private to their owner.
    path.chmod(0o644)
    return file_sha256(path)


def _stored(tensor: Tensor, half: bool) -> Tensor:
    values = tensor.detach().cpu().contiguous()
    loses_nothing = values.is_floating_point() and torch.equal(
        values.half().float(), values.float()
    )
    narrow = half and (values.ndim >= 2 or loses_nothing)
    return values.to(torch.float16 if narrow else torch.float32)
