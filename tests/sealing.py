"""Changes values of a sealed file, such as a manifest, and seals it again."""

from __future__ import annotations

from pathlib import Path

from lexret.files.sealed import seal, unseal


def change_sealed(path: Path, **changes: object) -> None:
    """Replace some values of a sealed JSON file."""
    values, is_sealed = unseal(path.read_bytes())
    assert is_sealed
    path.write_bytes(seal(values | changes))
