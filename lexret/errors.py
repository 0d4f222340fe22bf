"""Errors that lexret raises on purpose.

Each derives from :class:`LexretError` and from the builtin that fits, so callers can catch either.
A message says what was found, what was expected, and what to do.
"""

from __future__ import annotations

from pathlib import Path


class LexretError(Exception):
    """Base of all errors that lexret raises on purpose."""


class InputError(LexretError, ValueError):
    """A value, file or option that the caller gave cannot be used."""


class QueryError(InputError):
    """A query breaks the rules of the query language.

    Attributes:
        start: where in the query the part begins that cannot be used, in characters from 0.
        end: the first character after that part.
    """

    def __init__(self, message: str, *, start: int, end: int) -> None:
        super().__init__(message)
        self.start = start
        self.end = end


class MissingError(LexretError, FileNotFoundError):
    """A file, folder or index that was named does not exist.

    Attributes:
        path: where it was looked for, if that is one place: the command line suggests what lies
            near it.
    """

    def __init__(self, message: str, *, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path


class UnknownPictureError(MissingError):
    """A picture that was named is not in the index; the message tells where that lies."""


class UnknownLabelError(MissingError):
    """A label that was named is not in the index; the message tells where that lies."""


class MismatchError(LexretError, ValueError):
    """Two artefacts do not belong together, such as an index and another model."""


class OutdatedLabelError(MismatchError):
    """A label was trained with another model than its index has; it is to be trained again."""


class CorruptError(LexretError, ValueError):
    """A file on disk is damaged, cut short or of an unknown version."""


class DamageError(CorruptError):
    """A file of an index is damaged; `lexret check` and `lexret repair` are the way on.

    Attributes:
        file: the damaged file.
        found: what is wrong with it, a part of a sentence.
    """

    def __init__(self, file: Path, found: str) -> None:
        super().__init__(
            f"{file} is damaged: {found}. `lexret check` says what else is damaged in this index, "
            "`lexret repair` saves what is whole."
        )
        self.file, self.found = file, found


class StorageError(LexretError, OSError):
    """Writing failed, for example because the disk is full."""


class HeldElsewhereError(InputError):
    """Error: the vectors of an index are kept by another backend than was opened.

    Attributes:
        backend: what keeps them; None: the index's own segments.
    """

    def __init__(self, message: str, backend: str | None) -> None:
        super().__init__(message)
        self.backend = backend


class BackendError(LexretError, OSError):
    """Another engine cannot be reached, answers with an error, or answers wrongly."""


class LockedError(LexretError, RuntimeError):
    """Another writer holds the index."""


class MissingPackageError(LexretError, ImportError):
    """An optional package is needed; the message holds the install command."""


class ImageError(InputError):
    """A file is not a readable picture.

    Attributes:
        reason: a short, countable reason, such as ``"empty file"`` or ``"too many pixels"``.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason
