"""Pictures on a terminal that can show them: kitty's protocol, iTerm's, or sixel."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from PIL import Image

PictureProtocol = Literal["kitty", "iterm", "sixel"]

VARIABLE: Final = "LEXRET_PICTURES"
SIDE: Final = 240
"""Pixels that the long side of a picture takes."""

_KITTY_PIECE: Final = 4096
_SIXEL_COLOURS: Final = 255
_ITERM: Final = frozenset({"iTerm.app", "WezTerm", "mintty", "rio", "WarpTerminal"})
_SIXEL: Final = ("foot", "mlterm", "yaft", "contour")


def picture_protocol(
    environment: Mapping[str, str] | None = None, *, is_terminal: bool | None = None
) -> PictureProtocol | None:
    """Return how the terminal shows pictures; ``None`` where it does not, as far as is known.

    It is told by the environment alone: asking the terminal would eat what is typed meanwhile.
    The variable LEXRET_PICTURES (kitty, iterm, sixel or none) has the last word.
    """
    env = os.environ if environment is None else environment
    if not (sys.stdout.isatty() if is_terminal is None else is_terminal):
        return None
    chosen = env.get(VARIABLE, "")
    if chosen in ("kitty", "iterm", "sixel"):
        return chosen  # type: ignore[return-value]
    term, program = env.get("TERM", ""), env.get("TERM_PROGRAM", "")
    if chosen or env.get("TMUX") or term.startswith(("screen", "tmux")):
        return None  # told not to, or a multiplexer would swallow them
    if env.get("KITTY_WINDOW_ID") or "kitty" in term or "ghostty" in term or program == "ghostty":
        return "kitty"
    if program in _ITERM or env.get("LC_TERMINAL") == "iTerm2":
        return "iterm"
    return "sixel" if "sixel" in term or term.startswith(_SIXEL) else None


def encode_picture(image: Image.Image, protocol: PictureProtocol, *, side: int = SIDE) -> bytes:
    """Return what to write to the terminal so that it shows a picture, a line break at the end."""
    small = image.convert("RGB")
    small.thumbnail((side, side))
    if protocol == "sixel":
        return _sixel(small) + b"\n"
    from base64 import b64encode  # a search that shows no picture does without it

    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    data = b64encode(buffer.getvalue())
    if protocol == "kitty":
        return b"".join(_kitty(data)) + b"\n"
    head = f"\x1b]1337;File=inline=1;size={len(buffer.getvalue())};width={small.width}px:"
    return head.encode() + data + b"\x07\n"


def _kitty(data: bytes) -> Iterator[bytes]:
    """Cut a picture into escape sequences of kitty's graphics protocol."""
    pieces = [data[at : at + _KITTY_PIECE] for at in range(0, len(data), _KITTY_PIECE)]
    for number, piece in enumerate(pieces):
        keys = b"f=100,a=T," if number == 0 else b""
        more = b"1" if number < len(pieces) - 1 else b"0"
        yield b"\x1b_G" + keys + b"m=" + more + b";" + piece + b"\x1b\\"


def _sixel(image: Image.Image) -> bytes:
    """Encode a picture as sixels: bands of six rows, one pass for each colour of a band."""
    import numpy as np
    from PIL import Image as Pillow

    small = image.quantize(_SIXEL_COLOURS, dither=Pillow.Dither.FLOYDSTEINBERG)
    palette = np.array(small.getpalette() or [], dtype=np.int64).reshape(-1, 3)
    pixels_HW = np.asarray(small)
    parts = [f'\x1bPq"1;1;{image.width};{image.height}']
    for number, colour in enumerate(palette):
        red, green, blue = (round(int(value) * 100 / 255) for value in colour)
        parts.append(f"#{number};2;{red};{green};{blue}")
    for top in range(0, image.height, 6):
        band = pixels_HW[top : top + 6]
        bits = 1 << np.arange(len(band))
        for number in np.unique(band).tolist():
            values = ((band == number) * bits[:, None]).sum(axis=0).tolist()
            parts.append(f"#{number}{_runs(values)}$")
        parts.append("-")
    return ("".join(parts) + "\x1b\\").encode()


def _runs(values: list[int]) -> str:
    """Write a row of sixels, repeated ones with their count."""
    text, at = "", 0
    while at < len(values):
        end = at
        while end < len(values) and values[end] == values[at]:
            end += 1
        letter, count = chr(63 + values[at]), end - at
        text += f"!{count}{letter}" if count > 3 else letter * count
        at = end
    return text
