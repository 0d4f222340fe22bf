"""Sealed files: whatever is changed in them is noticed, and they remain JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lexret.files.sealed import copy_of, replace_with_copy, seal, unseal

VALUES = {"format": "x", "names": ["a", "ä", "\udcff"], "nested": {"crc32": "00000000"}, "n": 3}


@pytest.mark.parametrize("ascii_only", [True, False])
def test_values_come_back_and_the_file_is_json(ascii_only: bool) -> None:
    data = seal(VALUES, ascii_only=ascii_only)
    assert unseal(data) == (VALUES, True)
    if ascii_only:
        found = json.loads(data)
        assert len(found.pop("crc32")) == 8
        assert found == VALUES


def test_every_changed_bit_is_noticed() -> None:
    data = seal(VALUES)
    for place in range(len(data)):
        for bit in range(8):
            damaged = data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]
            try:
                values, is_sealed = unseal(damaged)
            except ValueError:
                continue
            assert not is_sealed, (place, bit, values)


def test_every_cut_and_addition_is_noticed() -> None:
    data = seal(VALUES)
    for damaged in [*(data[:end] for end in range(len(data))), data + b"\n", data * 2, b" " + data]:
        with pytest.raises(ValueError):
            if not unseal(damaged)[1]:
                raise ValueError("not sealed")


def test_files_without_a_seal_are_read_as_such() -> None:
    assert unseal(b'{"a": 1}') == ({"a": 1}, False)
    for text in (b"", b"{", b"\xff", b"[" * 100_000):
        with pytest.raises(ValueError):
            unseal(text)


def test_a_file_is_replaced_with_its_copy(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    replace_with_copy(path, b"old")
    replace_with_copy(path, b"new")
    assert copy_of(path) == tmp_path / "manifest.copy.json"
    assert (path.read_bytes(), copy_of(path).read_bytes()) == (b"new", b"new")
    assert sorted(file.name for file in tmp_path.iterdir()) == [copy_of(path).name, path.name]
