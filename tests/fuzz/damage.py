"""Damages files: any bytes, or JSON in which a value is another one."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

_DEEP: Final = 200_000
JUNK: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, 2**70, -(2**70), 0.5, 1e308, -1e-300, float("nan"),
    float("inf"), "", "x", "0", "-1", "\ud800", "\x00", "../../x", "x" * 5000, [], {}, [[]], [None],
    {"": None}, {"x": []}, ["a", 1, None], [0, 1, 2, 3], "dog\ncat", "é" * 300,
)  # fmt: skip


def always(original: bytes) -> Iterator[bytes]:
    """What every file is tried as: nothing, something else, half of itself, itself twice."""
    yield b""
    yield b"\x00" * 64
    yield b"\xff\xfe\x00"
    yield b"\xef\xbb\xbf" + original
    yield original[: len(original) // 2]
    yield original[:-1]
    yield original + original
    yield original + b"\n\x00\xff"
    yield from (
        b"null",
        b"[]",
        b"{}",
        b"0",
        b'"x"',
        b"true",
        b"[[]]",
        b'{"a":' * 20 + b"0" + b"}" * 20,
    )
    yield b"[" * _DEEP
    yield b'{"a":' * _DEEP
    yield b"9" * 5000
    yield b"[" + b"9" * 5000 + b"]"
    yield original.replace(b"1", b"9" * 5000, 1)
    yield original.replace(b"\n", b"\r").replace(b"\t", b" ")
    yield original.decode("latin-1").encode("utf-16")


def damaged(original: bytes, chance: random.Random) -> bytes:
    """Bytes with a few of them changed, taken out, put in, doubled or cut off."""
    data = bytearray(original)
    for _ in range(chance.choice((1, 1, 2, 4))):
        start = chance.randrange(len(data) + 1)
        size = chance.choice((1, 1, 2, 4, 8, 64))
        piece = bytes(
            chance.choice((0, 0xFF, 0x7F, 0x80, chance.randrange(256))) for _ in range(size)
        )
        how = chance.randrange(6)
        if how == 0:
            data[start : start + size] = piece
        elif how == 1:
            del data[start : start + size]
        elif how == 2:
            data[start:start] = piece
        elif how == 3:
            data[start:start] = data[start : start + size]
        elif how == 4 and data:
            data[start % len(data)] ^= 1 << chance.randrange(8)
        else:
            digits = [place for place, value in enumerate(data) if 48 <= value <= 57]
            if digits:
                data[chance.choice(digits)] = chance.choice(b"0123456789-.eE")
    return bytes(data)


def damaged_json(original: bytes, chance: random.Random) -> bytes:
    """JSON in which one or two values are others, are gone, or have another name."""
    values = json.loads(original)
    for _ in range(chance.choice((1, 1, 2))):
        places = list(_places(values))
        if not places:
            break
        parent, key = chance.choice(places)
        how = chance.randrange(5)
        if how == 0:
            del parent[key]
        elif how == 1 and isinstance(parent, dict):
            parent[chance.choice(("", "x", "\ud800", "format"))] = parent.pop(key)
        elif how == 2 and isinstance(parent, list):
            parent.insert(key, parent[key])
        else:
            parent[key] = chance.choice(JUNK)
    return json.dumps(values).encode()


def _places(values: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(values, dict):
        for key, value in values.items():
            yield values, key
            yield from _places(value)
    elif isinstance(values, list):
        for number, value in enumerate(values[:20]):
            yield values, number
            yield from _places(value)


def damage_of(original: bytes) -> Callable[[random.Random], bytes]:
    """The way to damage a file: as JSON half of the time, where it is JSON."""
    try:
        is_json = isinstance(json.loads(original), dict | list)
    except ValueError:
        is_json = False

    def damage(chance: random.Random) -> bytes:
        if is_json and chance.random() < 0.7:
            return damaged_json(original, chance)
        return damaged(original, chance)

    return damage
