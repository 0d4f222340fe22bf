"""The server behind a proxy: below a path, under a name of its own, behind nginx and Caddy."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import Browser, find_chromium
from PIL import Image

from lexret.errors import InputError
from lexret.library.library import Library
from lexret.serve.settings import ServeSettings

DOCS = Path(__file__).parents[2] / "docs" / "serve.md"
NAME = "photos.example.org"
TOKEN = "a-token-of-24-characters"
TELLS_ALL = {"X-Forwarded-Host": NAME, "X-Forwarded-Proto": "https"}

Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Site:
    """Where to ask, and under which name."""

    port: int
    host: str
    is_secure: bool = False

    @property
    def origin(self) -> str:
        return f"http{'s' * self.is_secure}://{self.host}"

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> Answer:
        if self.is_secure:
            trusting = ssl._create_unverified_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=60, context=trusting
            )
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body=body, headers={"Host": self.host, **named})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, index_of: Callable[[Path], Path]) -> Library:
    folder = tmp_path_factory.mktemp("served")
    for name, colour in (("a b.png", (200, 30, 30)), ("blue.png", (30, 30, 200))):
        Image.new("RGB", (60, 50), colour).save(folder / name)
    return Library.open(index_of(folder))


@pytest.fixture(scope="module")
def large_picture() -> bytes:
    """A picture of several MB: more than nginx takes unless it is told to."""
    noise = np.random.default_rng(5).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG", compress_level=0)
    return file.getvalue()


def direct(place: tuple[str, int], host: str = "") -> Site:
    return Site(place[1], host or f"127.0.0.1:{place[1]}")


@pytest.mark.parametrize("root", ["/photos", "/a/b-c"])
def test_everything_lies_below_the_root_path_and_is_found_without_it(
    library: Library, serve_library: Any, root: str
) -> None:
    with serve_library(library, root_path=root) as place:
        site = direct(place)
        for path in ("/", "/static/app.js", "/api/index", "/picture?id=blue.png", "/?q=dog"):
            (status, _, body), bare = site.ask(root + path), site.ask(path)
            assert status == bare[0] == 200 and body == bare[2], path
        status, headers, _ = site.ask(f"{root}?q=a+dog")
        assert (status, headers["location"]) == (308, f"{root}/?q=a+dog")
        assert json.loads(site.ask(f"{root}/api/openapi.json")[2])["servers"] == [{"url": root}]
        for path in (f"{root}x/api/index", f"{root}{root}/", f"{root}//api/index"):
            status, _, body = site.ask(path)
            assert status == 404 and f"{root}/api/openapi.json" in json.loads(body)["error"]


def test_the_page_names_no_address_that_leads_above_it() -> None:
    page = Path(sys.modules["lexret.serve"].__file__ or "").parent / "page"
    for file in page.iterdir():
        text = file.read_text(encoding="utf-8")
        found = re.findall(r"""(?:href|src)="/[^"]*|["'`]/(?:api|static|picture|upload)\b""", text)
        assert not found, (file.name, found)


def test_a_token_becomes_a_cookie_for_the_root_path(library: Library, serve_library: Any) -> None:
    with serve_library(library, root_path="/photos", token=TOKEN) as place:
        site = direct(place)
        for path in ("/photos/", "/"):
            status, headers, _ = site.ask(f"{path}?token={TOKEN}&q=dog")
            assert (status, headers["location"]) == (303, "/photos/?q=dog")
            assert "Path=/photos/" in headers["set-cookie"]
            assert "Secure" not in headers["set-cookie"]
        cookie = headers["set-cookie"].partition(";")[0]
        assert site.ask("/photos/api/index", Cookie=cookie)[0] == 200
        assert site.ask("/photos/api/index")[0] == 401
        assert site.ask(f"/photos?token={TOKEN}")[1]["location"] == f"/photos/?token={TOKEN}"


def test_a_name_that_is_refused_is_told_the_remedy(library: Library, serve_library: Any) -> None:
    with serve_library(library) as place:
        status, _, body = direct(place, NAME).ask("/")
        assert status == 421
        assert f"'{NAME}'" in json.loads(body)["error"] and "--allow-host" in str(body)
        status, _, body = direct(place).ask("/api/index", Origin=f"https://{NAME}")
        assert status == 403 and "--allow-host" in str(body)


def test_a_server_goes_by_the_names_that_are_allowed_and_by_no_others(
    library: Library, serve_library: Any
) -> None:
    with serve_library(library, allowed_hosts=(NAME.upper(), "lens.local:8443")) as place:
        for host in (NAME, f"{NAME}:443", NAME.title(), "lens.local:8443", "127.0.0.1"):
            assert direct(place, host).ask("/api/index")[0] == 200, host
        for host in ("evil.example", f"{NAME}.evil.example", f"x{NAME}", "example.org"):
            assert direct(place, host).ask("/api/index")[0] == 421, host
        # nginx, unless it is told otherwise, asks under the address and lets the origin through.
        for origin in (f"https://{NAME}", "https://lens.local:8443"):
            assert direct(place).ask("/api/index", Origin=origin)[0] == 200, origin
        for origin in (f"https://{NAME}:8443", "https://lens.local", "https://evil.example", "null",
                       f"ftp://{NAME}", NAME):  # fmt: skip
            assert direct(place).ask("/api/index", Origin=origin)[0] == 403, origin


def test_forwarded_headers_count_from_trusted_proxies_only(
    library: Library, serve_library: Any
) -> None:
    asked = f"/?token={TOKEN}"
    for trusted, counts in (((), False), (("10.0.0.0/8",), False), (("127.0.0.0/8",), True)):
        given: dict[str, Any] = {"trusted_proxies": trusted, "allowed_hosts": (NAME,)}
        with serve_library(library, token=TOKEN, **given) as place:
            _, headers, _ = direct(place).ask(asked, **TELLS_ALL)
            assert ("Secure" in headers["set-cookie"]) == counts
        with serve_library(library, **given) as place:
            forged = {**TELLS_ALL, "X-Forwarded-Host": "evil.example"}
            assert direct(place).ask("/", **forged)[0] == (421 if counts else 200)
            chain = {**TELLS_ALL, "X-Forwarded-Host": f"evil.example, {NAME}"}
            assert direct(place, "evil.example").ask("/", **chain)[0] == (200 if counts else 421)


@pytest.mark.parametrize(
    "wrong",
    [
        {"root_path": "photos"}, {"root_path": "/photos/"}, {"root_path": "/a//b"},
        {"root_path": "/../a"}, {"root_path": "/api"}, {"root_path": "/static/x"},
        {"root_path": "/a?b"}, {"allowed_hosts": ("*",)}, {"allowed_hosts": ("https://a.b",)},
        {"allowed_hosts": ("a b",)}, {"allowed_hosts": ("",)}, {"trusted_proxies": ("nginx",)},
        {"trusted_proxies": ("10.0.0.1/8",)}, {"max_receiving_bytes": 1},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"expected|must be"):
        ServeSettings(**wrong)


def documented(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def changed(text: str, *changes: tuple[str, str]) -> str:
    for before, after in changes:
        assert before in text, f"{before!r} is not in the documentation any more"
        text = text.replace(before, after)
    return text


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(arguments: list[str], folder: Path, port: int) -> Iterator[None]:
    log = folder / "output.txt"
    environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder),
                   "XDG_CONFIG_HOME": str(folder)}  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=output, env=environment)
    try:
        end = time.monotonic() + 60
        while True:
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except OSError:
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(20)


def needed(program: str) -> str:
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip(f"needs {program}: apt install {program}")
    return found


@contextmanager
def nginx(server: str, folder: Path, port: int) -> Iterator[None]:
    """Run nginx with one ``server { ... }``, everything else as it is by default."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/nginx.pid;\nerror_log stderr;\nworker_processes 1;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{places}{server}\n}}\n"
    )
    arguments = ["-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    with running([needed("nginx"), *arguments], folder, port):
        yield


def certificate(folder: Path) -> tuple[Path, Path]:
    file, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [needed("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", f"/CN={NAME}", "-out", str(file), "-keyout", str(key)],
        check=True, capture_output=True,
    )  # fmt: skip
    return file, key


def check_everything(site: Site, picture: bytes, *, elsewhere: int = 421) -> None:
    """Search, send a picture, and be refused what is to be refused, below /photos."""
    own = {"Origin": site.origin, "Sec-Fetch-Site": "same-origin"}
    status, headers, body = site.ask("/photos/")
    assert status == 200 and b"<title>lexret" in body
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert site.ask("/photos/", "HEAD")[::2] == (200, b"")
    assert site.ask("/photos")[0] in (301, 302, 308)
    assert site.ask("/photos/static/app.js")[0] == 200
    status, _, body = site.ask("/photos/api/search?q=path:**", **own)
    assert status == 200 and len(json.loads(body)["hits"]) == 2
    assert site.ask("/photos/picture?id=a%20b.png")[2].startswith(b"\xff\xd8")
    status, _, body = site.ask("/photos/api/uploads", "POST", picture, **own)
    assert status == 200, body
    key = json.loads(body)["key"]
    assert site.ask(f"/photos/upload?key={key}&side=160", **own)[0] == 200
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert site.ask("/photos/api/uploads", "POST", b"x", **foreign)[0] == 403
    assert site.ask("/photos/api/index", **foreign)[0] == 403
    assert replace(site, host="evil.example").ask("/photos/api/index")[0] == elsewhere
    claims = {"X-Forwarded-Host": "localhost", "Origin": "https://localhost"}
    assert site.ask("/photos/api/index", **claims)[0] == 403


def test_behind_nginx_as_documented_everything_works(
    library: Library, serve_library: Any, large_picture: bytes, tmp_path: Path
) -> None:
    needed("nginx")
    file, key = certificate(tmp_path)
    port = free_port()
    site = Site(port, f"{NAME}:{port}", is_secure=True)
    settings: dict[str, Any] = {
        "root_path": "/photos", "allowed_hosts": (NAME,), "trusted_proxies": ("127.0.0.1",)
    }  # fmt: skip
    with serve_library(library, **settings) as (_, behind):
        configuration = changed(
            documented("nginx"),
            ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
            ("127.0.0.1:8000", f"127.0.0.1:{behind}"),
            (f"/etc/ssl/{NAME}.pem", str(file)),
            (f"/etc/ssl/{NAME}.key", str(key)),
        )
        with nginx(configuration, tmp_path, port):
            check_everything(site, large_picture)
    with (
        serve_library(library, **settings, port=behind, token=TOKEN),
        nginx(configuration, tmp_path, port),
    ):
        status, headers, _ = site.ask(f"/photos/?token={TOKEN}&q=dog")
        assert (status, headers["location"]) == (303, "/photos/?q=dog")
        assert {"Secure", "Path=/photos/"} <= set(headers["set-cookie"].split("; "))
        cookie = headers["set-cookie"].partition(";")[0]
        assert site.ask("/photos/api/index", Cookie=cookie)[0] == 200
        assert site.ask("/photos/api/index")[0] == 401


def test_behind_caddy_as_documented_everything_works(
    library: Library, serve_library: Any, large_picture: bytes, tmp_path: Path
) -> None:
    caddy, port = needed("caddy"), free_port()
    site = Site(port, f"{NAME}:{port}")
    with serve_library(
        library, root_path="/photos", allowed_hosts=(NAME,), trusted_proxies=("127.0.0.1",)
    ) as (_, behind):
        configuration = changed(
            documented("caddy"),
            (f"{NAME} {{", f"http://:{port} {{\n\tbind 127.0.0.1"),
            ("127.0.0.1:8000", f"127.0.0.1:{behind}"),
        )
        (tmp_path / "Caddyfile").write_text(
            f"{{\n\tadmin off\n\tauto_https off\n}}\n{configuration}"
        )
        arguments = ["run", "--config", str(tmp_path / "Caddyfile"), "--adapter", "caddyfile"]
        with running([caddy, *arguments], tmp_path, port):
            check_everything(site, large_picture)


@pytest.mark.parametrize("ending", ["", "/"])
def test_behind_nginx_with_its_defaults_an_allowed_host_is_enough(
    library: Library, serve_library: Any, tmp_path: Path, ending: str
) -> None:
    needed("nginx")
    port = free_port()
    site = Site(port, f"{NAME}:{port}")
    with serve_library(library, root_path="/photos", allowed_hosts=(f"{NAME}:{port}",)) as (_, at):
        location = f"location /photos/ {{ proxy_pass http://127.0.0.1:{at}{ending}; }}"
        with nginx(f"server {{ listen 127.0.0.1:{port}; {location} }}", tmp_path, port):
            file = io.BytesIO()
            Image.new("RGB", (60, 50)).save(file, "PNG")
            # A proxy that asks under the server's own address lets every name through.
            check_everything(site, file.getvalue(), elsewhere=200)


@pytest.mark.slow
@pytest.mark.skipif(find_chromium() is None, reason="needs a browser: apt install chromium")
def test_the_page_works_below_a_path_in_a_browser(
    library: Library, serve_library: Any, tmp_path: Path
) -> None:
    with serve_library(library, root_path="/photos") as (host, port):
        address = f"http://{host}:{port}/photos/"
        with Browser(str(find_chromium()), tmp_path / "profile") as browser:
            browser.open(address.rstrip("/"))
            browser.run("document.getElementById('q').focus()")
            browser.type("path:**")
            browser.press("Enter", 13)
            browser.wait("document.querySelectorAll('#grid .hit').length === 2")
            browser.wait("[...document.querySelectorAll('#grid img')].every((i) => i.naturalWidth)")
            assert browser.run("location.pathname + location.search") == "/photos/?q=path%3A**"
            browser.run("document.querySelector('h1 a').click()")
            browser.wait("location.search === '' && location.pathname === '/photos/'")
            outside = [url for url in browser.requests
                       if not url.startswith((address, "about:", "blob:", "data:"))
                       and url != address.rstrip("/")]  # fmt: skip
            assert not outside and not browser.errors
