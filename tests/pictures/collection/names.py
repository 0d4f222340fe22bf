"""Pictures with names that are hard to bear: they are read, and named as they are."""

from __future__ import annotations

from collections.abc import Iterator

from tests.pictures.collection.cases import (
    DAMAGED,
    QUARTERS,
    SIZE,
    Case,
    quartered,
    saved,
)

NAMES: tuple[bytes, ...] = (
    b"caf\xe9",
    b"\xff\xfe\xfd",
    b"\xed\xa0\x80",
    "Zürich".encode(),
    "Zu\u0308rich".encode(),
    "写真".encode(),
    "\U0001f600\u200d".encode(),
    "\u202egpj.exe".encode(),
    b"-rf",
    b"--help",
    b"~",
    b" leading",
    b"two  blanks",
    b"'quotes\"",
    b"back\\slash",
    b"new\nline",
    b"\x1b[31mred",
    b"tab\there",
    b"\x07bell",
    b"$(touch x)",
    b"`ls`",
    b"%2e%2e%2f",
    b"%s%n%d",
    b"{0}{x}",
    b"a;b|c&d",
    b"*?[a-z]",
    b"#comment",
    b"!not",
    b"con",
    b"NUL",
    b"a" * 245,
    "ä".encode() * 120,
    b"a.png",
    b"x:y",
    b"@eaDir",
    b"bytes%3A",
    b"bytes:x",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"a,b",
    b"<script>alert(1)</script>".replace(b"/", b""),
    b"null",
    b"true",
    b"0",
    b"\\x00",
)


def cases() -> Iterator[Case]:
    """A picture that is read and one that is refused, under each name."""
    good, bad = saved(quartered(), "JPEG"), saved(quartered(), "JPEG")[:400]
    for name in NAMES:
        yield Case(name + b".jpg", good, SIZE, QUARTERS)
        yield Case(name + b".jpeg", bad, refused=DAMAGED)
