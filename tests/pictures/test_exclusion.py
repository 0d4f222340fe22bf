"""Patterns of names that are left out: what they mean, and that they take no time."""

from __future__ import annotations

import fnmatch
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexret.errors import InputError
from lexret.pictures.exclusion import (
    DEFAULT_EXCLUSIONS,
    deciding,
    parse_exclusion,
    read_ignore_file,
)


def matches(pattern: str, path: str) -> bool:
    is_folder = path.endswith("/")
    parts = path.rstrip("/").split("/")
    return parse_exclusion(pattern).matches(parts, is_folder=is_folder)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.gif", "a.gif", True),
        ("*.gif", "deep/below/a.GIF", True),
        ("*.gif", "a.gift", False),
        ("Drafts/", "x/drafts/", True),
        ("Drafts/", "x/Drafts", False),
        ("Drafts", "x/Drafts", True),
        ("scans/raw", "scans/raw/", True),
        ("scans/raw", "x/scans/raw/", False),
        ("/a.jpg", "a.jpg", True),
        ("/a.jpg", "x/a.jpg", False),
        ("**/raw/*.tif", "raw/a.tif", True),
        ("**/raw/*.tif", "x/y/raw/a.tif", True),
        ("x/**/z.jpg", "x/z.jpg", True),
        ("x/**/z.jpg", "x/a/b/z.jpg", True),
        ("x/**/z.jpg", "y/z.jpg", False),
        ("x/**", "x/a/b", True),
        ("?.jpg", "a.jpg", True),
        ("?.jpg", "ab.jpg", False),
        ("*", "anything", True),
        ("a*b*c.png", "aXbYc.png", True),
        ("a*b", "ab/x", False),
        ("[2019] *", "[2019] sea", True),
        ("[2019] *", "2 sea", False),
        (r"\*.jpg", "*.jpg", True),
        (r"\*.jpg", "a.jpg", False),
        (r"\!a", "!a", True),
        ("Zu\u0308rich", "Z\u00fcrich", True),
        ("Z\u00dcRICH", "zu\u0308rich", True),
        ("Stra\u00dfe", "STRASSE", True),
    ],
)
def test_what_a_pattern_names(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected


@given(
    st.text("ab*?", min_size=1, max_size=8).filter(lambda text: "**" not in text),
    st.text("abc", min_size=1, max_size=10),
)
def test_within_a_name_patterns_mean_what_they_mean_elsewhere(pattern: str, name: str) -> None:
    assert matches(pattern, name) is fnmatch.fnmatchcase(name, pattern)


@given(st.lists(st.sampled_from(["a", "b", "**"]), min_size=2, max_size=6),
       st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=7))  # fmt: skip
def test_folders_between_are_any_number(pattern: list[str], path: list[str]) -> None:
    def fits(parts: list[str], names: list[str]) -> bool:
        if not parts:
            return not names
        if parts[0] == "**":
            return any(fits(parts[1:], names[n:]) for n in range(len(names) + 1))
        return bool(names) and parts[0] == names[0] and fits(parts[1:], names[1:])

    assert matches("/".join(pattern), "/".join(path)) is fits(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [("*?" * 200 + "%", "a" * 400), ("*a" * 100 + "b", "a" * 400),
     ("/".join(["**", "a"] * 100) + "/b", "/".join(["a"] * 400))],
)  # fmt: skip
def test_patterns_that_try_all_ways_elsewhere_end_at_once(pattern: str, path: str) -> None:
    started = time.process_time()
    assert not matches(pattern, path)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("pattern", ["", "/", "!", "!/", "../up", "a/../b", ".", "//"])
def test_a_pattern_that_names_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(InputError, match="names nothing"):
        parse_exclusion(pattern)


def test_the_last_pattern_that_fits_decides() -> None:
    rules = [parse_exclusion(text) for text in ("*.png", "!keep*", "keep-not.png")]

    def decision(name: str) -> str | None:
        found = deciding(rules, [name], is_folder=False)
        return found and found.text

    assert decision("a.png") == "*.png"
    assert decision("keep.png") == "!keep*"
    assert decision("keep-not.png") == "keep-not.png"
    assert decision("a.jpg") is None


def test_an_ignore_file_has_comments_and_blank_lines(tmp_path: Path) -> None:
    file = tmp_path / ".lexretignore"
    file.write_text("# scans\n\n*.tif  \n!Best/\n\\#1.jpg\n", encoding="utf-8-sig")
    assert [rule.text for rule in read_ignore_file(file)] == ["*.tif", "!Best/", r"\#1.jpg"]
    assert read_ignore_file(file)[2].matches(["#1.jpg"], is_folder=False)
    file.write_text("*.tif\n../up\n")
    with pytest.raises(InputError, match=r"\.lexretignore, line 2: .*\.\./up"):
        read_ignore_file(file)
    file.write_bytes(b"caf\xe9")
    with pytest.raises(InputError, match="not UTF-8"):
        read_ignore_file(file)


def test_every_default_names_folders_alone() -> None:
    assert all(parse_exclusion(text).folders_only for text in DEFAULT_EXCLUSIONS)
