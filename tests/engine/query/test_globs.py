"""Wildcard patterns: what they fit, against regular expressions, and the steps that it takes."""

from __future__ import annotations

import re
from fnmatch import translate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexret.engine.query import globs
from lexret.engine.query.globs import Name, path_pattern
from lexret.errors import InputError


@given(st.text(alphabet="ab*?[]!-", max_size=8), st.text(alphabet="abc[]!-", max_size=8))
def test_names_fit_as_a_backtracking_expression_says(glob: str, text: str) -> None:
    if re.search(r"\[!?(.-)|-\]|\[!?\]", glob):  # corners that shells read differently
        return
    try:
        name = Name(glob)
    except InputError:
        return
    assert name.fits(text) == (re.match(translate(glob), text) is not None)


def translated_path(glob: str) -> str:
    """What a glob of a path means, as an expression; without sets."""
    parts = glob.split("/")
    expression = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            expression += ".*" if last else "(?:.*/)?"
        else:
            escaped = re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
            expression += escaped + ("" if last else "/")
    return expression + "(?:/.*)?"


@given(
    st.lists(
        st.sampled_from(["**", "a", "b", "*", "a*", "*b", "?", "**b"]), min_size=2, max_size=5
    ),
    st.lists(st.sampled_from(["a", "b", "ab", "", "aab"]), min_size=1, max_size=6),
)
def test_paths_fit_as_a_backtracking_expression_says(parts: list[str], names: list[str]) -> None:
    glob, path = "/".join(parts), "/".join(names)
    expected = re.fullmatch(translated_path(glob), path) is not None
    assert path_pattern(glob).fits(path) == expected


@pytest.mark.parametrize(
    ("glob", "fitting", "other"),
    [
        ("[a-c]x", "bx", "dx"),
        ("[!a-c]x", "dx", "bx"),
        ("[]]", "]", "x"),
        ("[!]]", "x", "]"),
        ("[a-]", "-", "b"),
        ("[ab", "[ab", "a"),
        ("a[!]", "a[!]", "ab"),
        ("a**b***c", "aXbYc", "ab"),
        ("*a*a", "aa", "a"),
        ("", "", "a"),
    ],
)
def test_sets_stars_and_open_brackets(glob: str, fitting: str, other: str) -> None:
    assert Name(glob).fits(fitting)
    assert not Name(glob).fits(other)


def test_the_case_is_left_aside_where_it_is_folded() -> None:
    name = Name("Straße [A-F]*", fold=str.casefold)
    assert name.fits("STRASSE b12")
    assert name.fits("straße F")
    assert not name.fits("Straße g")


def test_a_range_that_runs_backwards_is_refused() -> None:
    with pytest.raises(InputError, match="z-a runs backwards"):
        Name("x[z-a]")


HOSTILE = [
    ("*?*?*?*?*?*?*?*%", "a" * 50),
    ("*" + "a*" * 30 + "b", "a" * 60),
    ("*" + "[ab]*" * 30 + "c", "ab" * 40),
    ("*" + "[ab]" * 20 + "*c", "ab" * 200),
    ("**/" + "a*/**/" * 12 + "x", "/".join(["a"] * 60)),
    ("**/" + "a/" * 12 + "**/b/**/x", "/".join(["a"] * 60)),
    ("**/*?*?*?*?*?*?%/**", "/".join(["a" * 40] * 10)),
]


@pytest.mark.parametrize(("glob", "path"), HOSTILE)
def test_a_hostile_pattern_takes_no_more_steps_than_pattern_times_text(
    monkeypatch: pytest.MonkeyPatch, glob: str, path: str
) -> None:
    steps = 0
    compare, stands_at, find = globs._is, globs.Run.stands_at, globs.Run.find

    def counted_compare(part, character: str) -> bool:
        nonlocal steps
        steps += 1
        return compare(part, character)

    def counted_stands_at(run, text: str, place: int) -> bool:
        nonlocal steps
        steps += 1
        return stands_at(run, text, place)

    def counted_find(run, text: str, start: int, end: int) -> int:
        nonlocal steps
        steps += 1 + (max(end - start, 0) if run.text is not None else 0)
        return find(run, text, start, end)

    monkeypatch.setattr(globs, "_is", counted_compare)
    monkeypatch.setattr(globs.Run, "stands_at", counted_stands_at)
    monkeypatch.setattr(globs.Run, "find", counted_find)
    pattern = path_pattern(glob) if "/" in path else Name(glob)
    assert not pattern.fits(path)
    # 0.1 s are some hundred thousand steps.
    assert 0 < steps <= 2 * len(glob) * len(path) < 200_000
