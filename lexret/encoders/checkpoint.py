"""Models on disk: a folder with safetensors, JSON and text; never pickle.

``model.json``          format version, configuration, hashes, numbers
``model.safetensors``   the trained tensors and the frozen text codebook
``vocabulary.txt``      one word a line
``README.md``           the model card

Files of a backbone that the model brings along (``model.image.weights``, ``model.text.backbone``)
are named relative to the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lexret.config import ModelConfig, validated
from lexret.errors import CorruptError, InputError, MissingError, StorageError
from lexret.vocabulary import Vocabulary

FORMAT = 1
_WEIGHTS = "model.safetensors"
_META = "model.json"
_WORDS = "vocabulary.txt"
_CARD = "README.md"


@dataclass(frozen=True)
class Checkpoint:
    """What a model folder holds.

    Attributes:
        tensors: by their names in the network, float32.
        numbers: measured figures that belong to the model, such as recall on its dev split.
        sha256: hex digest of the weights' file.
    """

    config: ModelConfig
    vocabulary: Vocabulary
    tensors: Mapping[str, Tensor]
    sha256: str
    numbers: Mapping[str, Any] = field(default_factory=dict)

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
        half: store matrices in float16, half the size; vectors stay float32.

    Returns:
        the SHA-256 of the weights' file.

    Raises:
        StorageError: if writing fails; the old folder is then untouched.
    """
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        fresh.mkdir(parents=True, exist_ok=False)
        stored = {name: _stored(tensor, half) for name, tensor in tensors.items()}
        save_file(stored, fresh / _WEIGHTS, metadata={"format": str(FORMAT)})
        # safetensors makes its files private to their owner.
        (fresh / _WEIGHTS).chmod(0o644)
        digest = _sha256(fresh / _WEIGHTS)
        vocabulary.save(fresh / _WORDS)
        meta = {
            "format": FORMAT,
            "config": config.model_dump(mode="json"),
            "vocabulary": {"num_words": len(vocabulary), "fingerprint": vocabulary.fingerprint},
            "sha256": {_WEIGHTS: digest, _WORDS: _sha256(fresh / _WORDS)},
            "numbers": dict(numbers or {}),
        }
        (fresh / _META).write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")
        if card:
            (fresh / _CARD).write_text(card, encoding="utf-8")
        _replace(fresh, folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise StorageError(f"Cannot write the model to {folder}: {error}.") from error
    return digest


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a model folder and check every hash.

    Raises:
        MissingError: if the folder or one of its files is not there.
        CorruptError: if a file is damaged, of an unknown format or not of this model.
    """
    meta = _read_meta(folder)
    for name in (_WEIGHTS, _WORDS):
        if not (folder / name).is_file():
            raise MissingError(f"The model folder {folder} lacks {name}.")
        found, expected = _sha256(folder / name), meta["sha256"][name]
        if found != expected:
            raise CorruptError(
                f"{folder / name} is damaged or not of this model: its SHA-256 is {found[:12]}..., "
                f"{_META} says {expected[:12]}.... Copy or install the model again."
            )
    try:
        tensors = load_file(folder / _WEIGHTS)
    except SafetensorError as error:
        raise CorruptError(f"{folder / _WEIGHTS} is not a safetensors file: {error}.") from error
    try:
        config = validated(ModelConfig, meta["config"], str(folder / _META))
    except InputError as error:
        raise CorruptError(f"{error}\nPerhaps another version of lexret wrote it.") from error
    return Checkpoint(
        config=_with_local_files(config, folder),
        vocabulary=Vocabulary.load(folder / _WORDS),
        tensors={name: tensor.float() for name, tensor in tensors.items()},
        sha256=meta["sha256"][_WEIGHTS],
        numbers=meta["numbers"],
    )


def _read_meta(folder: Path) -> dict[str, Any]:
    try:
        meta = json.loads((folder / _META).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingError(f"No model at {folder}: there is no {_META}.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CorruptError(f"{folder / _META} is not JSON: {error}.") from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        found = meta.get("format") if isinstance(meta, dict) else type(meta).__name__
        raise CorruptError(
            f"{folder / _META} has format {found!r}; this lexret reads format {FORMAT}."
        )
    missing = {"config", "sha256", "numbers"} - meta.keys()
    if not missing:
        missing = {f"sha256.{name}" for name in (_WEIGHTS, _WORDS) if name not in meta["sha256"]}
    if missing:
        raise CorruptError(f"{folder / _META} is incomplete: it lacks {sorted(missing)}.")
    return meta


def _with_local_files(config: ModelConfig, folder: Path) -> ModelConfig:
    """Make the names of files that lie in the folder absolute."""
    image, text = config.image, config.text
    if (folder / image.weights).is_file():
        image = image.model_copy(update={"weights": str(folder / image.weights)})
    if (folder / text.backbone).is_dir():
        text = text.model_copy(update={"backbone": str(folder / text.backbone)})
    return config.model_copy(update={"image": image, "text": text})


def _stored(tensor: Tensor, half: bool) -> Tensor:
    narrow = half and tensor.ndim >= 2
    return tensor.detach().to(torch.float16 if narrow else torch.float32).cpu().contiguous()


def _replace(fresh: Path, folder: Path) -> None:
    if not folder.exists():
        os.replace(fresh, folder)
        return
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    os.replace(folder, old)
    try:
        os.replace(fresh, folder)
    except OSError:
        os.replace(old, folder)
        raise
    # The new model is in place: whether the old one can be removed does not matter to it.
    shutil.rmtree(old, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
