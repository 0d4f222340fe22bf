"""Text and JSON files that people name."""

from __future__ import annotations

from pathlib import Path

import pytest

from lexret.errors import InputError, MissingError
from lexret.files.text import read_json, read_text


def test_a_byte_order_mark_is_no_part_of_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_text(tmp_path / "a.json") == '{"a": 1}'
    assert read_json(tmp_path / "a.json") == {"a": 1}


def test_what_is_missing_is_called_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="There is no captions file"):
        read_json(tmp_path / "none.json", what="captions file")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff{}", "is not UTF-8 text"), (b"{", "is not JSON"), (b"[" * 200_000, "is not JSON")],
)
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_json(tmp_path / "a.json")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_text(tmp_path)
