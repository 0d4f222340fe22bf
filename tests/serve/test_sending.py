"""Answers that are compressed, that a browser has already, and thumbnails that stay on disk."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from waiting import until

from lexret.library.folders import THUMBNAILS_FILE
from lexret.library.library import Library
from lexret.serve.limits import Activity, HeavyWork
from lexret.serve.thumbnail_store import ThumbnailStore


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, index_of: Callable[[Path], Path]) -> Library:
    folder = tmp_path_factory.mktemp("served")
    for number in range(5):
        Image.new("RGB", (64, 48), (40 * number, 90, 200)).save(folder / f"{number}.png")
    return Library.open(index_of(folder))


def ask(
    place: tuple[str, int], path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(*place, timeout=30)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, told, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/api/openapi.json", "/static/app.js", "/"])
def test_texts_are_compressed_for_those_who_take_it(
    library: Library, serve_library: Any, path: str
) -> None:
    with serve_library(library) as place:
        _, plain, content = ask(place, path)
        assert "content-encoding" not in plain
        _, refused, same = ask(place, path, {"Accept-Encoding": "gzip;q=0, br"})
        assert "content-encoding" not in refused and same == content
        status, small, body = ask(place, path, {"Accept-Encoding": "br, gzip"})
        assert status == 200 and small["content-encoding"] == "gzip"
        assert gzip.decompress(body) == content and len(body) < len(content)
        assert int(small["content-length"]) == len(body)
        status, head, nothing = ask(place, path, {"Accept-Encoding": "gzip"}, "HEAD")
        assert (status, nothing) == (200, b"") and head["content-encoding"] == "gzip"


@pytest.mark.parametrize("path", ["/picture?id=1.png&side=160", "/static/style.css", "/"])
def test_what_a_browser_has_is_not_sent_again(
    library: Library, serve_library: Any, path: str
) -> None:
    with serve_library(library) as place:
        _, first, content = ask(place, path)
        status, again, nothing = ask(place, path, {"If-None-Match": f"W/{first['etag']}"})
        assert (status, nothing) == (304, b"") and again["etag"] == first["etag"]
        assert ask(place, path, {"If-None-Match": '"other"'})[::2] == (200, content)


def test_a_connection_is_used_again(library: Library, serve_library: Any) -> None:
    with serve_library(library) as place:
        connection = http.client.HTTPConnection(*place, timeout=30)
        for _ in range(3):
            connection.request("GET", "/api/index")
            json.loads(connection.getresponse().read())
            assert connection.sock is not None, "the server has hung up"
        connection.close()


def test_thumbnails_are_made_in_the_background_and_are_there_after_a_restart(
    library: Library, serve_library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lexret.serve import pictures

    place_on_disk = library.path / THUMBNAILS_FILE
    with serve_library(library, max_thumbnail_bytes=1_000_000):
        until(lambda: number_kept(place_on_disk) >= 5, seconds=30)
    made: list[int] = []
    as_jpeg = pictures.as_jpeg
    monkeypatch.setattr(
        pictures, "as_jpeg", lambda image, side: made.append(side) or as_jpeg(image, side)
    )
    with serve_library(library, max_thumbnail_bytes=1_000_000) as place:
        status, _, content = ask(place, "/picture?id=1.png&side=320")
        assert status == 200 and content.startswith(b"\xff\xd8")
    assert not made
    checked = library.check()
    assert checked.report.is_whole
    assert checked.thumbnail_bytes == place_on_disk.stat().st_size > 5000


def number_kept(path: Path) -> int:
    if not path.exists():
        return 0
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM thumbnails").fetchone()[0])
        except sqlite3.OperationalError:  # it is being made
            return 0


def test_without_room_those_that_were_not_used_for_longest_give_way(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path, 10_000)
    for number in range(30):
        store.put(bytes([number]), b"x" * 1000)
    assert store.get(bytes([29])) == b"x" * 1000
    assert store.get(bytes([0])) is None
    kept = sum(store.has(bytes([number])) for number in range(30))
    assert 8 <= kept <= 10
    store.put(b"large", b"x" * 20_000)
    assert not store.has(b"large")
    store.close()
    again = ThumbnailStore(tmp_path, 10_000)
    assert sum(again.has(bytes([number])) for number in range(30)) == kept
    again.close()


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_of_thumbnails_is_made_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / THUMBNAILS_FILE).write_bytes(content)
    store = ThumbnailStore(tmp_path, 10_000)
    store.put(b"one", b"jpeg")
    assert store.get(b"one") == b"jpeg"
    store.close()


def test_where_nothing_can_be_written_the_server_does_without(tmp_path: Path) -> None:
    (tmp_path / THUMBNAILS_FILE).mkdir()
    store = ThumbnailStore(tmp_path, 10_000)
    assert not store.is_open
    store.put(b"one", b"jpeg")
    assert store.get(b"one") is None


def test_no_thumbnail_is_kept_unless_asked_for(tmp_path: Path) -> None:
    ThumbnailStore(tmp_path, 0).put(b"one", b"jpeg")
    assert not list(tmp_path.iterdir())


def test_what_is_put_is_there_at_once_and_on_disk_later(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path, 10_000_000)
    for number in range(20):
        store.put(bytes([number]), b"jpeg")
        assert store.get(bytes([number])) == b"jpeg" and store.has(bytes([number]))
    store.flush()
    assert number_kept(tmp_path / THUMBNAILS_FILE) == 20
    store.put(b"last", b"jpeg")
    until(lambda: number_kept(tmp_path / THUMBNAILS_FILE) >= 21, seconds=30)  # without a flush
    store.put(b"very last", b"jpeg")
    store.close()
    assert number_kept(tmp_path / THUMBNAILS_FILE) == 22


def test_a_thumbnail_is_read_while_others_are_written(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path, 10_000_000)
    store.put(b"one", b"jpeg")
    store.flush()
    path = tmp_path / THUMBNAILS_FILE
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert store.get(b"one") == b"jpeg" and not store.has(b"two")
        other.execute("ROLLBACK")
    store.close()
    assert [file.name for file in tmp_path.iterdir()] == [THUMBNAILS_FILE], "the log is cleared"


def test_who_asks_for_a_thumbnail_that_is_being_made_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lexret.serve import pictures

    Image.new("RGB", (400, 300)).save(tmp_path / "a.png")
    begun, go_on, made = threading.Event(), threading.Event(), []

    def slowly(image: Image.Image, side: int) -> bytes:
        made.append(side)
        begun.set()
        assert go_on.wait(30)
        if len(made) == 2:
            raise MemoryError
        return b"jpeg"

    monkeypatch.setattr(pictures, "as_jpeg", slowly)
    thumbnails = pictures.Thumbnails(HeavyWork(2, 12), ThumbnailStore(tmp_path, 0))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(thumbnails.of_file, tmp_path / "a.png", 320)
        assert begun.wait(30)
        second = pool.submit(thumbnails.of_file, tmp_path / "a.png", 320)
        time.sleep(0.2)
        go_on.set()
        assert first.result(30) == second.result(30) == b"jpeg" and made == [320]
        # What fails is told to all, and tried again by the next.
        with pytest.raises(MemoryError):
            thumbnails.of_file(tmp_path / "a.png", 160)
        assert thumbnails.of_file(tmp_path / "a.png", 160) == b"jpeg"


def test_nothing_is_made_ahead_while_somebody_asks(library: Library, tmp_path: Path) -> None:
    from lexret.serve.pictures import Thumbnails
    from lexret.serve.thumbnail_maker import ThumbnailMaker

    class Asked(Activity):
        quiet = 0.0

        def seconds_quiet(self) -> float:
            return self.quiet

    activity, store = Asked(), ThumbnailStore(tmp_path, 1_000_000)
    heavy = HeavyWork(2, 12)
    maker = ThumbnailMaker(library, Thumbnails(heavy, store), heavy, activity, allow_links=False)
    maker.start()
    try:
        time.sleep(1.0)
        store.flush()
        assert number_kept(tmp_path / THUMBNAILS_FILE) == 0
        activity.quiet = 100.0
        until(lambda: number_kept(tmp_path / THUMBNAILS_FILE) >= 5, seconds=60)
    finally:
        maker.stop()


def test_the_time_of_the_last_request_is_noted() -> None:
    activity, during = Activity(), []

    async def answer(*_: object) -> None:
        during.append(activity.seconds_quiet())

    assert activity.seconds_quiet() == float("inf")
    asyncio.run(activity.noting(answer)({}, None, None))  # type: ignore[arg-type]
    assert 0 <= during[0] < 10 and 0 <= activity.seconds_quiet() < 10


def test_the_first_hits_are_begun_with_while_the_answer_is_on_its_way(
    library: Library, serve_library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lexret.serve.thumbnail_maker import ThumbnailMaker

    monkeypatch.setattr(ThumbnailMaker, "start", lambda self: None)  # nothing is made ahead
    (library.path / THUMBNAILS_FILE).unlink(missing_ok=True)
    with serve_library(library, max_thumbnail_bytes=1_000_000) as place:
        status, _, _ = ask(place, "/api/search?q=path:1.png&words=3&ahead=320")
        assert status == 200
        until(lambda: number_kept(library.path / THUMBNAILS_FILE) == 1, seconds=30)
        status, _, content = ask(place, "/api/search?q=path:1.png&ahead=321")
        assert status == 422 and b"160, 320, 640, 1600" in content
