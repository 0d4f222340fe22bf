"""File names as texts: any name there and back, and as people may see it.

The system's names are bytes. Where they are not UTF-8, Python holds the odd bytes as halves of
surrogate pairs, which are no characters: neither JSON nor an address may hold them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

MARK: Final = "bytes:"
_REPLACEMENT: Final = "\ufffd"
_SURROGATES: Final = range(0xD800, 0xE000)
# What breaks a line or turns the letters behind it around.
_SEPARATORS: Final = range(0x2028, 0x202A)
_DIRECTIONS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
                               "\u2066\u2067\u2068\u2069")  # fmt: skip


def name_to_text(name: str) -> str:
    """Return a file name or path as a text that JSON, pages and addresses may hold.

    That is the name itself; but where it is not UTF-8, ``bytes:`` and its bytes, percent-encoded.
    So that no two names have one text, a name that begins with ``bytes:`` is written so as well.
    """
    if not name.startswith(MARK) and is_whole(name):
        return name
    return MARK + quote_from_bytes(name.encode("utf-8", "surrogateescape"))


def text_to_name(text: str) -> str:
    """Undo :func:`name_to_text`."""
    if not text.startswith(MARK):
        return text
    return unquote_to_bytes(text.removeprefix(MARK)).decode("utf-8", "surrogateescape")


def is_whole(text: str) -> bool:
    """Whether a text holds nothing but characters: no half of a surrogate pair."""
    return text.isascii() or not any(ord(letter) in _SURROGATES for letter in text)


def whole_text(text: str) -> str:
    """Replace what is no character, such as bytes of a name that are not UTF-8."""
    if is_whole(text):
        return text
    return "".join(_REPLACEMENT if ord(letter) in _SURROGATES else letter for letter in text)


def shown_line(text: str) -> str:
    """Return a name, or another text, to show on one line, in the order of its letters."""
    return "".join(_shown(letter) for letter in text)


def _shown(letter: str) -> str:
    code = ord(letter)
    is_control = code < 0x20 or 0x7F <= code < 0xA0 or code in _SEPARATORS
    odd = is_control or code in _SURROGATES or letter in _DIRECTIONS
    return _REPLACEMENT if odd else letter


def strict_json(value: Any, *, indent: int | None = None) -> str:
    """Return JSON that every reader takes: with whole characters only.

    Texts from elsewhere, such as messages, lose what is none; names are to be given as
    :func:`name_to_text` writes them.
    """
    return json.dumps(_whole(value), indent=indent)


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, Mapping):
        return {_whole(name): _whole(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return value
