"""The page in a browser: changes that are allowed, and labels."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from chromium import Browser, find_chromium
from page_actions import IN_CHROMIUM, choose, loaded
from PIL import Image, ImageOps

from lexret.library.library import Library

pytestmark = IN_CHROMIUM


TOKEN = "a-token-of-24-characters"


def library_of_three(photos: Path, folder: Path) -> Library:
    """Index a cup, a cat and a rocket in a new folder."""
    folder.mkdir()
    for name in ("coffee.png", "chelsea.png", "rocket.jpg"):
        shutil.copyfile(photos / name, folder / name)
    return Library.create(folder)


def test_what_is_allowed_is_changed_by_the_page(
    photos: Path, tmp_path: Path, serve_library: Any
) -> None:
    folder = tmp_path / "changed"
    library = library_of_three(photos, folder)
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
        browser.wait("document.activeElement.matches('#viewer .correct input')")
        large = "document.querySelector('.photo .large').classList.contains('ready')"
        assert browser.run(large), "the photo is loaded anew"
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
        browser.wait("document.querySelector('#grid .pick')")
        browser.run("document.querySelector('#grid .pick').click()")
        choose(browser, "#selected", "Words")
        browser.run("document.querySelector('#form-dialog [name=remove]').value = 'accordion'")
        browser.run(f"{submit}.click()")  # what was found does not stay where it no longer fits
        browser.wait("!document.querySelector('#grid .hit')")
        browser.wait("document.getElementById('status').textContent.startsWith('No photo')")
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
    library = library_of_three(photos, tmp_path / "nearly")
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
        browser.wait(f"{submit}.textContent === 'Keep for 1 photo'")
        assert set(browser.run(f"{near}.map((one) => one.value)")) == {"coffee.png", "rocket.jpg"}
        assert browser.run(f"{near}.some((one) => one.checked)") is False
        assert not browser.run("document.querySelector('#form-dialog .check')"), "no such word"
        browser.run(f"{near}.find((one) => one.value === 'rocket.jpg').click()")
        assert browser.run(f"{submit}.textContent").startswith("Show")
        browser.run(f"{submit}.click()")
        browser.wait(f"{submit}.textContent.startsWith('Keep for')")
        ticked = browser.run(f"{near}.filter((one) => one.checked).map((one) => one.value)")
        assert ticked == ["rocket.jpg"] and library.labels.all() == {}
        browser.run(f"{submit}.click()")
        browser.wait("!document.getElementById('form-dialog').open")
        label = library.labels.all()["kind"]
        assert {example.name for example in label.examples} == {"chelsea.png", "rocket.jpg"}
        assert not browser.errors, browser.errors
