"""Backbones of a model: their identity, apart from where they are.

``model.json`` of a shared model says of each side's backbone what it is: a package, a hub id with
its revision, or a file or folder by its name, with the SHA-256 of each file of weights. Where they
are on a machine is given when the model is loaded: a folder, or ``LEXRET_BACKBONES``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lexret.encoders.pretrained import package_files
from lexret.encoders.tower_source import is_tower_source, tower_place
from lexret.errors import CorruptError, MismatchError, MissingError
from lexret.files.hashes import file_sha256

if TYPE_CHECKING:
    from lexret.config import ModelConfig

VARIABLE: Final = "LEXRET_BACKBONES"
KEY: Final = "backbones"
# What holds weights, in a folder of transformers.
_WEIGHTS: Final = ("*.safetensors", "*.bin", "*.pth")
_PACKAGE: Final = "package:"


def backbone_folder(given: str | Path | None) -> Path | None:
    """Return the folder of backbones that was given, or that the environment names; or None.

    Raises:
        MissingError: if there is no such folder.
    """
    place = given if given is not None else os.environ.get(VARIABLE)
    if not place:
        return None
    folder = Path(place)
    if not folder.is_dir():
        raise MissingError(
            f"There is no folder of backbones at {folder}"
            f"{'' if given is not None else f' (named by {VARIABLE})'}.",
            path=folder,
        )
    return folder


def with_backbones_of(config: ModelConfig, folder: Path) -> ModelConfig:
    """Return a configuration whose backbones are those in a folder, as far as it has them.

    One is looked for by its name and by the last part of it; the folder may be the backbone.
    """
    image, text = config.image, config.text
    if is_tower_source(image.backbone):
        towers = _find_towers(image.backbone, folder)
        image = image.model_copy(update={"backbone": towers})
        text = text.model_copy(update={"backbone": towers})
        return config.model_copy(update={"image": image, "text": text})
    name = _hub_id(config) or image.weights if image.weights == "hub" else image.weights
    weights, backbone = _find(name, folder), _find(text.backbone, folder)
    if weights is not None:
        image = image.model_copy(update={"weights": str(weights)})
    if backbone is not None and backbone.is_dir():
        text = text.model_copy(update={"backbone": str(backbone)})
    return config.model_copy(update={"image": image, "text": text})


def identities(config: ModelConfig) -> dict[str, dict[str, Any]]:
    """Return the identities of a model's backbones, as ``model.json`` records them.

    Args:
        config: with paths that can be opened, as :meth:`ModelRecord.config` gives it.
    """
    if is_tower_source(config.image.backbone):
        towers = _tower_identity(config.image.backbone)
        return {"image": towers, "text": towers}
    weights, text = config.image.weights, config.text.backbone
    of_hub = (_hub_id(config) or config.image.backbone) if weights == "hub" else None
    # What is neither here nor a path is a name on the hub, but for an image backbone's weights.
    text_of_hub = None if Path(text).is_absolute() else text
    return {
        "image": {"architecture": config.image.backbone, **_identity(weights, of_hub, "file")},
        "text": _identity(text, text_of_hub, "folder"),
    }


def named(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration, as JSON, whose backbones are called by their names alone."""

    def bare(name: str) -> str:
        return Path(name).name if Path(name).is_absolute() or Path(name).exists() else name

    image, text = dict(config["image"]), dict(config["text"])
    image["weights"], text["backbone"] = bare(image["weights"]), bare(text["backbone"])
    return {**config, "image": image, "text": text}


def check_backbones(recorded: Mapping[str, Any], config: ModelConfig, folder: Path) -> None:
    """Compare the backbones that lie in a folder with what a model records of them.

    Raises:
        MismatchError: if a file has another hash than the one that the model was trained with.
        CorruptError: if the record cannot be read.
    """
    for side, name in (("image", config.image.weights), ("text", config.text.backbone)):
        place, known = Path(name), recorded.get(side)
        if known is None or not place.is_relative_to(folder):
            continue
        expected = known.get("sha256") if isinstance(known, Mapping) else None
        if not isinstance(expected, Mapping):
            raise CorruptError(f"The record of the {side} backbone cannot be read: {known}.")
        for file, found in _digests(place).items():
            if expected.get(file, found) != found:
                raise MismatchError(
                    f"{place / file if place.is_dir() else place} is not the {side} backbone that "
                    f"the model was trained with ({known.get('source')}): its SHA-256 is "
                    f"{found[:12]}..., expected {str(expected[file])[:12]}...."
                )


def _identity(name: str, hub_id: str | None, kind: str) -> dict[str, Any]:
    """Return the identity of a backbone.

    Args:
        hub_id: its name on the hub, where that is what it can be.
        kind: what it is, where it is none of the hub and does not lie here.
    """
    place = Path(name)
    if name.startswith(_PACKAGE):
        files = [file for file in package_files() if file.package == name.removeprefix(_PACKAGE)]
        return {"source": name, "sha256": {Path(file.path).name: file.sha256 for file in files}}
    if name == "random":
        return {"source": name, "sha256": {}}
    if place.exists():
        kind = "folder" if place.is_dir() else "file"
        return {"source": f"{kind}:{place.name}", "sha256": _digests(place)}
    if hub_id is None:
        return {"source": f"{kind}:{place.name}", "sha256": {}}
    return {"source": f"hub:{hub_id}", "revision": _cached_revision(hub_id), "sha256": {}}


def _digests(place: Path) -> dict[str, str]:
    if place.is_file():
        return {place.name: file_sha256(place)}
    files = sorted({path for pattern in _WEIGHTS for path in place.glob(pattern)})
    return {path.name: file_sha256(path) for path in files}


def _find(name: str, folder: Path) -> Path | None:
    if name == "random" or name.startswith(_PACKAGE) or Path(name).exists():
        return None
    last = Path(name).name
    places = (folder / name, folder / last, *((folder,) if folder.resolve().name == last else ()))
    return next((place for place in places if place.exists()), None)


def _tower_identity(name: str) -> dict[str, Any]:
    before, place = tower_place(name)
    if not place or (before == "lexret:" and not Path(place).is_absolute()):
        return {"source": name, "sha256": {}}  # ships with a package
    return _identity(place, None if Path(place).is_absolute() else place, "folder")


def _find_towers(name: str, folder: Path) -> str:
    """Return the name of a two-tower model where it lies in a folder, else its name as it is."""
    before, place = tower_place(name)
    found = _find(place, folder) if place else None
    return name if found is None else f"{before}{found.resolve()}"


def _hub_id(config: ModelConfig) -> str | None:
    """Return where timm finds the published weights of a model; None where timm is not there."""
    try:
        import timm
    except ModuleNotFoundError:
        return None
    published = timm.models.get_pretrained_cfg(config.image.backbone, allow_unregistered=True)
    found: str | None = getattr(published, "hf_hub_id", None)
    return found


def _cached_revision(hub_id: str) -> str | None:
    """Return the commit of a hub's model that lies in the cache; None where none does."""
    try:
        from huggingface_hub import constants
    except ModuleNotFoundError:
        return None
    name = f"models--{hub_id.replace('/', '--')}"
    head = Path(constants.HF_HUB_CACHE) / name / "refs" / "main"
    return head.read_text(encoding="utf-8").strip() if head.is_file() else None
