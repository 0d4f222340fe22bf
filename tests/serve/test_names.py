"""Pictures of any name go through the API and through addresses, there and back."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, quote_from_bytes

import pytest
from chromium import Browser, find_chromium
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from lexret.files.names import MARK, is_whole, name_to_text, shown_line, text_to_name
from lexret.library.library import Library
from lexret.serve.addresses import with_whole_ids

LATIN = os.fsdecode(b"latin1_\xe9t\xe9.jpg")
NAMES = (LATIN, "a\nb.jpg", "q\"'<b>#?%41&=+.jpg", "\u202egpj.\u05d0.jpg", "bytes:%41.jpg",
         "x" * 251 + ".jpg", os.fsdecode(b"below_\xff/\xfe.jpg"))  # fmt: skip

Ask = Callable[[str], tuple[int, bytes]]


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, index_of: Callable[[Path], Path], serve_library: Any
) -> Iterator[tuple[str, int]]:
    folder = tmp_path_factory.mktemp("odd")
    for shade, name in enumerate(NAMES):
        try:
            (folder / name).parent.mkdir(exist_ok=True)
            Image.new("RGB", (60, 50), (20 * shade, 90, 30)).save(folder / name)
        except OSError:
            pytest.skip("needs a file system that takes names of any bytes")
    with serve_library(Library.open(index_of(folder))) as address:
        yield address


@pytest.fixture(scope="module")
def ask(place: tuple[str, int]) -> Ask:
    def get(path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(*place, timeout=60)
        connection.request("GET", path)
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found

    return get


def told(ask: Ask, path: str) -> Any:
    status, body = ask(path)
    assert status == 200, body
    found = json.loads(body.decode("utf-8"))
    assert is_whole(json.dumps(found, ensure_ascii=False))
    return found


def test_a_search_that_shows_them_tells_ids_that_come_back(ask: Ask) -> None:
    hits = told(ask, "/api/search?q=path:**&k=50")["hits"]
    assert sorted(text_to_name(hit["id"]) for hit in hits) == sorted(NAMES)
    for hit in hits:
        assert hit["name"].replace("\ufffd", "").isprintable()


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_addressed_by_the_id_that_is_told(ask: Ask, name: str) -> None:
    encoded = quote(name_to_text(name), safe="")
    status, body = ask(f"/picture?id={encoded}&side=160")
    assert status == 200 and body.startswith(b"\xff\xd8")
    assert told(ask, f"/api/size?id={encoded}")["width"] == 60
    explained = told(ask, f"/api/explain?id={encoded}&q=dog%3F")
    assert text_to_name(explained["id"]) == name
    assert told(ask, f"/api/region?id={encoded}&patch=0,0")["name"] == "patch 0,0"
    best = told(ask, f"/api/search?like={encoded}&k=1")["hits"]
    assert len(best) == 1


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith(MARK)])
def test_a_picture_is_addressed_by_the_bytes_of_its_path(ask: Ask, name: str) -> None:
    address = quote_from_bytes(os.fsencode(name), safe="")
    assert ask(f"/picture?id={address}")[0] == 200
    assert ask(f"/api/search?like={address}")[0] == 200


@pytest.mark.parametrize("given", ["bytes:", "bytes:%FF", "%FF", "%ED%A0%80", "bytes:%ED%A0%80",
                                   "bytes%3A%00", "x" * 12_000, "x" * 20_000])  # fmt: skip
def test_ids_of_no_picture_are_told_so(ask: Ask, given: str) -> None:
    for path in ("/picture?id=", "/api/explain?id=", "/api/size?id=", "/api/search?like="):
        status, body = ask(path + given)
        assert status in (404, 422), (path, status, body)
        assert is_whole(json.dumps(json.loads(body.decode("utf-8")), ensure_ascii=False))


@given(st.binary(min_size=1, max_size=200), st.sampled_from(["id", "like"]))
@example(b"\xed\xa0\x80", "id")
def test_an_address_may_hold_the_bytes_of_any_path(data: bytes, parameter: str) -> None:
    name = data.decode("utf-8", "surrogateescape")
    address = f"q=a+b&{parameter}={quote_from_bytes(data, safe='')}&side=160".encode()
    found = dict(parse_qsl(with_whole_ids(address).decode("ascii"), errors="strict"))
    assert found["q"] == "a b" and found["side"] == "160"
    if not data.startswith(MARK.encode()):
        assert text_to_name(found[parameter]) == name


@pytest.mark.slow
@pytest.mark.skipif(find_chromium() is None, reason="needs a browser: apt install chromium")
def test_the_page_shows_them_and_leads_to_them(place: tuple[str, int], tmp_path: Path) -> None:
    address = f"http://{place[0]}:{place[1]}/"
    hits = "[...document.querySelectorAll('#grid .hit')]"
    with Browser(str(find_chromium()), tmp_path / "profile") as browser:
        browser.open(f"{address}?q=path:**")
        browser.wait(f"{hits}.length === {len(NAMES)}")
        browser.wait("[...document.querySelectorAll('#grid img')].every((i) => i.naturalWidth)")
        shown = browser.run(f"{hits}.map((hit) => hit.querySelector('img').alt)")
        assert sorted(shown) == sorted(map(shown_line, NAMES))
        for number, name in enumerate(shown):
            browser.run(f"{hits}[{number}].click()")
            browser.wait("document.getElementById('viewer').dataset.ready === 'yes'")
            assert browser.run("document.getElementById('viewer-title').textContent") == name
            browser.wait("document.querySelector('#viewer .photo .large.ready')")
            browser.press("Escape", 27)
            browser.wait("!document.getElementById('viewer').open")
        browser.open(f"{address}?like={quote(name_to_text(LATIN), safe='')}")
        browser.wait("document.querySelector('#asked .draw img')?.naturalWidth")
        title = json.dumps(shown_line(LATIN))
        browser.wait(f"document.querySelector('#asked bdi').textContent === {title}")
        assert not browser.errors
