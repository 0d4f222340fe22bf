"""Provenance of a number: code, model, data, settings, machine, command."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from lexret import __version__
from lexret.errors import StorageError
from lexret.files.folders import make_folder
from lexret.files.whole import replace_file

_PACKAGES: Final = ("numpy", "torch", "timm", "transformers")


@dataclass(frozen=True)
class Provenance:
    """Provenance of a recorded result.

    Attributes:
        model: identity of the model (name and start of the weights' hash).
        data: name -> hash of each data set.
        settings: everything that was chosen, seeds too.
        command: the command line.
    """

    model: str
    data: Mapping[str, str]
    settings: Mapping[str, Any]
    command: str
    seed: int = 0
    model_sha256: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it with the present code, machine and date."""
        return {
            "lexret": __version__,
            "commit": source_commit(),
            "model": self.model,
            "model_sha256": dict(self.model_sha256),
            "data": dict(self.data),
            "settings": dict(self.settings),
            "seed": self.seed,
            "machine": describe_machine(),
            "command": self.command,
            "date": datetime.now(UTC).date().isoformat(),
        }


def source_commit() -> str | None:
    """Return the commit of the checkout that this code lies in; None if it lies in none.

    If tracked files differ from the commit, ``+changes`` is appended.
    """
    root = Path(__file__).resolve().parents[2]
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None or _git(root, "ls-files", "--error-unmatch", str(Path(__file__))) is None:
        return None
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", "lexret")
    return commit + ("+changes" if changed else "")


def describe_machine() -> dict[str, Any]:
    """Return the facts that speed depends on; nothing identifies the machine."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "processor": f"{platform.machine()}, {_usable_cores()} cores",
        "system": platform.system(),
        "python": platform.python_version(),
        **versions,
    }


def write_json(path: Path, values: Any) -> None:
    """Write indented JSON.

    Raises:
        StorageError: if the file cannot be written.
    """
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text; folders above it are made.

    Raises:
        StorageError: if the file cannot be written.
    """
    try:
        make_folder(path.parent)
        replace_file(path, text.encode())
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from error


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True, text=True, check=True, timeout=30,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None  # no git, or no checkout: an installed package has no commit
    return done.stdout.strip()
