"""Memory that decoding takes: what a picture needs, and a budget that several readers share."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from PIL import Image

# Bytes that a pixel takes in Pillow; every mode that is not named takes 4.
_BYTES_A_PIXEL: Final = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
# What decoders hold beside that of the whole picture, in bytes a pixel: other frames, planes of
# another colour space, the same as bytes, or (JPEG 2000) channels of 4 bytes.
_BYTES_BESIDE: Final = {"GIF": 8, "WEBP": 8, "AVIF": 8, "HEIF": 6, "JPEG2000": 16, "TIFF": 4}
# A progressive JPEG file is decoded from the coefficients of the whole picture, 2 bytes each.
_BYTES_A_COEFFICIENT: Final = 2


def decoding_cost(image: Image.Image, full_size: tuple[int, int] | None = None) -> int:
    """Return about how many bytes decoding a picture takes at most, from its header alone.

    Args:
        image: opened and not loaded, at the size that it is going to be decoded at.
        full_size: of the picture in the file, where that is another.
    """
    width, height = image.size
    full_width, full_height = full_size or image.size
    beside = _BYTES_BESIDE.get(image.format or "", 0)
    cost = width * height * (_BYTES_A_PIXEL.get(image.mode, 4) + beside)
    if image.info.get("progressive"):
        cost += full_width * full_height * _BYTES_A_COEFFICIENT * len(image.getbands())
    return cost


class MemoryBudget:
    """Bytes that threads take before they decode and give back after it; first come, first served.

    What needs more than the whole budget waits until nobody else holds any, and runs alone.

    Args:
        num_bytes: that may be held together.

    Attributes:
        num_bytes: that may be held together.
        most_held: the most that was held at a time.
    """

    def __init__(self, num_bytes: int) -> None:
        self.num_bytes = num_bytes
        self.most_held = 0
        self._held = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def holding(self, num_bytes: int) -> Iterator[None]:
        """Wait until so many bytes are free, and hold them while the ``with`` statement runs."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            self._changed.wait_for(lambda: self._waiting[0] is ticket and self._has(num_bytes))
            self._waiting.popleft()
            self._held += num_bytes
            self.most_held = max(self.most_held, self._held)
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._held -= num_bytes
                self._changed.notify_all()

    def _has(self, num_bytes: int) -> bool:
        return not self._held or self._held + num_bytes <= self.num_bytes
