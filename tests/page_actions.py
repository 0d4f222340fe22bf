"""What tests do on the page in a browser: search, wait, choose, and look where things are."""

from __future__ import annotations

import json

import pytest
from chromium import Browser, find_chromium

IN_CHROMIUM = [
    pytest.mark.slow,
    pytest.mark.skipif(find_chromium() is None, reason="needs a browser: apt install chromium"),
]
"""Marks of tests that drive the page in Chromium."""


NUM_MANY = 20_000
"""Photos of the fixture ``many``."""


def search(browser: Browser, text: str) -> None:
    browser.run("document.getElementById('q').focus(); document.getElementById('q').select()")
    browser.type(text)
    browser.press("Enter", 13)
    settled(browser)


def settled(browser: Browser) -> None:
    """Wait for the answer; clear what is said of a request that was refused on purpose."""
    browser.wait("!/^(Searching|Looking)/.test(document.getElementById('status').textContent)")


def loaded(browser: Browser, within: str) -> None:
    images = f"[...document.querySelectorAll({json.dumps(within + ' img')})]"
    browser.wait(f"{images}.every((one) => one.complete && one.naturalWidth)")


def names(browser: Browser) -> list[str]:
    found: list[str] = browser.run(
        "[...document.querySelectorAll('#grid .hit')].map((one) => one.dataset.id)"
    )
    return found


def box_of(browser: Browser, selector: str) -> list[float]:
    """Where an element is drawn: x, y, width, height."""
    box: list[float] = browser.run(
        f"(() => {{ const b = document.querySelector({selector!r}).getBoundingClientRect();"
        " return [b.x, b.y, b.width, b.height] })()"
    )
    return box


def click(browser: Browser, selector: str) -> None:
    x, y, width, height = box_of(browser, selector)
    browser.drag((x + width / 2, y + height / 2), (x + width / 2, y + height / 2))


def choose(browser: Browser, within: str, text: str) -> None:
    buttons = f"[...document.querySelectorAll({json.dumps(within + ' button')})]"
    browser.run(f"{buttons}.find((one) => one.textContent.startsWith('{text}')).click()")
