"""The page in a browser, over 20,000 photos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chromium import Browser, find_chromium
from page_actions import IN_CHROMIUM, NUM_MANY

from lexret.library.library import Library

pytestmark = IN_CHROMIUM


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
        title = browser.run(f"{jump}.options[12].textContent")
        browser.wait(f"document.getElementById('grid').textContent.includes({json.dumps(title)})")
        assert browser.run(f"{jump}.value") == "12", "it tells the month that is on the screen"
        browser.wait("document.querySelector('#grid .row:nth-of-type(4) .hit img[src]')")
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
