"""What was asked for lately is kept, up to a size."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lexret.serve.caches import remembering


def test_the_least_recently_used_gives_way() -> None:
    made: list[str] = []

    def make(value: str) -> Callable[[], str]:
        return lambda: made.append(value) or value

    remember = remembering(6, len)
    for value in ("aa", "bbb", "aa", "cc", "aa", "bbb"):
        assert remember(value, make(value)) == value
    assert made == ["aa", "bbb", "cc", "bbb"]  # bbb gave way to cc: aa was used since
    assert remember("aaaaaaa", make("aaaaaaa")) == "aaaaaaa"  # too large to be kept
    assert remember("bbb", make("other")) == "bbb"


def test_what_fails_is_not_kept() -> None:
    def fail() -> int:
        raise ValueError("no")

    remember = remembering(2)
    with pytest.raises(ValueError, match="no"):
        remember("key", fail)
    assert remember("key", lambda: 1) == remember("key", fail) == 1
