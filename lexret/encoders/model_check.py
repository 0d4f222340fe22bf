"""Checks of a model folder: hashes, words, shapes, frozen parts, files.

A model is read from safetensors, JSON and text alone. Other files in its folder, such as a pickled
checkpoint, are named and never opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from lexret.encoders.folder.catalogue import model_files
from lexret.encoders.folder.exported import IMAGE_FILE, find_exported
from lexret.encoders.folder.record import META_FILE, WEIGHTS_FILE, ModelRecord, read_record
from lexret.encoders.pretrained import package_files, verified_path
from lexret.errors import (
    CorruptError,
    LexretError,
    MismatchError,
    MissingError,
    MissingPackageError,
)

if TYPE_CHECKING:
    from lexret.config import ModelConfig

Status = Literal["ok", "damaged", "missing", "not loaded", "not checked"]

READ_SUFFIXES: Final = frozenset({".safetensors", ".json", ".txt", ".md", ".onnx"})
_PACKAGE: Final = "package:"


@dataclass(frozen=True, slots=True)
class Check:
    """Result of checking one thing.

    Attributes:
        name: a file, or a part of the model.
        found: what was found, for people.
    """

    name: str
    status: Status
    found: str

    @property
    def is_failure(self) -> bool:
        """Whether the model cannot be used because of it."""
        return self.status in ("damaged", "missing")


def check_model(folder: Path) -> list[Check]:
    """Check a model; failures are results, not errors.

    First what can be checked without loading it: record, hashes, vocabulary, shapes of tensors with
    a row a word, frozen packages, other files. If all that is well, both sides are loaded (torch is
    imported), which compares every tensor's shape with the configuration.
    """
    try:
        record = read_record(folder)
        config = record.config()
    except LexretError as error:
        return [_failure(META_FILE, error)]
    checks = [Check(META_FILE, "ok", f"format {record.values['format']}, {record.model_id}")]
    checks += [_check_hash(record, name) for name in record.sha256]
    checks.append(_check_vocabulary(record))
    checks.append(_check_rows(record, config))
    checks += _check_exported(record)
    spared = {"image"} if checks[-1].name == IMAGE_FILE else set()
    checks += _check_frozen_parts(config, spared | ({"text"} if record.has_static_text else set()))
    checks += _other_files(record, config)
    if not any(check.is_failure for check in checks):
        checks += _check_sides(record)
    return checks


def _failure(name: str, error: LexretError) -> Check:
    return Check(name, "missing" if isinstance(error, MissingError) else "damaged", str(error))


def _check_hash(record: ModelRecord, name: str) -> Check:
    try:
        path = record.verify(name)
    except LexretError as error:
        return _failure(name, error)
    return Check(name, "ok", f"SHA-256 as recorded, {path.stat().st_size:,} bytes")


def _check_vocabulary(record: ModelRecord) -> Check:
    try:
        vocabulary = record.vocabulary()
        if vocabulary.fingerprint != record.vocabulary_fingerprint:
            raise MismatchError(
                f"its fingerprint is {vocabulary.fingerprint[:12]}..., {META_FILE} says "
                f"{str(record.vocabulary_fingerprint)[:12]}...."
            )
        if len(vocabulary) != record.num_words:
            raise MismatchError(
                f"it has {len(vocabulary)} words, {META_FILE} says {record.num_words}."
            )
    except LexretError as error:
        return _failure("vocabulary", error)
    return Check("vocabulary", "ok", f"{len(vocabulary):,} words, {vocabulary.fingerprint[:12]}...")


def _check_rows(record: ModelRecord, config: ModelConfig) -> Check:
    """Compare the tensors that have a row or a number a word with vocabulary and configuration."""
    name = "tensors"
    try:
        shapes = _shapes(record.folder / WEIGHTS_FILE)
        for tensor, shape in shapes.items():
            expected = {
                "codebook_VD": (record.num_words, config.codebook.dim),
                "bias_V": (record.num_words,),
                "own_weight_V": (record.num_words,),
            }.get(tensor.rpartition(".")[2])
            if expected is not None and shape != expected:
                raise MismatchError(
                    f"{tensor} has the shape {shape}; vocabulary and configuration ask for "
                    f"{expected}."
                )
    except LexretError as error:
        return _failure(name, error)
    return Check(name, "ok", f"{len(shapes)} tensors fit the vocabulary")


def _shapes(path: Path) -> Mapping[str, tuple[int, ...]]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise MissingError(f"There is no {path.name}.")
    try:
        with safe_open(path, "numpy") as tensors:
            return {
                name: tuple(tensors.get_slice(name).get_shape())
                for name in tensors.keys()  # noqa: SIM118 (no mapping)
            }
    except (SafetensorError, OSError) as error:
        raise CorruptError(f"{path} is not a safetensors file: {error}.") from error


def _check_exported(record: ModelRecord) -> list[Check]:
    """Compare the exported backbone, where there is one, with its record."""
    try:
        exported = find_exported(record)
        if exported is None:
            return []
        for precision in exported.precisions:
            exported.verify(precision)
    except LexretError as error:
        return [_failure(IMAGE_FILE, error)]
    found = f"SHA-256 as recorded, {exported.values.get('licence')}: pictures need no torch"
    return [Check(IMAGE_FILE, "ok", found)]


def _check_frozen_parts(config: ModelConfig, spared: set[str]) -> Iterator[Check]:
    """Check what the model needs besides its folder.

    Args:
        spared: parts that the model does not need, because it holds a replacement.
    """
    if config.image.adapter == "pursuit":
        found = f"come from {config.image.backbone!r}; compared with their digest as they load"
        yield Check("towers", "not checked", found)
        return
    for part, source in (("image", config.image.weights), ("text", config.text.backbone)):
        package = source.removeprefix(_PACKAGE)
        if package == source:
            if Path(source).exists():
                yield Check(f"frozen {part} part", "ok", f"{Path(source).name}, in the folder")
            else:
                yield Check(f"frozen {part} part", "not checked", f"comes from {source!r}")
            continue
        files = [file for file in package_files() if file.package == package]
        if not files:
            yield Check(
                f"frozen {part} part", "damaged", f"{source!r} is not a package that lexret knows."
            )
        for file in files:
            name = f"{package}: {file.path.rpartition('/')[2]}"
            try:
                verified_path(file)
            except LexretError as error:
                status: Status = "damaged" if isinstance(error, CorruptError) else "missing"
                if status == "missing" and part in spared:
                    yield Check(name, "not checked", f"not installed; only torch needs it: {error}")
                else:
                    yield Check(name, status, str(error))
            else:
                yield Check(name, "ok", f"SHA-256 as expected: {file.what}")


def _other_files(record: ModelRecord, config: ModelConfig) -> Iterator[Check]:
    for file in model_files(record.folder):
        if file.suffix in READ_SUFFIXES:
            continue
        name = file.relative_to(record.folder).as_posix()
        if Path(config.image.weights) == file:
            yield Check(
                name, "damaged", "the configuration names it as weights: expected safetensors."
            )
        else:
            yield Check(name, "not loaded", "neither safetensors nor JSON nor text: never opened")


def _check_sides(record: ModelRecord) -> Iterator[Check]:
    """Load the model's encoders; loading compares every tensor's shape."""
    from lexret.encoders import load_model

    model = load_model(record.folder)
    sides: dict[str, Callable[[], object]] = {
        "image side": lambda: model.images,
        "text side": lambda: model.contextual_text,
    }
    if record.has_static_text:
        sides["static texts"] = lambda: model.static_text
    for name, load in sides.items():
        try:
            load()
        except MissingPackageError as error:
            yield Check(name, "not checked", str(error))
        except LexretError as error:
            yield _failure(name, error)
        else:
            yield Check(name, "ok", "loads; every tensor has its shape")
