"""Records of vocabularies: NAME.txt, one entry a line, and NAME.json, how it was made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from lexret.errors import CorruptError, InputError, LexretError, MissingError, StorageError
from lexret.files.hashes import file_sha256
from lexret.files.text import parse_json
from lexret.files.whole import replace_file, sync_folder

SUFFIX = ".txt"


def write_vocabulary(
    file: Path,
    words: Sequence[str],
    *,
    language: str,
    made_by: str,
    provenance: Mapping[str, Any],
    token_ids: Sequence[int | None] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the entries to ``file`` and their record next to it.

    Args:
        file: a path that ends with ``.txt``.
        made_by: the command that makes it.
        provenance: what else the record says: order, rule, sources, licence.
        token_ids: for each entry its token's id, which follows it after a tab, or None.

    Returns:
        the path of the record.

    Raises:
        InputError: if the path ends differently, or a file is there already and must stay.
        StorageError: if writing fails.
    """
    if file.suffix != SUFFIX or not file.stem:
        raise InputError(f"A vocabulary is written to a file NAME{SUFFIX}; found {file}.")
    record_file = record_path(file)
    ids = token_ids if token_ids is not None else [None] * len(words)
    content = "".join(
        f"{word}\n" if token_id is None else f"{word}\t{token_id}\n"
        for word, token_id in zip(words, ids, strict=True)
    ).encode()
    record = {
        "name": file.stem,
        "language": language,
        "num_words": len(words),
        "sha256": hashlib.sha256(content).hexdigest(),
        "made_by": made_by,
        **provenance,
    }
    write_with_record(file, content, record, overwrite=overwrite)
    return record_file


def check_free(file: Path) -> None:
    """Raise InputError where a file, or the place of its record, is taken."""
    present = [path for path in (file, record_path(file)) if path.exists()]
    if present:
        raise InputError(
            f"{present[0]} is there already. Choose another name, or allow it to be replaced "
            "(--force)."
        )


def write_with_record(
    file: Path, content: bytes, record: Mapping[str, Any], *, overwrite: bool
) -> None:
    """Write a file, then its record: at no moment does a record stand beside another content.

    A file of that very content without a record is what a run left that was cut off.

    Raises:
        InputError: if there is another file or a record already, and it must stay.
        StorageError: if writing fails.
    """
    record_file = record_path(file)
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    try:
        cut_off = file.is_file() and not record_file.exists() and file.read_bytes() == content
        if not (overwrite or cut_off):
            check_free(file)
        if record_file.exists():
            record_file.unlink()
            sync_folder(record_file.parent)
        replace_file(file, content)
        replace_file(record_file, text.encode())
    except OSError as error:
        if isinstance(error, LexretError):
            raise
        raise StorageError(f"Cannot write the vocabulary {file}: {error}.") from error


def record_path(file: Path) -> Path:
    """Return the path of a vocabulary file's record."""
    return file.with_suffix(".json")


def read_record(file: Path) -> dict[str, Any]:
    """Return the record of a vocabulary file.

    Raises:
        MissingError: if there is none.
        CorruptError: if it is not a JSON object.
    """
    path = record_path(file)
    try:
        record = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingError(f"There is no record {path} of the vocabulary {file}.") from error
    except ValueError as error:
        raise CorruptError(f"{path} is not JSON: {error}.") from error
    if not isinstance(record, dict):
        raise CorruptError(f"{path} holds {type(record).__name__}; expected a JSON object.")
    return record


def shipped_record(name: str) -> dict[str, Any]:
    """Return the record of a vocabulary that ships with lexret.

    Raises:
        MissingError: if none of that name ships.
    """
    folder = Path(str(resources.files("lexret"))) / "vocabularies"
    return read_record(folder / f"{name}{SUFFIX}")


def record_for(source: str) -> dict[str, Any]:
    """Return the record of a vocabulary file or a shipped vocabulary; empty if a file has none.

    Raises:
        MissingError: if it is neither.
        CorruptError: if the record is damaged.
    """
    file = Path(source)
    if not file.is_file():
        return shipped_record(source)
    return read_record(file) if record_path(file).is_file() else {"name": file.name}


def sha256_of(*files: Path) -> dict[str, str]:
    """Return the SHA-256 of files by their names.

    Raises:
        MissingError: if one cannot be read.
    """
    digests = {}
    for file in files:
        try:
            digests[file.name] = file_sha256(file)
        except OSError as error:
            raise MissingError(f"Cannot read {file}: {error.strerror}.") from error
    return digests
