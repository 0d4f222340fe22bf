"""The page in a browser: one photo shown large, explained, and cut out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chromium import Browser, find_chromium
from page_actions import IN_CHROMIUM, box_of, loaded, names, settled
from PIL import Image

from lexret.library.library import Library

pytestmark = IN_CHROMIUM


def test_a_photo_is_shown_large_and_explained(browser: Browser, address: str, shots: Path) -> None:
    browser.open(f"{address}/?q=a+cat")
    settled(browser)
    first = names(browser)[:2]
    browser.run("document.querySelector('.hit').focus()")
    browser.press("Enter", 13)
    browser.wait("document.getElementById('viewer').dataset.explained === 'yes'")
    assert browser.run("document.getElementById('viewer-title').textContent") == "chelsea.png"
    browser.wait("document.querySelector('.photo .large.ready')")
    assert "cat" in browser.run(
        "[...document.querySelectorAll('#viewer .held button')].map((one) => one.textContent)"
    )
    assert browser.run("document.querySelector('#viewer dl').textContent.includes('451')")
    browser.run("document.querySelector('#viewer .remembered summary').click()")
    drawn = "document.querySelector('#viewer .remembered img')"
    browser.wait(f"{drawn}?.naturalWidth > 600")
    browser.run(f"{drawn}.scrollIntoView()")
    browser.screenshot(shots / "serve-remembered.png")
    browser.run("document.querySelector('#viewer .side').scrollTop = 0")
    words = "[...document.querySelectorAll('#viewer .bar b')].map((one) => one.textContent)"
    assert "cat" in browser.run(words)
    browser.run("document.querySelector('#viewer .bar[data-word=cat]').click()")
    painted = """(() => { const c = document.querySelector('.photo canvas');
      const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      return new Set(d).size })()"""
    assert browser.run(painted) > 20
    browser.screenshot(shots / "serve-explain.png")
    browser.run("document.querySelector('#viewer .why-found details').open = true")
    browser.wait("document.querySelector('#viewer .parts canvas').width > 1")
    assert browser.run("document.querySelectorAll('#viewer .cloud').length") >= 2
    fitting = """[...document.querySelectorAll('#viewer .cloud')].every((cloud) => {
      const whole = cloud.getBoundingClientRect();
      return [...cloud.querySelectorAll('text')].every((one) => {
        const b = one.getBoundingClientRect();
        return b.left >= whole.left - 2 && b.right <= whole.right + 2; }) })"""
    assert browser.run(fitting), "a word of a cloud is cut off"
    browser.press("ArrowRight", 39)
    browser.wait(f"document.getElementById('viewer').dataset.id === {json.dumps(first[1])}")
    browser.wait("document.getElementById('viewer').dataset.ready === 'yes'")
    browser.press("ArrowLeft", 37)
    browser.wait("document.getElementById('viewer').dataset.id === 'chelsea.png'")
    browser.press("Escape", 27)
    browser.wait("!document.getElementById('viewer').open")
    browser.wait("document.activeElement.dataset.id === 'chelsea.png'")
    assert browser.run("location.search") == "?q=a+cat"


def test_a_closer_look_takes_the_file_itself(
    photos: Path, tmp_path: Path, serve_library: Any
) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    with Image.open(photos / "chelsea.png") as image:
        image.convert("RGB").resize((2255, 1500)).save(folder / "large.jpg")
    with (
        serve_library(Library.create(folder)) as (host, port),
        Browser(str(find_chromium()), tmp_path / "profile") as browser,
    ):
        browser.open(f"http://{host}:{port}/?show=large.jpg")
        browser.wait("document.getElementById('viewer').dataset.ready === 'yes'")
        browser.wait("document.querySelector('.photo .large.ready')?.naturalWidth === 1600")
        assert not browser.run("document.querySelector('.photo .whole')")
        browser.run("document.querySelector('#viewer [aria-label^=Larger]').click()")
        browser.wait("document.querySelector('.photo .whole.ready')?.naturalWidth === 2255")
        assert not browser.errors, browser.errors


def test_a_box_drawn_in_the_viewer_is_a_query(browser: Browser, address: str) -> None:
    browser.open(f"{address}/?show=rocket.jpg")
    browser.wait("document.getElementById('viewer').dataset.explained === 'yes'")
    browser.press("b", 66)
    browser.wait("document.querySelector('#viewer .sheet')")
    x, y, width, height = box_of(browser, ".photo")
    browser.drag((x + 0.3 * width, y + 0.2 * height), (x + 0.7 * width, y + 0.8 * height))
    browser.wait("document.querySelector('#viewer .heard .cloud text')")
    browser.run("document.querySelector('#viewer .heard button.first').click()")
    browser.wait("location.search.includes('like=rocket.jpg') && location.search.includes('box=')")
    settled(browser)
    assert names(browser)
    told = browser.run("document.getElementById('asked').textContent")
    assert "a part of rocket.jpg" in told


def test_a_photo_in_the_corner_is_opened_where_there_is_no_pointer(
    browser: Browser, address: str
) -> None:
    browser.resize(390, 844, phone=True)
    browser.touching()
    browser.open(f"{address}/?q=a+cat")
    settled(browser)
    at = """((tile) => { const { left, top } = tile.querySelector('.pick').getBoundingClientRect();
      return document.elementFromPoint(left + 9, top + 9).closest('.hit') !== null })(
      document.querySelector('#grid .tile'))"""
    assert browser.run(at), "a box that nobody sees takes the touch"
    browser.run("document.querySelector('#grid .pick').click()")
    assert not browser.run(at)


def test_an_address_leads_to_a_photo_and_to_those_beside_it(
    many: Library, tmp_path: Path, serve_library: Any
) -> None:
    line = [one.doc_id for one in many.timeline(copies=False).pictures(12_000, 3)]
    with (
        serve_library(many) as (host, port),
        Browser(str(find_chromium()), tmp_path / "profile") as browser,
    ):
        browser.open(f"http://{host}:{port}/?show={line[1].replace(' ', '+')}")
        browser.wait("document.getElementById('viewer').dataset.ready === 'yes'")
        for key, code, to in (("ArrowRight", 39, line[2]), ("ArrowLeft", 37, line[1]),
                              ("ArrowLeft", 37, line[0])):  # fmt: skip
            browser.press(key, code)
            browser.wait(f"document.getElementById('viewer').dataset.id === {json.dumps(to)}")
            browser.wait("document.getElementById('viewer').dataset.ready === 'yes'")
        browser.press("Escape", 27)
        browser.wait(f"document.activeElement.dataset.id === {json.dumps(line[0])}")
        assert browser.run("location.search") == ""
        assert not browser.errors, browser.errors


def test_a_swipe_leads_to_the_next_photo_and_a_long_touch_selects(
    browser: Browser, address: str
) -> None:
    browser.resize(390, 844, phone=True)
    browser.touching()
    browser.open(f"{address}/?q=a+cat")
    settled(browser)
    loaded(browser, "#grid")
    first = names(browser)[:2]
    x, y, width, height = box_of(browser, "#grid .hit")
    browser.touch([(x + width / 2, y + height / 2)], seconds=0.8)
    browser.wait("document.getElementById('selected').textContent.includes('1 selected')")
    assert not browser.run("document.getElementById('viewer').open")
    browser.run("document.querySelector('#selected button').click()")
    browser.touch([(x + width / 2, y + height / 2)])
    browser.wait("document.getElementById('viewer').dataset.ready === 'yes'")
    for points, to in (([300, 200, 80], first[1]), ([80, 200, 300], first[0])):
        browser.touch([(place, 200) for place in points])
        browser.wait(f"document.getElementById('viewer').dataset.id === {json.dumps(to)}")
        browser.wait("document.getElementById('viewer').dataset.ready === 'yes'")
