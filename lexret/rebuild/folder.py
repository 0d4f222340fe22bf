"""Folder of a rebuilding model: written by training, loaded by torch.

``rebuild.json``         the network's configuration, and what it belongs to
``rebuild.safetensors``  the network's weights, in float16
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lexret.config.rebuild import NetworkConfig
from lexret.config.values import validated
from lexret.errors import CorruptError, MismatchError, MissingError, StorageError
from lexret.files.folders import standing_folder, whole_folder
from lexret.files.hashes import file_sha256
from lexret.files.text import parse_json

if TYPE_CHECKING:
    from torch import Tensor

    from lexret.encoders.lexical_model import LexicalModel
    from lexret.rebuild.model import RebuildModel

RECORD_FILE: Final = "rebuild.json"
WEIGHTS_FILE: Final = "rebuild.safetensors"
FORMAT: Final = 1


@dataclass(frozen=True)
class RebuildRecord:
    """Record of a rebuilding model's folder.

    Attributes:
        folder: where it lies.
        network: its configuration.
        values: all of ``rebuild.json``.
    """

    folder: Path
    network: NetworkConfig
    values: dict[str, Any]

    @property
    def model_id(self) -> str:
        """Identity of the lexical model whose words it knows."""
        return str(self.values["lexical"])

    def file(self, name: str) -> Path:
        """Return a file of the folder after checking its bytes.

        Raises:
            MissingError: if the folder does not have it.
            CorruptError: if its bytes are not those that were written.
        """
        wanted = self.values["sha256"].get(name)
        path = self.folder / name
        if wanted is None or not path.is_file():
            rest = (
                "It can be drawn with, and neither measured nor trained on."
                if name == WEIGHTS_FILE
                else "`lexret train` exports a run that is finished."
            )
            raise MissingError(f"The rebuilding model in {self.folder} has no {name}. {rest}")
        if file_sha256(path) != wanted:
            raise CorruptError(f"{path} does not hold the bytes that {RECORD_FILE} names.")
        return path

    def require_model(self, model_id: str) -> None:
        """Raise MismatchError if it was trained on the words of another lexical model."""
        if self.model_id != model_id:
            raise MismatchError(
                f"The rebuilding model in {self.folder} knows the words of the model "
                f"{self.model_id}; found {model_id}. Name one that was trained on it."
            )


def read_rebuild_record(folder: Path) -> RebuildRecord:
    """Read the record of a folder.

    Raises:
        MissingError: if there is no such model.
        CorruptError: if the record cannot be read.
    """
    place = standing_folder(folder)
    path = place / RECORD_FILE
    try:
        values = parse_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingError(
            f"There is no rebuilding model in {folder} (no {RECORD_FILE}); expected the `model` "
            "folder of a run of `lexret train` by a recipe of kind rebuild.",
            path=folder,
        ) from error
    except (OSError, ValueError) as error:
        raise CorruptError(f"{path} cannot be read: {error}.") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise CorruptError(f"{path} is of another format; expected {FORMAT}.")
    if missing := {"network", "lexical", "sha256"} - values.keys():
        raise CorruptError(f"{path} lacks {sorted(missing)}.")
    return RebuildRecord(place, validated(NetworkConfig, values["network"], str(path)), values)


def save_rebuild_model(
    folder: Path,
    config: NetworkConfig,
    tensors: dict[str, Tensor],
    lexical: LexicalModel,
    numbers: dict[str, Any],
) -> None:
    """Write a folder atomically; the old one stays until the new one is complete.

    Raises:
        StorageError: if writing fails.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    halves = {
        name: (tensor.half() if tensor.dtype == torch.float32 else tensor).contiguous()
        for name, tensor in tensors.items()
    }
    try:
        with whole_folder(folder) as fresh:
            save_file(halves, fresh / WEIGHTS_FILE)
            record = {
                "format": FORMAT,
                "network": config.model_dump(mode="json"),
                "lexical": lexical.model_id,
                "vocabulary": lexical.vocabulary.fingerprint,
                "sha256": {WEIGHTS_FILE: file_sha256(fresh / WEIGHTS_FILE)},
                "numbers": numbers,
            }
            text = json.dumps(record, indent=2) + "\n"
            (fresh / RECORD_FILE).write_text(text, encoding="utf-8")
    except (OSError, SafetensorError) as error:
        raise StorageError(f"Cannot write the model to {folder}: {error}.") from error


def load_rebuild_model(folder: Path, lexical: LexicalModel) -> RebuildModel:
    """Load a model in torch.

    Raises:
        MissingError: if there is none.
        MismatchError: if it belongs to another lexical model.
        CorruptError: if a file is damaged or does not fit.
        MissingPackageError: if torch or wordllama is not installed.
    """
    from lexret.encoders.train_packages import needs_training_packages

    record = read_rebuild_record(folder)
    record.require_model(lexical.model_id)
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        from lexret.rebuild.model import RebuildModel
    except ModuleNotFoundError as error:
        raise needs_training_packages("Rebuilding pictures in torch", error) from error
    path = record.file(WEIGHTS_FILE)
    model = RebuildModel(record.network, lexical)
    try:
        tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
        model.network.load_state_dict(tensors)
    except (SafetensorError, RuntimeError) as error:
        raise CorruptError(f"{path} does not fit its configuration: {error}") from error
    return model.eval().requires_grad_(False)
