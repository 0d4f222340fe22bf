"""The page in a browser: photos that are selected."""

from __future__ import annotations

from chromium import Browser
from page_actions import IN_CHROMIUM, click, loaded, settled

pytestmark = IN_CHROMIUM


def test_selected_photos_make_a_list(browser: Browser, address: str) -> None:
    browser.open(f"{address}/?q=a+cat")
    settled(browser)
    assert browser.run("document.getElementById('selected').hidden")
    browser.run("document.querySelectorAll('#grid .pick')[0].click()")
    browser.run("document.querySelectorAll('#grid .pick')[1].click()")
    browser.wait("document.getElementById('selected').textContent.includes('2 selected')")
    buttons = "[...document.querySelectorAll('#selected button')].map((one) => one.textContent)"
    assert browser.run(buttons)[1:] == ["Copy paths", "Export list"], "nothing that writes"
    browser.press("Escape", 27)
    browser.wait("document.getElementById('selected').hidden")


def test_once_a_photo_is_selected_a_click_is_enough(browser: Browser, address: str) -> None:
    browser.open(f"{address}/?q=a+cat")
    settled(browser)
    loaded(browser, "#grid")
    browser.run("document.querySelectorAll('#grid .pick')[0].click()")
    for text in ("2 selected", "1 selected"):
        click(browser, "#grid .tile:nth-child(2) .hit")
        browser.wait(f"document.getElementById('selected').textContent.includes('{text}')")
    assert not browser.run("document.getElementById('viewer').open")
    browser.run("document.querySelectorAll('#grid .hit')[1].focus()")
    browser.press("Enter", 13)  # who uses keys has the space key and the box
    browser.wait("document.getElementById('viewer').open")
    browser.press("Escape", 27)
    browser.wait("!document.getElementById('viewer').open")
    browser.run("document.querySelector('#selected button').click()")
    browser.wait("document.getElementById('selected').hidden")


def test_a_month_is_selected_as_a_whole(browser: Browser, address: str) -> None:
    browser.open(f"{address}/")
    browser.wait("document.querySelectorAll('#grid .hit').length >= 8")
    told = "document.getElementById('selected').textContent"
    number = browser.run("parseInt(document.querySelector('#grid .head .faint').textContent)")
    assert number >= 8
    browser.run("document.querySelector('#grid .head .all').click()")
    browser.wait(f"{told}.includes('{number} selected')")
    browser.run("document.querySelector('#grid .head .all').click()")
    browser.wait("document.getElementById('selected').hidden")
