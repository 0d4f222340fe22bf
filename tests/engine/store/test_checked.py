"""Checked arrays: each block is compared with its checksum before it is used, and only once."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexret.engine.store.checked import BLOCK_BYTES, BlockSums, CheckedArray
from lexret.errors import DamageError

PATH = Path("segments/x/weights.bin")


def sums_of(values: np.ndarray, pieces: int = 1) -> np.ndarray:
    sums = BlockSums()
    for piece in np.array_split(values, pieces):
        if len(piece):
            sums.add(piece.data.cast("B"))
    return sums.finish()


def array_of(values: np.ndarray) -> CheckedArray:
    return CheckedArray(values, sums_of(values), PATH, "weights")


@given(st.integers(0, 5000), st.integers(1, 9))
def test_sums_do_not_depend_on_the_pieces(count: int, pieces: int) -> None:
    values = np.arange(count, dtype=np.float32)
    data = values.tobytes()
    expected = [
        zlib.crc32(data[start : start + BLOCK_BYTES]) for start in range(0, len(data), BLOCK_BYTES)
    ]
    assert sums_of(values, pieces).tolist() == expected


@given(data=st.data())
def test_what_is_given_is_whole_and_what_is_damaged_is_refused(data: st.DataObject) -> None:
    values = np.arange(3000, dtype=np.float32)
    damaged = values.copy()
    place = data.draw(st.integers(0, 2999))
    damaged.view(np.uint8)[4 * place] ^= 1
    array = CheckedArray(damaged, sums_of(values), PATH, "weights")
    start = data.draw(st.integers(0, 3000))
    stop = data.draw(st.integers(start, 3000))
    touched = range(start * 4 // BLOCK_BYTES, -(-stop * 4 // BLOCK_BYTES)) if stop > start else ()
    is_hit = place * 4 // BLOCK_BYTES in touched
    places = np.arange(start, stop)
    asks = (
        lambda: array.part(start, stop),
        lambda: array.at(places),
        lambda: (array.require_each(np.array([start]), np.array([stop])), values[start:stop])[1],
    )
    for ask in data.draw(st.permutations(asks)):
        if is_hit:
            with pytest.raises(DamageError, match=r"weights\.bin is damaged: bytes .* 'weights'"):
                ask()
        else:
            assert ask().tolist() == values[start:stop].tolist()
    with pytest.raises(DamageError):
        array.whole()
    assert array.damaged_blocks() == [place * 4 // BLOCK_BYTES]
    first, last = array.elements_of(place * 4 // BLOCK_BYTES)
    assert first <= place < last and last - first <= BLOCK_BYTES // 4


def test_a_block_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[int] = []
    crc = CheckedArray._crc
    monkeypatch.setattr(
        CheckedArray, "_crc", lambda self, block: (checked.append(block), crc(self, block))[1]
    )
    array = array_of(np.arange(4096, dtype=np.int64))
    for _ in range(3):
        array.part(1000, 1030)
        array.at(np.array([5, 4095]))
        array.require_each(np.array([0, 2000, 7]), np.array([3, 2000, 1030]))
    assert sorted(checked) == [0, 1, 2, 7]
    array.whole()
    assert sorted(checked) == list(range(8))


def test_an_array_that_is_asked_often_is_checked_to_its_end() -> None:
    values = np.arange(4096, dtype=np.int64)  # 8 blocks
    array = array_of(values)
    for _ in range(7):
        array.part(0, 1)
        assert not array.is_sound
    array.part(0, 1)
    assert array.is_sound
    damaged = values.copy()
    damaged[-1] ^= 1
    array = CheckedArray(damaged, sums_of(values), PATH, "weights")
    for _ in range(20):
        assert array.part(0, 1).tolist() == [0]  # damage elsewhere is not its business
    with pytest.raises(DamageError):
        array.part(4095, 4096)


def test_one_checksum_is_that_of_the_whole_array() -> None:
    values = np.arange(4096, dtype=np.int64)
    array = CheckedArray(values, [zlib.crc32(values.data)], PATH, "docs")
    assert array.part(0, 1).tolist() == [0]
    wrong = CheckedArray(values, [0], PATH, "docs")
    with pytest.raises(DamageError):
        wrong.part(4000, 4001)


def test_an_empty_array_is_whole() -> None:
    array = array_of(np.empty(0, np.float32))
    assert len(array.whole()) == len(array.part(0, 0)) == len(array.at(np.empty(0, np.int64))) == 0
    array.require_each(np.zeros(2, np.int64), np.zeros(2, np.int64))
