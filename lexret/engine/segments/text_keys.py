"""Keys of texts: two bytes that rule out nearly all texts of a field but those asked for.

Shapes: N texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.engine.store.checked import AnyArray

KEY_BYTES: Final = 4
_FACTOR: Final = 2654435761  # 2**32 over the golden ratio

Keys = npt.NDArray[np.uint16]


def text_keys(offsets: AnyArray, joined: AnyArray) -> Keys:
    """Return the keys of texts, (N,); the key of a text shorter than ``KEY_BYTES`` is arbitrary.

    Args:
        offsets: (N + 1,) where each text begins, and where the last one ends.
        joined: the bytes of all texts.
    """
    return _hashed(_beginnings(offsets, joined))


def wanted_keys(texts: Sequence[bytes]) -> npt.NDArray[np.bool_]:
    """Return which of all keys are those of some texts, (65536,); short texts have none."""
    beginnings = [text[:KEY_BYTES] for text in texts if len(text) >= KEY_BYTES]
    wanted = np.zeros(1 << 16, dtype=bool)
    wanted[_hashed(np.frombuffer(b"".join(beginnings), dtype="<u4"))] = True
    return wanted


def _beginnings(offsets: AnyArray, joined: AnyArray) -> npt.NDArray[np.uint32]:
    """Return the first four bytes of texts as a number, (N,)."""
    number = len(offsets) - 1
    width = len(joined) // max(1, number)
    if width >= KEY_BYTES and np.array_equal(offsets, np.arange(number + 1) * width):
        table = joined.reshape(number, width)[:, :KEY_BYTES]  # hashes are all of one length
        return np.ascontiguousarray(table).view("<u4").ravel()
    padded = np.concatenate([joined, np.zeros(KEY_BYTES, dtype=np.uint8)])
    result = np.zeros(number, dtype=np.uint32)
    for place in range(KEY_BYTES):
        result |= padded[offsets[:-1] + place].astype(np.uint32) << np.uint32(8 * place)
    return result


def _hashed(beginnings: npt.NDArray[np.uint32]) -> Keys:
    """Return two bytes that depend on four: multiplicative hashing (Knuth, TAOCP 3, 6.4)."""
    return ((beginnings * np.uint32(_FACTOR)) >> np.uint32(16)).astype(np.uint16)
