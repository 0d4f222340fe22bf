"""Whether a picture file is there: told before Pillow and a model are loaded, which take time."""

from __future__ import annotations

from pathlib import Path

from lexret.errors import MissingError


def no_picture(path: Path) -> MissingError:
    """Return the error that there is no such picture."""
    return MissingError(f"There is no picture {path}.", path=path)


def require_picture(path: Path) -> None:
    """Raise MissingError where there is no such file; whether it can be read shows later."""
    try:
        path.stat()
    except FileNotFoundError as error:
        raise no_picture(path) from error
    except OSError:
        return  # who opens it says what is wrong
