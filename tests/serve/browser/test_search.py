"""The page in a browser: searches, chips, filters, pictures as queries, and nothing found."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import urlopen

from chromium import Browser
from page_actions import IN_CHROMIUM, box_of, loaded, names, search, settled
from waiting import until

from lexret.library.library import Library

pytestmark = IN_CHROMIUM


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
    told = browser.run("document.getElementById('status').textContent")
    assert told.startswith(f"{len(sure)} sure, then"), "all were looked at by then"


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
    told = "document.getElementById('unknown').textContent"
    assert "Did you mean" not in browser.run(told), "of a single word"
    browser.run("document.querySelector('#unknown a').click()")
    browser.wait("!location.search.includes('motorcykle')")
    settled(browser)
    assert names(browser)
    browser.open(f"{address}/?q=a+motorcykle+on+a+strete")
    settled(browser)
    browser.wait(f"{told}.startsWith('Did you mean motorcycle on a street?')".replace(
        "motorcycle", "a motorcycle"))  # fmt: skip
    browser.run("document.querySelector('#unknown a').click()")
    browser.wait("location.search === '?q=a+motorcycle+on+a+street'")
    settled(browser)
    browser.errors.clear()  # the browser's own note on the refused request


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
        until(lambda: "kind" in fields_of(address))  # the server looks for commits now and then
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


def fields_of(address: str) -> set[str]:
    """Fields that the server knows."""
    with urlopen(f"{address}/api/index") as answer:
        return set(json.load(answer)["fields"])


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
    below = box_of(browser, ".help")[1] - sum(box_of(browser, "#nothing")[1::2])
    assert below < 60, f"{below:.0f} pixels are empty above the help"
    browser.run(f"{way}.click()")
    browser.wait("location.search === '?q=a+cat'")
    settled(browser)
    assert names(browser) and not browser.run("document.querySelector('#nothing').textContent")


def test_scripts_in_queries_stay_text(browser: Browser, address: str) -> None:
    evil = "<img src=x onerror=document.title='hit'>cat"
    browser.open(f"{address}/")
    search(browser, evil)
    assert not browser.run("document.querySelector('#status img, #chips img')")
    assert browser.run("document.title") != "hit"
    assert browser.run("document.getElementById('q').value") == evil
    browser.errors.clear()
