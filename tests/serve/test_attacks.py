"""Tries to break the server: paths, uploads, names, slow clients, foreign pages, many at once."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import logging
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from lexret.errors import InputError
from lexret.library.library import Library
from lexret.serve.settings import ServeSettings

SCRIPT = "<img src=x onerror=alert(1)>&\"'.png"
TOKEN = "a-token-of-24-characters"

Ask = Callable[..., Any]


class Client:
    """Asks a server; every request has a connection of its own."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def json(self, path: str) -> Any:
        status, _, body = self.ask(path)
        assert status == 200, body
        return json.loads(body)

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("served"))


def make_folder(parent: Path) -> Path:
    root = parent / "photos"
    (root / "below").mkdir(parents=True)
    noise = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x010E] = "<script>alert('exif')</script>"
    exif[0x013B] = "SECRET AUTHOR"
    Image.fromarray(noise).save(root / "noise.jpg", exif=exif)
    Image.new("RGB", (50, 50), (200, 30, 30)).save(root / SCRIPT)
    Image.new("RGB", (50, 50), (30, 30, 200)).save(root / "below" / "blue.png")
    Image.new("RGB", (50, 50), (9, 9, 9)).save(parent / "secret.png")
    return root


@pytest.fixture(scope="module")
def library(folder: Path, index_of: Callable[[Path], Path]) -> Library:
    return Library.open(index_of(folder))


@pytest.fixture(scope="module")
def client(library: Library, serve_library: Any) -> Iterator[Client]:
    with serve_library(library) as place:
        yield Client(*place)


@pytest.mark.parametrize(
    "given",
    [
        "../secret.png",
        "below/../../secret.png",
        "..%2fsecret.png",
        "/etc/passwd",
        "below",
        ".lexret/manifest.json",
        "noise.jpg\0.png",
        "",
        "\ud800",
        "x" * 4000,
    ],
)
def test_only_pictures_of_the_index_are_served(client: Client, given: str) -> None:
    encoded = quote(given.encode("utf-8", "surrogatepass"))
    for path in ("/picture?id=", "/api/explain?id=", "/api/size?id=", "/api/search?like="):
        status, _, body = client.ask(path + encoded)
        if not given and path.startswith("/api/search"):
            continue
        assert status in (404, 422), (path, status, body)
        assert b"Traceback" not in body and b"/photos" not in body


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/", "/x"]
)
def test_only_the_files_of_the_page_are_served(client: Client, path: str) -> None:
    assert client.ask(path)[0] == 404
    assert client.ask("/static/app.js")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "told"),
    [
        ("GET", "/api/nothing", 404, "There is nothing at this address; /api/openapi.json lists"),
        ("GET", "/static/none.js", 404, "There is nothing at this address"),
        ("POST", "/api/nothing", 404, "There is nothing at this address"),
        ("DELETE", "/api/search?q=dog", 405, "This address takes GET, HEAD, not DELETE."),
        ("POST", "/", 405, "This address takes GET, HEAD, not POST."),
    ],
)
def test_an_address_or_method_that_is_none_is_told_as_other_errors_are(
    client: Client, method: str, path: str, status: int, told: str
) -> None:
    found, headers, body = client.ask(path, method=method)
    assert (found, headers["content-type"]) == (status, "application/json")
    problem = json.loads(body)
    assert list(problem) == ["error"] and problem["error"].startswith(told)
    assert headers.get("allow") == ("GET, HEAD" if status == 405 else None)
    assert client.ask("/api/openapi.json")[0] == 200


def test_a_picture_that_became_a_link_to_elsewhere_is_not_served(
    tmp_path: Path, index_of: Callable[[Path], Path], serve_library: Any
) -> None:
    folder = make_folder(tmp_path)
    library = Library.open(index_of(folder))
    (folder / "noise.jpg").unlink()
    (folder / "noise.jpg").symlink_to(folder.parent / "secret.png")
    with serve_library(library) as place:
        client = Client(*place)
        assert client.ask("/picture?id=noise.jpg")[0] == 404
        assert client.ask("/api/explain?id=noise.jpg")[0] == 404
        assert client.ask("/api/search?like=noise.jpg&box=0,0,10,10")[0] == 404
    with serve_library(library, allow_links=True) as place:
        assert Client(*place).ask("/picture?id=noise.jpg")[0] == 200


def test_a_picture_whose_file_is_gone_is_told_without_its_place(
    tmp_path: Path, index_of: Callable[[Path], Path], serve_library: Any
) -> None:
    folder = make_folder(tmp_path)
    library = Library.open(index_of(folder))
    (folder / "noise.jpg").unlink()
    with serve_library(library) as place:
        for path in ("/picture?id=", "/api/explain?id=", "/api/search?box=0,0,9,9&like="):
            status, _, body = Client(*place).ask(f"{path}noise.jpg")
            assert status == 404, path
            assert json.loads(body) == {"error": "The picture's file is not there any more."}
        assert Client(*place).ask("/api/search?like=noise.jpg")[0] == 200


def test_an_index_whose_ids_lead_outside_serves_nothing_from_there(
    tmp_path: Path, static_model_folder: Path, serve_library: Any
) -> None:
    from lexret.encoders import load_model
    from lexret.engine.writer import EmbeddedIndexWriter
    from lexret.sparse import SparseBatch

    (tmp_path / "root").mkdir()
    Image.new("RGB", (50, 50)).save(tmp_path / "secret.png")
    model = load_model(static_model_folder)
    ids = ["../secret.png", str(tmp_path / "secret.png"), "a/../../secret.png"]
    with EmbeddedIndexWriter.create(
        tmp_path / "root" / ".lexret", model.vocabulary, model_id=model.model_id,
        model_source=str(static_model_folder), roots=[".."],
    ) as writer:  # fmt: skip
        writer.add(ids, SparseBatch.from_words([{"dog": 1.0}] * 3, model.vocabulary))
        writer.commit()
    with serve_library(Library.open(tmp_path / "root" / ".lexret")) as place:
        for one in ids:
            assert Client(*place).ask(f"/picture?id={quote(one)}")[0] == 404


def test_what_is_served_is_pixels_only(client: Client) -> None:
    status, headers, body = client.ask("/picture?id=noise.jpg")
    assert status == 200 and headers["content-type"] == "image/jpeg"
    assert headers["x-content-type-options"] == "nosniff"
    assert b"SECRET" not in body and b"<script>" not in body
    with Image.open(io.BytesIO(body)) as image:
        assert not image.getexif()


def test_names_with_scripts_are_data_and_never_pages(client: Client) -> None:
    status, headers, body = client.ask(f"/api/explain?id={quote(SCRIPT)}&q={quote('<b>dog')}")
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert json.loads(body)["id"] == SCRIPT
    for path in ("/", "/api/search?q=%3Cscript%3E", "/nothing%3Cscript%3E", "/api/search?k=x"):
        _, headers, _ = client.ask(path)
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["content-type"].startswith("application/json") or path == "/"


def png(width: int, height: int, data: bytes = b"") -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        sum_ = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", sum_)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        b"GIF89a" + b"\xff" * 40,
        png(50_000, 50_000),
        png(12_000, 12_000),
        png(40, 40, zlib.compress(b"\0" * 10)),
        b"\xff\xd8\xff\xe0" + b"\0" * 2000,
        bytes(range(256)) * 40,
    ],
)
def test_malformed_uploads_are_refused(client: Client, content: bytes) -> None:
    status, _, body = client.ask("/api/uploads", method="POST", body=content)
    assert status == 415, body
    assert client.ask("/api/index")[0] == 200


def test_pictures_that_are_sent_never_fill_the_memory() -> None:
    from lexret.errors import MissingError
    from lexret.serve.pictures import Uploads

    files = []
    for shade in range(5):
        buffer = io.BytesIO()
        Image.new("RGB", (40, 40), (shade, 0, 0)).save(buffer, "PNG")
        files.append(buffer.getvalue())
    uploads = Uploads(max_bytes=sum(map(len, files[2:])), max_pixels=10_000)
    sent = [uploads.add(file).key for file in files]
    for key in sent[:2]:
        with pytest.raises(MissingError, match="send it again"):
            uploads.get(key)
    assert [uploads.get(key).key for key in sent[2:]] == sent[2:]


def test_too_large_uploads_are_refused_before_they_are_read(
    library: Library, serve_library: Any
) -> None:
    with serve_library(library, max_upload_bytes=10_000) as place:
        client = Client(*place)
        with client.connect() as line:
            line.sendall(b"POST /api/uploads HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                         b"Content-Length: 999999999999\r\n\r\n")  # fmt: skip
            assert line.recv(4096).startswith(b"HTTP/1.1 413")
        with client.connect() as line:  # says nothing of its length
            line.sendall(b"POST /api/uploads HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\n")  # fmt: skip
            try:
                for _ in range(40):
                    line.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
            except OSError:
                pass  # it has hung up already
            assert line.recv(4096).startswith(b"HTTP/1.1 413")
        assert client.ask("/api/index")[0] == 200


def begin(line: socket.socket, length: int | None, body: bytes = b"") -> None:
    """Send the head of an upload, and some of its body."""
    said = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    head = f"POST /api/uploads HTTP/1.1\r\nHost: 127.0.0.1\r\n{said}\r\n\r\n"
    line.sendall(head.encode() + body)


def test_what_is_being_sent_is_bounded_over_all_connections(
    library: Library, serve_library: Any
) -> None:
    with serve_library(library, max_upload_bytes=40_000, max_receiving_bytes=100_000) as place:
        client = Client(*place)
        first, second = client.connect(), client.connect()
        begin(first, 40_000, b"x" * 30_000)
        begin(second, None, b"5\r\nhello\r\n")  # of any length: counts as the longest
        time.sleep(0.3)
        for length in (40_000, None, 20_001):
            with client.connect() as line:  # refused although nothing of the body was sent
                begin(line, length)
                answer = b""
                while not answer.endswith(b"}"):
                    answer += line.recv(4096)
                assert answer.startswith(b"HTTP/1.1 503"), answer
                assert b"retry-after: 2\r\n" in answer.lower()
                assert b"Too many pictures are being sent" in answer
        small = client.ask("/api/uploads", method="POST", body=b"x" * 20_000)
        assert small[0] == 415  # that fits
        assert client.ask("/api/search?q=dog")[0] == 200
        first.sendall(b"x" * 10_000)
        assert first.recv(4096).startswith(b"HTTP/1.1 415")
        large = client.ask("/api/uploads", method="POST", body=b"x" * 40_000)
        assert large[0] == 415  # what is whole has given its room back
        for line in (first, second):
            line.close()


def test_a_broken_upload_gives_its_room_back_and_logs_nothing(
    library: Library, serve_library: Any
) -> None:
    logged: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info or record.levelno >= logging.ERROR:
                logged.append(record.getMessage())

    listener = Listener()
    with serve_library(library, max_upload_bytes=40_000, max_receiving_bytes=40_000) as place:
        logging.getLogger("uvicorn.error").addHandler(listener)
        client = Client(*place)
        for length, body in ((40_000, b"x" * 9_000), (40_000, b""), (None, b"5\r\nhello\r\n"),
                             (None, b"5\r\nhello\r\nno number\r\n")):  # fmt: skip
            line = client.connect()
            begin(line, length, body)
            time.sleep(0.2)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            line.close()  # breaks the connection off, at once
        end = time.monotonic() + 10
        while client.ask("/api/uploads", method="POST", body=b"x" * 40_000)[0] != 415:
            assert time.monotonic() < end, "the room is never given back"
        logging.getLogger("uvicorn.error").removeHandler(listener)
    assert not logged


def test_a_client_that_is_refused_while_it_sends_reads_why(
    library: Library, serve_library: Any
) -> None:
    with serve_library(library, max_upload_bytes=10_000, max_receiving_bytes=10_000) as place:
        status, _, body = Client(*place).ask("/api/uploads", method="POST", body=b"x" * 5_000_000)
        assert status == 413 and b"at most 10,000 bytes" in body
        headers = {"Origin": "https://evil.example"}
        status, _, _ = Client(*place).ask(
            "/api/uploads", method="POST", body=b"x" * 5_000_000, headers=headers
        )
        assert status == 403


@pytest.mark.parametrize(
    "query",
    [
        "q=" + "a" * 3000,
        "q=" + quote("(" * 1500),
        "q=" + quote("+" * 1999),
        "q=dog&k=999999",
        "q=dog&k=-1",
        "q=dog&box=1,2,3",
        "q=dog&box=0,0,5,5",
        "like=noise.jpg&box=50,30,99,99",
        "image=0123",
        "q=%ff%fe%00",
        "q=" + quote("path:" + "*" * 300 + "a"),
    ],
)
def test_odd_queries_are_answered_in_time(client: Client, query: str) -> None:
    started = time.monotonic()
    status, _, body = client.ask(f"/api/search?{query}")
    assert status in (200, 404, 422), body
    assert b"Traceback" not in body
    assert time.monotonic() - started < 10


def test_a_client_that_never_finishes_its_head_is_let_go(
    library: Library, serve_library: Any
) -> None:
    with serve_library(library, seconds_for_head=0.5) as place:
        client = Client(*place)
        for said in (b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "):
            with client.connect() as line:
                line.sendall(said)
                started = time.monotonic()
                assert hung_up(line)
                assert time.monotonic() - started < 5
        with client.connect() as line:  # the second request of a connection
            line.sendall(b"GET /api/index HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert line.recv(65536).startswith(b"HTTP/1.1 200")
            line.sendall(b"GET /api/ind")
            assert hung_up(line)


def hung_up(line: socket.socket) -> bool:
    try:
        while line.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def test_a_client_that_never_finishes_its_upload_is_told_off(
    library: Library, serve_library: Any
) -> None:
    with serve_library(library, seconds_for_request=0.5) as place, Client(*place).connect() as line:
        line.sendall(b"POST /api/uploads HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                     b"Content-Length: 1000\r\n\r\nabc")  # fmt: skip
        assert line.recv(4096).startswith(b"HTTP/1.1 408")


def test_a_client_that_never_takes_its_answer_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    from lexret.serve import gate, limits

    monkeypatch.setattr(limits, "SECONDS_TO_TAKE", 0.1)

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise AssertionError("the answer was taken")

    async def stuck(_message: Any) -> None:
        await asyncio.sleep(60)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {
        "type": "http", "method": "GET", "path": "/", "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
    }  # fmt: skip
    guarded = gate.Gate(app, ServeSettings(seconds_for_request=0.1))
    asyncio.run(asyncio.wait_for(guarded(scope, receive, stuck), 5))


def test_slow_clients_do_not_keep_others_waiting(library: Library, serve_library: Any) -> None:
    with serve_library(library, seconds_for_head=5.0) as place:
        client = Client(*place)
        lines = [client.connect() for _ in range(60)]
        for line in lines:
            line.sendall(b"GET /api/index HT")
        started = time.monotonic()
        assert client.ask("/api/search?q=dog")[0] == 200
        assert time.monotonic() - started < 4
        for line in lines:
            line.close()


def test_more_connections_than_allowed_are_refused_and_no_others(
    library: Library, serve_library: Any
) -> None:
    with serve_library(library, max_connections=10) as place:
        client = Client(*place)
        lines = [client.connect() for _ in range(12)]
        time.sleep(0.2)
        assert client.ask("/api/index")[0] == 503
        for line in lines:
            line.close()
        time.sleep(0.3)
        assert client.ask("/api/index")[0] == 200


def test_many_at_once_get_their_own_answers_or_are_asked_to_wait(
    client: Client, folder: Path
) -> None:
    ids = ["noise.jpg", SCRIPT, "below/blue.png"]
    alone = {one: client.json(f"/api/explain?id={quote(one)}&q=dog") for one in ids}
    found = {q: client.json(f"/api/search?q={q}")["hits"] for q in ("dog", "cat", "beach")}

    def one_request(number: int) -> int:
        if number % 3:
            q = ("dog", "cat", "beach")[number % 3]
            status, _, body = client.ask(f"/api/search?q={q}")
            assert status == 200 and json.loads(body)["hits"] == found[q]
            return status
        one = ids[number // 3 % 3]
        status, headers, body = client.ask(f"/api/explain?id={quote(one)}&q=dog")
        if status == 503:
            assert headers["retry-after"]
        else:
            assert status == 200 and json.loads(body) == alone[one]
        return status

    with ThreadPoolExecutor(24) as pool:
        statuses = list(pool.map(one_request, range(150)))
    assert statuses.count(200) > 100


def test_heavy_work_beyond_the_limit_is_refused_at_once() -> None:
    from threading import Event

    from lexret.serve.limits import BusyError, HeavyWork

    heavy, go = HeavyWork(1, 1), Event()

    def work() -> str:
        try:
            with heavy.turn():
                go.wait(10)
                return "done"
        except BusyError:
            return "busy"

    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(work) for _ in range(3)]
        end = time.monotonic() + 5
        while not any(job.done() for job in jobs) and time.monotonic() < end:
            time.sleep(0.01)
        go.set()
        assert sorted(job.result() for job in jobs) == ["busy", "done", "done"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", ""])
def test_a_foreign_name_for_this_server_is_refused(client: Client, host: str) -> None:
    assert client.ask("/api/index", headers={"Host": host})[0] == 421


METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW")
PATHS = ("/", "/api/index", "/api/search?q=dog", "/api/uploads", "/picture?id=noise.jpg",
         "/static/app.js", "/nothing")  # fmt: skip
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize("method", METHODS)
def test_no_page_elsewhere_makes_a_browser_ask_whatever_the_method(
    client: Client, method: str
) -> None:
    foreign: list[dict[str, str]] = [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://{client.host}:{client.port + 1}"},
        {"Origin": f"http://{client.host}:{client.port}.evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Site": "cross-site", **NAVIGATION, "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "cross-site", "Origin": f"http://{client.host}:{client.port}"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "something-new"},
    ]
    for path in PATHS:
        for headers in foreign:
            status, answered, _ = client.ask(path, method=method, headers=headers)
            assert status == 403, (path, headers)
            assert "access-control-allow-origin" not in answered


def test_a_link_elsewhere_may_lead_to_the_page_and_to_nothing_else(client: Client) -> None:
    link = {"Sec-Fetch-Site": "cross-site", **NAVIGATION}
    for path in PATHS:
        wanted = 200 if path == "/" else 403
        assert client.ask(path, headers=link)[0] == wanted, path
    assert client.ask("/?q=dog", headers=link)[0] == 200
    assert client.ask("/", method="POST", body=b"x", headers=link)[0] == 403


def test_the_page_itself_the_person_and_programs_may_ask(client: Client) -> None:
    own = {"Origin": f"http://{client.host}:{client.port}"}
    for headers in ({}, own, {"Sec-Fetch-Site": "same-origin", **own}, {"Sec-Fetch-Site": "none"}):
        assert client.ask("/api/uploads", method="POST", body=b"x", headers=headers)[0] == 415
        assert client.ask("/api/index", headers=headers)[0] == 200


def test_below_a_path_and_under_another_name_the_same_is_refused(
    library: Library, serve_library: Any
) -> None:
    with serve_library(library, root_path="/photos", allowed_hosts=("a.example",)) as place:
        client = Client(*place)
        foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}
        link = {"Sec-Fetch-Site": "cross-site", **NAVIGATION}
        for path in PATHS:
            below = f"/photos{path}"
            assert client.ask(below, headers=foreign)[0] == 403
            assert client.ask(below, headers={"Origin": "https://b.example"})[0] == 403
            assert client.ask(below, headers={"Host": "b.example"})[0] == 421
            named = {"Host": "a.example", "Origin": "https://a.example"}
            assert client.ask(below, headers=named)[0] == client.ask(path)[0]
            assert client.ask(below, headers=link)[0] == (200 if path == "/" else 403)
        assert client.ask("/photos", headers=link)[0] == 308
        assert client.ask("/photos", headers=foreign)[0] == 403
        for path in ("/photos/../secret.png", "/photos/static/../../app.py", "/photos//etc/passwd",
                     "/photos/static/%2e%2e/app.py", "/photos/photos/", "/photosx/"):  # fmt: skip
            assert client.ask(path)[0] == 404, path
        status, headers, _ = client.ask("/photos?x=%0d%0aset-cookie:%20a=b")
        assert status == 308 and "set-cookie" not in headers


@pytest.mark.parametrize(
    "path", ["/", "/static/app.js", "/api/search?q=dog", "/picture?id=noise.jpg", "/api/uploads",
             "/nothing", "/picture?id=none"]
)  # fmt: skip
def test_head_is_answered_as_get_is_without_the_body(client: Client, path: str) -> None:
    status, headers, body = client.ask(path)
    found, heads, nothing = client.ask(path, method="HEAD")
    differs = {"date"} | ({"content-length"} if "search" in path else set())  # it tells a time
    assert found == status and nothing == b"" and body
    assert {k: v for k, v in heads.items() if k not in differs} == {
        k: v for k, v in headers.items() if k not in differs
    }
    with client.connect() as line:  # nothing comes behind the head: the next answer follows it
        line.sendall(f"HEAD {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += line.recv(1)
        line.sendall(b"GET /static/icon.svg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_can_be_changed(client: Client, method: str) -> None:
    for path in ("/", "/api/index", "/api/uploads", "/picture?id=noise.jpg"):
        assert client.ask(path, method=method)[0] in (403, 404, 405)


def test_a_token_is_asked_for_everywhere(library: Library, serve_library: Any) -> None:
    with serve_library(library, token=TOKEN) as place:
        client = Client(*place)
        paths = ("/", "/api/index", "/static/app.js", "/picture?id=noise.jpg", "/api/openapi.json")
        wrong: list[dict[str, str]] = [
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": f"Bearer {TOKEN}x"},
            {"Cookie": "lexret-token=wrong"},
            {"Cookie": 'lexret-token="'},
            {"Cookie": f"other={TOKEN}"},
        ]
        for path in paths:
            for headers in wrong:
                assert client.ask(path, headers=headers)[0] == 401
            assert client.ask(path, headers={"Authorization": f"Bearer {TOKEN}"})[0] == 200
        status, headers, _ = client.ask(f"/?token={TOKEN}&q=a%20dog")
        assert (status, headers["location"]) == (303, "/?q=a+dog")
        cookie = headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
        given = {"Cookie": cookie.partition(";")[0]}
        assert client.ask("/api/index", headers=given)[0] == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_other_machines_are_let_in_with_a_token_only(host: str) -> None:
    with pytest.raises(InputError, match="token"):
        ServeSettings(host=host)
    with pytest.raises(InputError, match="at least 16"):
        ServeSettings(host=host, token="short")
    assert ServeSettings(host=host, token=TOKEN)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_this_machine_needs_no_token(host: str) -> None:
    assert ServeSettings(host=host).token is None


def test_garbage_is_no_request(client: Client) -> None:
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"GET\r\n\r\n", b"A" * 100_000):
        with client.connect() as line:
            try:
                line.sendall(garbage)
                answer = line.recv(4096)
            except ConnectionResetError:
                answer = b""
            assert not answer or answer.startswith(b"HTTP/1.1 4")
    assert client.ask("/api/index")[0] == 200
