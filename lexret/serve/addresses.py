"""Addresses as they come in, made into those that the application knows."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlencode

from lexret.files.names import is_whole, name_to_text

_IDS: Final = ("id", "like")


def below(root_path: str, path: str) -> str:
    """Return a path as it is without the path below which the server is reached.

    A proxy before it may have taken that away already. The root path itself, without the slash
    that ends it, becomes the empty path: relative addresses would lead astray from there.
    """
    is_below = path == root_path or path.startswith(f"{root_path}/")
    return path.removeprefix(root_path) if root_path and is_below else path


def with_whole_ids(query_string: bytes) -> bytes:
    """Return what stands behind the ``?`` of an address, every id in it a text.

    An address may name the bytes of a picture's path themselves, percent-encoded as ever.
    """
    given = parse_qsl(
        query_string.decode("latin-1"), keep_blank_values=True, errors="surrogateescape"
    )
    if all(is_whole(value) for name, value in given if name in _IDS):
        return query_string
    pairs = [
        (name, name_to_text(value) if name in _IDS and not is_whole(value) else value)
        for name, value in given
    ]
    return urlencode(pairs, errors="surrogateescape").encode("ascii")
