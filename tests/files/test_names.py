"""File names as texts: JSON, pages and addresses hold any of them."""

from __future__ import annotations

import json
import os
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lexret.files.names import (
    MARK,
    is_whole,
    name_to_text,
    shown_line,
    strict_json,
    text_to_name,
    whole_text,
)

# Whatever the system may call a file: all bytes but 0. What it gives as text is decoded from them.
NAMES = st.binary(min_size=1, max_size=300).map(lambda data: os.fsdecode(data.replace(b"\0", b"/")))
ODD_NAMES = (
    "a\nb.jpg", 'quote".jpg', "it's.jpg", "a#b?c%41&d=e+f.jpg", "%E9.jpg", "\u202egpj.exe",
    "\u0627\u0644\u0635\u0648\u0631\u0629.jpg", "x" * 4000, "\ud83d\ude00.jpg".encode(
        "utf-16", "surrogatepass").decode("utf-16"), "bytes:a.jpg", "bytes:bytes:a.jpg",
    "latin1_\udce9t\udce9.jpg", "bytes:\udcff", " ", "a\tb", "<b>&amp;</b>.jpg",
)  # fmt: skip


@given(NAMES)
@example("bytes:")
def test_every_name_comes_back_through_json_and_an_address(name: str) -> None:
    text = name_to_text(name)
    assert is_whole(text)
    assert text_to_name(text) == name
    written = json.dumps(text, ensure_ascii=False).encode("utf-8")
    assert text_to_name(json.loads(written)) == name
    address = urlencode({"id": text})
    assert address.isascii()
    assert text_to_name(parse_qs(address, strict_parsing=True)["id"][0]) == name


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_come_back(name: str) -> None:
    assert text_to_name(json.loads(strict_json(name_to_text(name)))) == name


@given(NAMES, NAMES)
@example("bytes:%FF", "\udcff")
@example("bytes:bytes%3A", "bytes:")
def test_no_two_names_have_one_text(name: str, other: str) -> None:
    assert (name_to_text(name) == name_to_text(other)) == (name == other)


@given(st.text(alphabet=st.characters(codec="utf-8")).filter(lambda s: not s.startswith(MARK)))
def test_names_of_characters_are_their_own_text(name: str) -> None:
    assert name_to_text(name) == name


def test_the_bytes_of_other_names_are_percent_encoded() -> None:
    assert name_to_text("a b/latin1_\udce9t\udce9.jpg") == "bytes:a%20b/latin1_%E9t%E9.jpg"


@given(st.text())
@example("\ud83d\ude00")
def test_strict_json_holds_whole_characters_only(text: str) -> None:
    written = strict_json({text: [text, (text, 1.5, None)]})
    (found,) = json.loads(written)
    assert is_whole(found) and found == whole_text(text)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("caf\u00e9 \u2013 1.jpg", "caf\u00e9 \u2013 1.jpg"),
        ("a\nb\tc\x7fd\x85e\u2028f.jpg", "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf.jpg"),
        ("latin1_\udce9.jpg", "latin1_\ufffd.jpg"),
        ("\u202egpj.exe\u2066", "\ufffdgpj.exe\ufffd"),
        ("\u06a9\u062a\u0627\u0628\u200c\u0647\u0627.jpg",) * 2,  # joins letters; is a letter
    ],
)
def test_a_shown_line_is_one_in_the_order_of_its_letters(name: str, shown: str) -> None:
    assert shown_line(name) == shown
