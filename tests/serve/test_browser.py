"""The page in a real browser: search, explain, exclude, pictures as queries, nothing, errors.

With LEXRET_SCREENSHOTS=docs the pictures of the documentation are made by the way.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from chromium import Browser, find_chromium  # type: ignore[import-not-found]

from lexret.library.library import Library

PHOTOS = {
    "skimage": ("astronaut.png", "brick.png", "camera.png", "chelsea.png", "clock_motion.png",
                "coffee.png", "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg",
                "moon.png", "motorcycle_left.png", "page.png", "retina.jpg", "rocket.jpg",
                "text.png"),
    "sklearn": ("china.jpg", "flower.jpg"),
}  # fmt: skip
FOLDERS = {"skimage": "data", "sklearn": "datasets/images"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_chromium() is None, reason="needs a browser: apt install chromium"),
]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample photos of scikit-image and scikit-learn that are installed."""
    folder = tmp_path_factory.mktemp("photos")
    for package, names in PHOTOS.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            pytest.skip(f"needs the sample photos of {package}: pip install 'lexret[demo]'")
        for name in names:
            source = Path(spec.origin).parent / FOLDERS[package] / name
            if source.is_file():
                shutil.copyfile(source, folder / name)
    return folder


@pytest.fixture(scope="module")
def address(photos: Path, serve_library: Any) -> Iterator[str]:
    from lexret.encoders import load_model
    from lexret.library.updating.indexing import index_folders

    index_folders([photos], photos / ".lexret", load_model("mini").images, model_source="mini")
    library = Library.open(photos)
    library.encoders().texts().encode(["a cup of coffee"])
    with serve_library(library) as (host, port):
        yield f"http://{host}:{port}"


@pytest.fixture
def browser(tmp_path: Path, address: str) -> Iterator[Browser]:
    with Browser(str(find_chromium()), tmp_path / "profile") as one:
        yield one
        assert not one.errors, one.errors
        foreign = [url for url in one.requests
                   if not url.startswith((address, "about:", "blob:", "data:"))]  # fmt: skip
        assert not foreign, "the page asked for something elsewhere"


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chosen = os.environ.get("LEXRET_SCREENSHOTS")
    folder = Path(chosen) if chosen else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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


def test_a_search_shows_photos_with_the_words_that_match(
    browser: Browser, address: str, shots: Path
) -> None:
    browser.open(f"{address}/")
    search(browser, "a cup of coffee")
    assert names(browser)[0] == "coffee.png"
    assert browser.run("location.search") == "?q=a+cup+of+coffee"
    assert browser.run("document.querySelector('.hit .why').textContent").split()
    loaded(browser, "#grid li:nth-child(-n+10)")
    browser.screenshot(shots / "serve-search.png")
    browser.run("history.back()")
    browser.wait("location.search === ''")
    browser.wait("!document.querySelector('.hit')")


def test_words_are_completed_from_the_vocabulary(browser: Browser, address: str) -> None:
    browser.open(f"{address}/")
    browser.run("document.getElementById('q').focus()")
    browser.type("a motorc")
    browser.wait("!document.getElementById('words').hidden")
    browser.press("ArrowDown", 40)
    browser.press("Enter", 13)
    assert browser.run("document.getElementById('q').value").startswith("a motorcycle")


def test_a_photo_is_explained(browser: Browser, address: str, shots: Path) -> None:
    browser.open(f"{address}/?q=a+cat")
    settled(browser)
    browser.run("document.querySelector('.hit').focus()")
    browser.press("Enter", 13)
    browser.wait("document.getElementById('explain').dataset.ready === 'yes'")
    assert browser.run("document.getElementById('explain-title').textContent") == "chelsea.png"
    loaded(browser, "#explain .photo")
    browser.wait("document.querySelector('#explain .parts canvas').width > 1")
    browser.wait("document.querySelector('.photo canvas').width > 1")
    browser.wait("document.querySelector('.bar[aria-pressed=true]')")
    words = "[...document.querySelectorAll('#explain .bar b')].map((one) => one.textContent)"
    assert "cat" in browser.run(words)
    painted = """(() => { const c = document.querySelector('.photo canvas');
      const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      return new Set(d).size })()"""
    assert browser.run(painted) > 20
    assert browser.run("document.querySelectorAll('#explain .cloud').length") >= 2
    fitting = """[...document.querySelectorAll('#explain .cloud')].every((cloud) => {
      const whole = cloud.getBoundingClientRect();
      return [...cloud.querySelectorAll('text')].every((one) => {
        const b = one.getBoundingClientRect();
        return b.left >= whole.left - 2 && b.right <= whole.right + 2; }) })"""
    assert browser.run(fitting), "a word of a cloud is cut off"
    browser.screenshot(shots / "serve-explain.png")
    browser.press("Escape", 27)
    browser.wait("!document.getElementById('explain').open")
    browser.wait("document.activeElement.dataset.id === 'chelsea.png'")


def test_a_chip_excludes_a_word(browser: Browser, address: str) -> None:
    browser.open(f"{address}/?q=a+cat+on+a+chair")
    settled(browser)
    assert "chelsea.png" in names(browser)
    browser.run("document.querySelector('.chip[data-word=cat] button:nth-of-type(2)').click()")
    browser.wait("location.search.includes('-cat')")
    settled(browser)
    assert "chelsea.png" not in names(browser)
    browser.run("document.querySelector('.chip[data-word=cat] button:nth-of-type(1)').click()")
    browser.wait("location.search.includes('%2Bcat')")
    settled(browser)
    assert "chelsea.png" in names(browser)
    browser.run("document.querySelector('.chip[data-word=cat] button:nth-of-type(3)').click()")
    browser.wait("location.search.includes('%2Bcat%5E2')")


def test_a_photo_is_the_query_and_so_is_a_part_of_it(
    browser: Browser, address: str, photos: Path, shots: Path
) -> None:
    browser.open(f"{address}/")
    browser.choose_file("#file", photos / "rocket.jpg")
    browser.wait("location.search.includes('image=')")
    settled(browser)
    assert names(browser)[0] == "rocket.jpg"
    browser.wait("document.querySelector('#asked .draw img').naturalWidth")
    x, y, width, height = browser.run(
        "(() => { const b = document.querySelector('#asked .draw img').getBoundingClientRect();"
        " return [b.x, b.y, b.width, b.height] })()"
    )
    browser.drag((x + 0.3 * width, y + 0.2 * height), (x + 0.7 * width, y + 0.9 * height))
    browser.wait("location.search.includes('box=')")
    settled(browser)
    loaded(browser, "#grid li:nth-child(-n+10)")
    assert browser.run("!document.querySelector('#asked .frame').hidden")
    browser.screenshot(shots / "serve-picture.png")


def test_filters_become_part_of_the_query(browser: Browser, address: str) -> None:
    browser.open(f"{address}/?q=a+cat")
    settled(browser)
    browser.run("document.getElementById('more').click()")
    browser.run("document.querySelector('[data-filter=path]').value = '*.jpg'")
    browser.run("document.getElementById('apply').click()")
    browser.wait("location.search.includes('path%3A')")
    settled(browser)
    assert names(browser) and all(one.endswith(".jpg") for one in names(browser))


def test_nothing_found_is_said(browser: Browser, address: str, shots: Path) -> None:
    browser.open(f"{address}/")
    search(browser, "a cat path:nowhere/**")
    assert names(browser) == []
    assert "No picture among 18 fits" in browser.run(
        "document.getElementById('status').textContent"
    )
    browser.screenshot(shots / "serve-nothing.png")


def test_an_error_is_shown_where_it_is(browser: Browser, address: str, shots: Path) -> None:
    browser.open(f"{address}/")
    search(browser, "a cat -(dog OR")
    told = browser.run("document.getElementById('status').textContent")
    assert "never closed" in told and "^" in told
    browser.screenshot(shots / "serve-error.png")
    browser.errors.clear()  # the browser's own note on the refused request


def test_scripts_in_queries_stay_text(browser: Browser, address: str) -> None:
    evil = "<img src=x onerror=document.title='hit'>cat"
    browser.open(f"{address}/")
    search(browser, evil)
    assert not browser.run("document.querySelector('#status img, #chips img')")
    assert browser.run("document.title") != "hit"
    assert browser.run("document.getElementById('q').value") == evil
    browser.errors.clear()


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone(browser: Browser, address: str, shots: Path, dark: bool) -> None:
    browser.resize(390, 844, phone=True, dark=dark)
    browser.open(f"{address}/?q=a+cat")
    settled(browser)
    assert browser.run("document.documentElement.scrollWidth") <= 390
    loaded(browser, "#grid li:nth-child(-n+4)")
    browser.screenshot(shots / f"serve-phone{'-dark' if dark else ''}.png")
    browser.run("document.querySelector('.hit').click()")
    browser.wait("document.getElementById('explain').dataset.ready === 'yes'")
    assert browser.run("document.getElementById('explain').scrollWidth") <= 390


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
        told = "document.querySelector('.hit .copies')"
        assert browser.run(f"{told}.textContent") == " and 2 copies"
        status = browser.run("document.getElementById('status').textContent")
        assert "1 and 2 copies of 3 pictures" in status
        assert browser.run(f"{told}.title").split("\n") == ["a cup.png", "coffee.png"]
        browser.run("document.getElementById('more').click()")
        browser.run("document.getElementById('copies').click()")
        browser.wait("document.querySelectorAll('#grid .hit').length === 3")
        assert browser.run("location.search") == "?q=a+cup+of+coffee&copies=true"
        browser.run("history.back()")
        browser.wait("document.querySelectorAll('#grid .hit').length === 1")
        assert browser.run("document.getElementById('copies').checked") is False
        assert not browser.errors, browser.errors
