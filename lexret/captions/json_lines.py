"""Reader of captions files: JSON lines, one picture a line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from lexret.captions.caption_set import (
    CaptionedImage,
    check_captions,
    first_few,
    is_text,
    shortened,
)
from lexret.errors import InputError, MissingError
from lexret.files.text import parse_json

CAPTIONS_FILE: Final = "captions.jsonl"
_EXPECTED: Final = 'expected {"image": "path", "captions": ["text", ...]}'


def read_captions(path: Path) -> list[CaptionedImage]:
    """Read a captions file; image paths in it are relative to the file's folder.

    ``"written_by": "template"`` in a line says that its captions were made from the name of a class
    or a file, ``"objects": {"sky": 0.38, "car": 0.02}`` which share of the picture each thing
    covers. Further keys of a line and blank lines are ignored.

    Args:
        path: a JSON-lines file, or a folder that holds ``captions.jsonl``.

    Raises:
        MissingError: if there is no such file.
        InputError: if it is empty, a line is broken or repeats a picture (the message names the
            line), or pictures are missing (the message names the first few).
    """
    file = path / CAPTIONS_FILE if path.is_dir() else path
    items: list[CaptionedImage] = []
    lines: dict[str, int] = {}
    for number, raw in enumerate(_read_lines(file, asked=path), start=1):
        if not raw.strip():
            continue
        item = _parse(raw, f"{file}:{number}", file.parent)
        if item.name in lines:
            raise InputError(
                f"{file}:{number}: the picture {item.name!r} stands on line {lines[item.name]} "
                "already; expected one line a picture, with all its captions."
            )
        lines[item.name] = number
        items.append(item)
    if not items:
        raise InputError(f"{file} is empty; {_EXPECTED} on each line.")
    _require_pictures(file, items)
    return items


def _read_lines(file: Path, *, asked: Path) -> list[bytes]:
    try:
        return file.read_bytes().splitlines()
    except FileNotFoundError as error:
        if asked.is_dir():
            raise MissingError(
                f"The folder {asked} holds no {CAPTIONS_FILE}; name the captions file itself, or a "
                "folder that holds one of that name."
            ) from error
        raise MissingError(f"There is no captions file {file}.", path=file) from error
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}.") from error


def _parse(raw: bytes, place: str, folder: Path) -> CaptionedImage:
    try:
        value = parse_json(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: not UTF-8 text ({error}); {_EXPECTED}.") from error
    except ValueError as error:
        raise InputError(f"{place}: no JSON ({error}): {shortened(raw)}; {_EXPECTED}.") from error
    if not isinstance(value, dict):
        raise InputError(f"{place}: found {shortened(value)}; {_EXPECTED}.")
    absent = [key for key in ("image", "captions") if key not in value]
    if absent:
        raise InputError(f"{place}: no {absent} among the keys {sorted(value)}; {_EXPECTED}.")
    name = value["image"]
    if not isinstance(name, str) or not is_text(name) or not name.strip() or "\0" in name:
        raise InputError(f"{place}: the image is {shortened(name)}; {_EXPECTED}.")
    return CaptionedImage(
        name,
        folder / name,
        check_captions(value["captions"], place, _EXPECTED),
        by_template=_by_template(value.get("written_by"), place),
        objects=_objects(value.get("objects", {}), place),
    )


def _by_template(found: object, place: str) -> bool:
    if found not in (None, "people", "template"):
        raise InputError(
            f'{place}: written_by is {shortened(found)}; expected "people" or "template", or no '
            "such key."
        )
    return found == "template"


def _objects(found: object, place: str) -> Mapping[str, float]:
    is_table = isinstance(found, dict) and all(
        is_text(name) and name.strip() and type(share) in (int, float) and 0 <= share <= 1
        for name, share in found.items()
    )
    if not is_table:
        raise InputError(
            f"{place}: objects are {shortened(found)}; expected names, each with the share of the "
            'picture that it covers, from 0 to 1, such as {"sky": 0.38}.'
        )
    return cast(Mapping[str, float], found)


def _require_pictures(file: Path, items: Sequence[CaptionedImage]) -> None:
    # Unlike that of Path, this is false of a name that no file can have.
    missing = [item.name for item in items if not os.path.isfile(item.image)]
    if missing:
        raise InputError(
            f"{len(missing)} of the {len(items)} pictures that {file} names are missing: "
            f"{first_few(missing)}. Paths are relative to "
            f"{file.parent.resolve()}."
        )
