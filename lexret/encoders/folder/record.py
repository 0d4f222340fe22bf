"""Model folders: their files, the record in ``model.json``, and how a folder is replaced.

``model.json``                format version, configuration, hashes, numbers
``model.safetensors``         the trained tensors and the frozen text codebook
``vocabulary.txt``            one word a line
``README.md``                 the model card
``static_text.safetensors``   the static text encoder, which a model need not have

This module needs neither torch nor the tensors, so that a search opens a model in milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lexret.encoders.folder.backbones import (
    KEY,
    backbone_folder,
    check_backbones,
    with_backbones_of,
)
from lexret.errors import CorruptError, InputError, LexretError, MissingError, StorageError
from lexret.files.folders import standing_folder, whole_folder
from lexret.files.hashes import file_sha256
from lexret.files.text import parse_json
from lexret.vocabulary import Vocabulary

if TYPE_CHECKING:
    from lexret.config import ModelConfig

FORMAT = 1
META_FILE = "model.json"
WEIGHTS_FILE = "model.safetensors"
WORDS_FILE = "vocabulary.txt"
CARD_FILE = "README.md"
STATIC_TEXT_FILE = "static_text.safetensors"

SHIPPED = Path(__file__).parents[2] / "models"
DEFAULT_MODEL = "mini"


@dataclass(frozen=True)
class ModelRecord:
    """Record of a model: its ``model.json``; no other file has been read.

    Attributes:
        folder: where the model lies.
        values: the JSON object.
        backbones: where backbones lie that the model does not bring; None: where
            ``LEXRET_BACKBONES`` says, if it is set.
    """

    folder: Path
    values: Mapping[str, Any]
    backbones: Path | None = None

    @property
    def sha256(self) -> Mapping[str, str]:
        """The hex digest that each file must have, by its name in the folder."""
        digests: Mapping[str, str] = self.values["sha256"]
        return digests

    @property
    def numbers(self) -> Mapping[str, Any]:
        """Measured figures that belong to the model."""
        numbers: Mapping[str, Any] = self.values["numbers"]
        return numbers

    @property
    def model_id(self) -> str:
        """Name and the start of the weights' hash."""
        return f"{self.values['config'].get('name')}-{self.sha256[WEIGHTS_FILE][:12]}"

    @property
    def vocabulary_fingerprint(self) -> str | None:
        """Fingerprint of the vocabulary."""
        found: str | None = self.values["vocabulary"].get("fingerprint")
        return found

    @property
    def num_words(self) -> int:
        """Number of words in the vocabulary."""
        return int(self.values["vocabulary"].get("num_words", 0))

    @property
    def has_static_text(self) -> bool:
        """Whether the model has a static text encoder."""
        return STATIC_TEXT_FILE in self.sha256

    def config(self) -> ModelConfig:
        """Return the configuration; names of files that lie in the folder become absolute.

        So do names of backbones that lie in the folder of backbones.

        Raises:
            CorruptError: if a value is wrong.
            MissingError: if there is no such folder of backbones.
        """
        from lexret.config import ModelConfig, validated

        try:
            config = validated(ModelConfig, self.values["config"], str(self.folder / META_FILE))
        except InputError as error:
            raise CorruptError(f"{error}\nPerhaps another version of lexret wrote it.") from error
        config = _with_local_files(config, self.folder)
        place = backbone_folder(self.backbones)
        return config if place is None else with_backbones_of(config, place)

    def check_backbones(self, config: ModelConfig) -> None:
        """Compare backbones of the folder of backbones with what the model records of them.

        Raises:
            MismatchError: if one is another than the one that the model was trained with.
        """
        place = backbone_folder(self.backbones)
        if place is not None:
            check_backbones(self.values.get(KEY, {}), config, place)

    def vocabulary(self) -> Vocabulary:
        """Read the vocabulary; it is checked by its hash.

        Raises:
            MissingError, CorruptError: as :meth:`verify`.
        """
        self.verify(WORDS_FILE)
        return Vocabulary.load(self.folder / WORDS_FILE)

    def verify(self, name: str) -> Path:
        """Compare a file of the model with its recorded hash and return its path.

        Raises:
            MissingError: if the file is not there.
            CorruptError: if it is damaged or of another model.
        """
        path = self.folder / name
        if not path.is_file():
            raise MissingError(f"The model folder {self.folder} lacks {name}.")
        found, expected = file_sha256(path), self.sha256[name]
        if found != expected:
            raise CorruptError(
                f"{path} is damaged or not of this model: its SHA-256 is {found[:12]}..., "
                f"{META_FILE} says {expected[:12]}.... Copy or install the model again."
            )
        return path


def find_model(source: str | Path = DEFAULT_MODEL) -> Path:
    """Return the folder of a shipped model, by name, or of another one, by path.

    Raises:
        MissingError: if there is neither; the message lists the shipped models.
    """
    shipped = SHIPPED / str(source)
    if (shipped / META_FILE).is_file():
        return shipped
    folder = standing_folder(Path(source))
    if not folder.is_dir():
        names = sorted(path.parent.name for path in SHIPPED.glob(f"*/{META_FILE}"))
        raise MissingError(
            f"There is no model {str(source)!r}; expected a model folder, or the name of a shipped "
            f"model: {', '.join(names)}.{_on_the_hub(source)}",
            path=folder,
        )
    return folder


def _on_the_hub(source: str | Path) -> str:
    """Return what to do where a name looks like one of a hub; nothing for others."""
    parts = str(source).split("/")
    if len(parts) != 2 or not all(part and part[0].isalnum() for part in parts):
        return ""
    return f" If it is on the Hugging Face Hub: `lexret models get {source} -o FOLDER`."


def read_record(folder: Path) -> ModelRecord:
    """Read a model folder's ``model.json``.

    Raises:
        MissingError: if there is none.
        CorruptError: if it is damaged, incomplete or of an unknown format.
    """
    try:
        meta = parse_json((folder / META_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingError(
            f"No model at {folder}: there is no {META_FILE}; expected a folder that `lexret train` "
            "or `lexret distill` wrote."
        ) from error
    except ValueError as error:
        raise CorruptError(f"{folder / META_FILE} is not JSON: {error}.") from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        found = meta.get("format") if isinstance(meta, dict) else type(meta).__name__
        raise CorruptError(
            f"{folder / META_FILE} has format {found!r}; this lexret reads format {FORMAT}."
        )
    tables = ("config", "vocabulary", "sha256", "numbers")
    missing = {name for name in tables if not isinstance(meta.get(name), dict)}
    if not missing:
        names = (WEIGHTS_FILE, WORDS_FILE)
        missing = {f"sha256.{name}" for name in names if name not in meta["sha256"]}
        missing |= {f"sha256.{n}" for n, found in meta["sha256"].items() if type(found) is not str}
    if missing:
        raise CorruptError(f"{folder / META_FILE} is incomplete: it lacks {sorted(missing)}.")
    return ModelRecord(folder, meta)


def write_model_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Write a model folder whole or not at all.

    Args:
        folder: what it will be called; one that exists is replaced.
        fill: writes the files into the (new, empty) folder that it is given.

    Raises:
        InputError: if there is a folder that is no model's.
        StorageError: if writing fails; the old folder is then untouched.
    """
    check_model_folder(folder)
    try:
        with whole_folder(folder) as fresh:
            fill(fresh)
    except OSError as error:
        if isinstance(error, LexretError):
            raise
        raise StorageError(f"Cannot write the model to {folder}: {error}.") from error


def check_model_folder(folder: Path) -> None:
    """Raise InputError where a model would replace a folder that holds something else."""
    if folder.is_dir() and not (folder / META_FILE).exists() and any(folder.iterdir()):
        raise InputError(
            f"{folder} holds files that are no model, which writing a model there would remove. "
            "Name another folder."
        )


def write_record(folder: Path, values: Mapping[str, Any]) -> None:
    """Write ``model.json``."""
    (folder / META_FILE).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _with_local_files(config: ModelConfig, folder: Path) -> ModelConfig:
    image, text = config.image, config.text
    if (folder / image.weights).is_file():
        image = image.model_copy(update={"weights": str(folder / image.weights)})
    if (folder / text.backbone).is_dir():
        text = text.model_copy(update={"backbone": str(folder / text.backbone)})
    return config.model_copy(update={"image": image, "text": text})
