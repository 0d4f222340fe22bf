"""Model folders shared through the Hugging Face Hub: fetched, made ready, pushed.

No code of a model is run: only JSON, text, safetensors and ONNX files are fetched.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from lexret.encoders.folder.backbones import KEY, identities, named
from lexret.encoders.folder.card import with_front_matter
from lexret.encoders.folder.catalogue import model_files, read_card
from lexret.encoders.folder.lora import write_lora
from lexret.encoders.folder.record import (
    CARD_FILE,
    META_FILE,
    SHIPPED,
    ModelRecord,
    read_record,
    write_model_folder,
    write_record,
)
from lexret.errors import InputError, MissingError, MissingPackageError, StorageError

INSTALL: Final = "pip install 'lexret[hub]'"
PATTERNS: Final = ("*.json", "*.txt", "*.md", "*.safetensors", "*.onnx")
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_REPO_ID: Final = re.compile(r"[\w][\w.-]*/[\w][\w.-]*", re.ASCII)


def is_repo_id(source: str | Path) -> bool:
    """Whether a source names a model of a hub, ``user/name``: no folder here and none shipped."""
    text = str(source)
    is_here = Path(source).exists() or (SHIPPED / text / META_FILE).is_file()
    return not isinstance(source, Path) and not is_here and _REPO_ID.fullmatch(text) is not None


def fetch_model(
    repo_id: str,
    *,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
) -> Path:
    """Return the folder of a hub's model, fetched where it is not in the hub's cache yet.

    Args:
        revision: branch, tag or commit; by default the newest.
        local_files_only: ask no other machine.

    Raises:
        MissingPackageError: if huggingface_hub is not installed.
        MissingError: if there is no such model, or it cannot be reached.
        InputError: if it is no model of lexret.
    """
    _require_hub("Fetching a model from the hub")
    import huggingface_hub as hub

    try:
        folder = hub.snapshot_download(
            repo_id,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            allow_patterns=list(PATTERNS),
        )
    except (OSError, ValueError) as error:  # its errors are kinds of these
        raise MissingError(
            f"There is no folder and no shipped model {repo_id!r}, and the hub did not give it: "
            f"{_first_line(error)}"
        ) from error
    if not (Path(folder) / META_FILE).is_file():
        raise InputError(
            f"{repo_id} on the hub is no model of lexret: it has no {META_FILE}. A two-tower model "
            "or a text model is named in a recipe instead."
        )
    return Path(folder)


def save_model(
    record: ModelRecord, folder: Path, *, more: Mapping[str, str] = NOTHING
) -> ModelRecord:
    """Write a model to a folder that can be shared; one that exists is replaced.

    Its card begins with front matter, and ``model.json`` says what its backbones are, by name and
    hash, without paths of this machine. LoRA lies in ``lora/`` as well, in peft's files.

    Args:
        more: further files: name -> text.

    Raises:
        InputError: if the folder holds something else than a model.
        StorageError: if writing fails; the old folder is then untouched.
        MissingError, CorruptError: if the model is damaged.
    """
    for name in record.sha256:
        record.verify(name)
    recorded = record.values.get(KEY) or identities(record.config())
    values: dict[str, Any] = {
        **record.values,
        "config": named(record.values["config"]),
        KEY: recorded,
    }
    card = with_front_matter(read_card(record.folder), values)

    def fill(fresh: Path) -> None:
        for file in model_files(record.folder):
            target = fresh / file.relative_to(record.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        write_record(fresh, values)
        write_lora(fresh, values)
        for name, text in {CARD_FILE: card, **more}.items():
            (fresh / name).write_text(text, encoding="utf-8")

    write_model_folder(folder, fill)
    return read_record(folder)


def push_model(
    folder: Path,
    repo_id: str,
    *,
    private: bool = False,
    token: str | None = None,
    revision: str | None = None,
    message: str | None = None,
) -> str:
    """Upload a folder that :func:`save_model` wrote, as one commit, and return its address.

    Args:
        private: whether a repository that is made now is private.
        revision: the branch to commit to; by default the main one.

    Raises:
        InputError: if ``repo_id`` is not ``user/name``.
        MissingPackageError: if huggingface_hub is not installed.
        StorageError: if the hub refuses it or cannot be reached.
    """
    if _REPO_ID.fullmatch(repo_id) is None:
        raise InputError(f"{repo_id!r} names no repository; expected user/name.")
    _require_hub("Pushing a model to the hub")
    import huggingface_hub as hub

    api = hub.HfApi(token=token)
    try:
        api.create_repo(repo_id, private=private, exist_ok=True)
        done = api.upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            revision=revision,
            commit_message=message or "Upload a model of lexret",
        )
    except (OSError, ValueError) as error:
        raise StorageError(
            f"The model could not be pushed to {repo_id}: {_first_line(error)} Nothing of it was "
            "committed. `hf auth login` or token= says who you are."
        ) from error
    return str(done.commit_url)


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), repr(error))


def _require_hub(what: str) -> None:
    try:
        import huggingface_hub  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"{what} needs the package huggingface_hub, which is not installed: {INSTALL}"
        ) from error
