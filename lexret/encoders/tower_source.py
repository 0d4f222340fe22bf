"""Sources of two-tower models, by name. This module needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from lexret.errors import InputError, MissingError

TowerKind = Literal["open_clip", "transformers", "lexret"]

EXPECTED: Final = (
    "open_clip:ARCHITECTURE/PRETRAINED, transformers:NAME, lexret:MODEL, or a folder that "
    "open_clip or transformers saved"
)
# How `model.image.weights` begins where it is the digest of a two-tower model's weights.
DIGEST: Final = "sha256:"
_LOCAL_FOLDER: Final = "local-dir:"
_HUB: Final = "hf-hub:"


@dataclass(frozen=True, slots=True)
class TowerSource:
    """Source of a two-tower model.

    Attributes:
        kind: the package that loads it.
        name: what that package calls it; files and folders are absolute paths.
    """

    kind: TowerKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    def open_clip_names(self) -> tuple[str, str | None]:
        """Return open_clip's name of the architecture, and that of the weights, if it has one."""
        if self.name.startswith((_LOCAL_FOLDER, _HUB)):
            return self.name, None
        architecture, weights = _split(self.name)
        return architecture, weights or None


def is_tower_source(name: str) -> bool:
    """Tell whether a backbone's name is that of a two-tower model."""
    return name.partition(":")[0] in get_args(TowerKind)


def tower_place(name: str) -> tuple[str, str]:
    """Split a two-tower model's name into what comes before its place, and the place.

    The place is a folder, a file of weights or a hub's name; it is empty for what ships with a
    package.
    """
    kind, _, rest = name.partition(":")
    if kind != "open_clip":
        return f"{kind}:", rest
    for before in (_LOCAL_FOLDER, _HUB):
        if rest.startswith(before):
            return f"open_clip:{_LOCAL_FOLDER}", rest.removeprefix(before)
    architecture, weights = _split(rest)
    is_file = Path(weights).is_absolute()
    return (f"open_clip:{architecture}/", weights) if is_file else (name, "")


def parse_source(text: str) -> TowerSource:
    """Return the source that somebody named.

    Raises:
        InputError: if it is none; the message tells what would be.
        MissingError: if it is the path of a folder that is not there.
    """
    kind, colon, name = text.partition(":")
    if colon and kind in get_args(TowerKind):
        if not name:
            raise InputError(f"Found {text!r} without a name; expected {EXPECTED}.")
        _check_there(text)
        if kind == "open_clip":
            return TowerSource("open_clip", _open_clip_name(name))
        return TowerSource("lexret" if kind == "lexret" else "transformers", _absolute(name))
    folder = Path(text)
    if not folder.is_dir():
        looks_like_path = "/" in text and not colon
        if looks_like_path:
            raise MissingError(f"There is no folder {text}; expected {EXPECTED}.", path=folder)
        raise InputError(f"Found {text!r}; expected {EXPECTED}.")
    if (folder / "open_clip_config.json").is_file():
        return TowerSource("open_clip", f"{_LOCAL_FOLDER}{folder.resolve()}")
    if (folder / "model.json").is_file():
        return TowerSource("lexret", _absolute(text))
    if (folder / "config.json").is_file():
        return TowerSource("transformers", _absolute(text))
    raise InputError(
        f"The folder {folder} has neither config.json (transformers) nor open_clip_config.json "
        "(open_clip); expected a folder that one of them saved."
    )


def _check_there(text: str) -> None:
    """Refuse a path where nothing is, which would be looked for on a hub.

    Raises:
        MissingError: if nothing is there.
    """
    _, place = tower_place(text)
    is_path = Path(place).is_absolute() or place.startswith(("./", "../"))
    if is_path and not Path(place).exists():
        raise MissingError(
            f"There is nothing at {place}, where {text} should be. Name what is there; or, for a "
            f"model that was made of it, put it back or into a folder DIR, and name that: "
            "--backbones DIR.",
            path=Path(place),
        )


def _open_clip_name(name: str) -> str:
    if name.startswith(_LOCAL_FOLDER):
        return f"{_LOCAL_FOLDER}{Path(name.removeprefix(_LOCAL_FOLDER)).resolve()}"
    if name.startswith(_HUB):
        return name
    if Path(name).is_dir():
        return f"{_LOCAL_FOLDER}{Path(name).resolve()}"
    architecture, weights = _split(name)
    if not weights:
        raise InputError(
            f"Found open_clip:{name} without weights, which would be random; expected "
            "open_clip:ARCHITECTURE/PRETRAINED, such as open_clip:ViT-B-32/laion2b_s34b_b79k."
        )
    return f"{architecture}/{_absolute(weights)}"


def _split(name: str) -> tuple[str, str]:
    """Split at the first "/" or ":", whichever comes first."""
    places = [place for place in (name.find("/"), name.find(":")) if place >= 0]
    place = min(places, default=len(name))
    return name[:place], name[place + 1 :]


def _absolute(name: str) -> str:
    """Return the absolute path of what is there, and other names as they are."""
    return str(Path(name).resolve()) if Path(name).exists() else name
