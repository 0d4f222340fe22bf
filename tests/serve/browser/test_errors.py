"""The page in a browser: errors, files that are gone, and a server that is gone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from chromium import Browser, find_chromium
from page_actions import IN_CHROMIUM, names, search, settled

from lexret.library.library import Library

pytestmark = IN_CHROMIUM


def test_an_error_is_shown_where_it_is(browser: Browser, address: str, shots: Path) -> None:
    browser.open(f"{address}/")
    search(browser, "a cat -(dog OR")
    told = browser.run("document.getElementById('status').textContent")
    assert "never closed" in told and "^" in told
    browser.screenshot(shots / "serve-error.png")
    browser.errors.clear()  # the browser's own note on the refused request


def test_a_file_that_is_gone_is_told_where_the_photo_was(
    photos: Path, tmp_path: Path, serve_library: Any
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    for name in ("coffee.png", "rocket.jpg"):
        shutil.copyfile(photos / name, folder / name)
    library = Library.create(folder)
    (folder / "coffee.png").unlink()
    with (
        serve_library(library) as (host, port),
        Browser(str(find_chromium()), tmp_path / "profile") as browser,
    ):
        browser.open(f"http://{host}:{port}/?q=a+cup+of+coffee")
        settled(browser)
        browser.wait("document.querySelector('#grid .lost')")
        told = browser.run("document.querySelector('#grid .lost').innerText")
        assert "coffee.png" in told and "cannot be shown" in told
        browser.run("document.querySelector('#grid .broken .hit').click()")
        browser.wait("document.querySelector('#viewer .gone')")
        browser.wait("document.getElementById('viewer').dataset.ready === 'yes'")
        offered = "[...document.querySelectorAll('#viewer a.file')].map((one) => one.offsetWidth)"
        assert set(browser.run(offered)) == {0}, "what needs the file is offered"
        assert all("404" in error for error in browser.errors), browser.errors


def test_a_server_that_is_back_is_asked_again(
    photos: Path, tmp_path: Path, serve_library: Any
) -> None:
    library = Library.open(photos)
    status = "document.getElementById('status')"
    with Browser(str(find_chromium()), tmp_path / "profile") as browser:
        with serve_library(library) as (host, port):
            browser.open(f"http://{host}:{port}/")
            browser.wait("document.querySelector('#grid .hit')")
        search(browser, "a cat")
        browser.wait(f"{status}.textContent.includes('does not answer')")
        browser.run("document.getElementById('more').click()")
        browser.wait(f"{status}.querySelectorAll('button').length === 1")
        with serve_library(library, port=port):
            browser.run(f"{status}.querySelector('button').click()")
            browser.wait("document.querySelector('#grid .hit')")
            assert names(browser)[0] == "chelsea.png"
            assert not browser.run(f"{status}.classList.contains('bad')")
        assert all("CONNECTION" in error for error in browser.errors), browser.errors
