"""The page in a browser: what it opens on, sizes of the window, and coming back."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from chromium import Browser, find_chromium
from page_actions import IN_CHROMIUM, box_of, loaded, names, search, settled

from lexret.library.library import Library

pytestmark = IN_CHROMIUM


def test_it_opens_on_the_photos_and_ways_in(browser: Browser, address: str, shots: Path) -> None:
    browser.open(f"{address}/")
    browser.wait("document.querySelectorAll('#grid .hit').length >= 8")
    browser.wait("document.querySelectorAll('#home .words a').length >= 10")
    assert browser.run("document.querySelector('#grid h2').textContent")
    loaded(browser, "#grid")
    browser.screenshot(shots / "serve-home.png")
    counted = "document.querySelector('#home .words .count').textContent"
    assert int(browser.run(counted)) >= 1
    browser.run("document.querySelector('#home .line a').click()")
    browser.wait("location.search.startsWith('?q=')")
    settled(browser)
    assert names(browser), "an example finds nothing"
    browser.open(f"{address}/")
    browser.wait("document.querySelectorAll('#home .line').length === 2")  # and the recent search


def test_photos_keep_their_proportions_and_fill_the_rows(browser: Browser, address: str) -> None:
    browser.open(f"{address}/")
    browser.wait("document.querySelectorAll('#grid .hit img').length >= 8")
    loaded(browser, "#grid")
    off = """[...document.querySelectorAll('#grid .hit img')].map((one) => {
      const { width, height } = one.getBoundingClientRect();
      return Math.abs(Math.log(width / height / (one.naturalWidth / one.naturalHeight))) })"""
    assert max(browser.run(off)) < 0.05
    rows = """[...document.querySelectorAll('#grid .row:has(+ .row)')].map((one) =>
      one.getBoundingClientRect().right - one.lastElementChild.getBoundingClientRect().right)"""
    gaps = browser.run(rows)
    assert all(abs(gap) < 2 for gap in gaps), gaps


def test_who_comes_back_finds_the_place_again(
    many: Library, tmp_path: Path, serve_library: Any
) -> None:
    with (
        serve_library(many) as (host, port),
        Browser(str(find_chromium()), tmp_path / "profile") as browser,
    ):
        browser.open(f"http://{host}:{port}/")
        browser.wait("document.querySelector('#grid .hit')")
        browser.run("scrollTo(0, 50000)")
        browser.wait("history.state?.top === 50000")
        browser.wait("document.querySelector('#grid .hit')")
        first = browser.run("document.querySelector('#grid .hit').dataset.id")
        shown = f"document.querySelector('#grid [data-id={json.dumps(first)}]')"
        search(browser, "path:*7.png")
        browser.wait("scrollY === 0 && document.querySelector('#chips .chip')")
        browser.run("history.back()")
        browser.wait(f"location.search === '' && {shown}")
        browser.wait("Math.abs(scrollY - 50000) < 2")
        browser.run("location.reload()")
        browser.wait(f"document.body?.dataset.ready === 'yes' && {shown}")
        browser.wait("Math.abs(scrollY - 50000) < 2")
        assert not browser.errors, browser.errors


def test_photos_do_not_jump_as_the_ways_in_come(
    photos: Path, tmp_path: Path, serve_library: Any
) -> None:
    with (
        serve_library(Library.open(photos)) as (host, port),
        Browser(str(find_chromium()), tmp_path / "profile") as browser,
    ):
        address = f"http://{host}:{port}/"
        browser.open(address)  # the overview is made with the first visit
        browser.wait("document.querySelector('#home .words')")
        browser.open("about:blank", ready="true")
        browser.open(address)
        browser.wait("document.querySelector('#grid .hit')")
        before = box_of(browser, "#grid")
        browser.wait("document.querySelector('#home .words')")
        browser.run("new Promise((done) => setTimeout(done, 500))")
        assert box_of(browser, "#grid") == before


@pytest.mark.parametrize("width", [320, 640])
def test_the_search_box_has_room_when_the_page_is_enlarged(
    browser: Browser, address: str, width: int
) -> None:
    browser.resize(width, 450)
    browser.open(f"{address}/?q=a+cat")
    settled(browser)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert box_of(browser, "#q")[2] > 0.4 * width


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone(browser: Browser, address: str, shots: Path, dark: bool) -> None:
    browser.resize(390, 844, phone=True, dark=dark)
    browser.open(f"{address}/?q=a+cat")
    settled(browser)
    assert browser.run("document.documentElement.scrollWidth") <= 390
    loaded(browser, "#grid")
    browser.screenshot(shots / f"serve-phone{'-dark' if dark else ''}.png")
    browser.run("document.querySelector('.hit').click()")
    browser.wait("document.getElementById('viewer').dataset.ready === 'yes'")
    browser.wait("document.querySelector('.photo .large.ready')")
    assert browser.run("document.getElementById('viewer').scrollWidth") <= 390
    browser.screenshot(shots / f"serve-phone-photo{'-dark' if dark else ''}.png")


def test_copies_are_one_photo_until_each_is_asked_for(
    photos: Path, tmp_path: Path, serve_library: Any
) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    for name in ("coffee.png", "cup.png", "a cup.png"):
        shutil.copyfile(photos / "coffee.png", folder / name)
        when = 10 + len(name)
        os.utime(folder / name, (when, when))
    library = Library.create(folder)
    with (
        serve_library(library) as (host, port),
        Browser(str(find_chromium()), tmp_path / "profile") as browser,
    ):
        browser.open(f"http://{host}:{port}/?q=a+cup+of+coffee")
        settled(browser)
        assert names(browser) == ["cup.png"]
        told = "document.querySelector('.copies')"
        assert browser.run(f"{told}.textContent") == " +2 copies"
        assert browser.run(f"{told}.title").split("\n") == ["a cup.png", "coffee.png"]
        browser.run("document.getElementById('more').click()")
        browser.run("document.getElementById('copies').click()")
        browser.wait("document.querySelectorAll('#grid .hit').length === 3")
        assert browser.run("location.search") == "?q=a+cup+of+coffee&copies=true"
        browser.run("history.back()")
        browser.wait("document.querySelectorAll('#grid .hit').length === 1")
        assert browser.run("document.getElementById('copies').checked") is False
        browser.open(f"http://{host}:{port}/")
        browser.wait("document.querySelector('#grid .badge')?.textContent === '+2'")
        assert names(browser) == ["cup.png"]
        browser.open(f"http://{host}:{port}/?copies=true")
        browser.wait("document.querySelectorAll('#grid .hit').length === 3")
        assert not browser.errors, browser.errors
