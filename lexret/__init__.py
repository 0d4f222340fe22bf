"""lexret: a picture search engine in a sparse space of words (LexVLA).

The public names are imported when they are first used: ``import lexret`` loads neither torch nor
a JVM.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from lexret.encoders import load_model
    from lexret.errors import LexretError
    from lexret.library.encoding.encode import encode_pictures
    from lexret.library.library import Library
    from lexret.library.opening import open_index
    from lexret.pictures.decoding import open_photo
    from lexret.sparse import LexicalVector, SparseBatch
    from lexret.vocabulary import Vocabulary

__version__ = "0.1.0"

__all__ = [
    "LexicalVector",
    "LexretError",
    "Library",
    "SparseBatch",
    "Vocabulary",
    "__version__",
    "encode_pictures",
    "load_model",
    "open_index",
    "open_photo",
]

_HOMES: Final = {
    "LexicalVector": "lexret.sparse",
    "LexretError": "lexret.errors",
    "Library": "lexret.library.library",
    "SparseBatch": "lexret.sparse",
    "Vocabulary": "lexret.vocabulary",
    "encode_pictures": "lexret.library.encoding.encode",
    "load_model": "lexret.encoders",
    "open_index": "lexret.library.opening",
    "open_photo": "lexret.pictures.decoding",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
