"""Hashes of files."""

from __future__ import annotations

from pathlib import Path


def file_sha256(path: Path) -> str:
    """Return the hex SHA-256 of a file's bytes."""
    import hashlib  # loads OpenSSL, and not all who name a model check it

    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
