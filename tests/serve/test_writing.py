"""What changes something: off unless allowed, for the server's own page or who knows the token."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lexret.errors import InputError
from lexret.library.library import Library
from lexret.serve.settings import ServeSettings

TOKEN = "a-token-of-24-characters"
CHANGES: dict[str, dict[str, Any]] = {
    "correct": {"ids": ["noise.jpg"], "add": ["sea"]},
    "mute": {"words": ["sea"]},
    "fields": {"ids": ["noise.jpg"], "fields": {"stars": "5"}},
    "tag": {"ids": ["noise.jpg"], "write": True},
    "labels/train": {"name": "kinds", "classes": {"cold": {"ids": ["blue.png"]}}},
    "labels/apply": {"name": "old"},
    "labels/remove": {"name": "old"},
}


class Client:
    """Asks a server under an address of its own."""

    def __init__(self, place: tuple[str, int]) -> None:
        self.place = place
        self.own = {"Origin": f"http://{place[0]}:{place[1]}", "Authorization": f"Bearer {TOKEN}"}

    def ask(
        self, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(*self.place, timeout=60)
        try:
            sent = {
                "Content-Type": "application/json",
                **(self.own if headers is None else headers),
            }
            method = "GET" if body is None else "POST"
            connection.request(method, path, json.dumps(body) if body is not None else None, sent)
            answer = connection.getresponse()
            content = answer.read()
            is_json = (answer.getheader("content-type") or "").startswith("application/json")
            return answer.status, json.loads(content) if is_json else content
        finally:
            connection.close()


@pytest.fixture
def library(tmp_path: Path, index_of: Callable[[Path], Path]) -> Library:
    noise = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.jpg")
    Image.new("RGB", (50, 50), (30, 30, 200)).save(tmp_path / "blue.png")
    library = Library.open(index_of(tmp_path))
    library.labels.train("old", {"cold": ["blue.png"], "grey": ["noise.jpg"]}, field="kind")
    return library


@pytest.fixture
def client(library: Library, serve_library: Any) -> Iterator[Client]:
    with serve_library(library, allow_write=True, token=TOKEN) as place:
        yield Client(place)


def state(library: Library) -> list[object]:
    """All bytes that a change could touch."""
    root = library.path.parent
    files = [path for path in root.rglob("*") if path.is_file() and "lock" not in path.name]
    return [(path.relative_to(root), path.read_bytes()) for path in sorted(files)]


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_changed_unless_the_server_allows_it(
    library: Library, serve_library: Any, change: str
) -> None:
    before = state(library)
    with serve_library(library, token=TOKEN) as place:
        status, told = Client(place).ask(f"/api/{change}", CHANGES[change])
        assert status == 403 and "--allow-write" in told["error"]
    with serve_library(library) as place:  # who knows no token is told the same
        status, told = Client(place).ask(f"/api/{change}", CHANGES[change], {})
        assert status == 403 and "--allow-write" in told["error"]
    assert state(library) == before


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong-token-of-24-chars"},
        {"Authorization": f"Bearer {TOKEN}", "Origin": "http://evil.example"},
        {"Authorization": f"Bearer {TOKEN}", "Origin": "null"},
        {"Authorization": f"Bearer {TOKEN}", "Sec-Fetch-Site": "cross-site"},
        {"Cookie": f"lexret-token={TOKEN}", "Sec-Fetch-Site": "same-site"},
        {"Cookie": f"lexret-token={TOKEN}"},
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "text/plain"},
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-www-form-urlencoded"},
    ],
)
def test_only_the_own_page_or_who_knows_the_token_changes_anything(
    library: Library, client: Client, change: str, headers: dict[str, str]
) -> None:
    before = state(library)
    status, told = client.ask(f"/api/{change}", CHANGES[change], headers)
    assert status in (401, 403, 422), told
    assert state(library) == before


@pytest.mark.parametrize("change", CHANGES)
def test_a_link_changes_nothing(library: Library, client: Client, change: str) -> None:
    before = state(library)
    assert client.ask(f"/api/{change}?ids=noise.jpg&token={TOKEN}")[0] in (404, 405)
    assert state(library) == before


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ("correct", {"ids": ["../secret.png"], "add": ["sea"]}),
        ("correct", {"ids": ["noise.jpg", "gone.jpg"], "add": ["sea"]}),
        ("correct", {"ids": ["noise.jpg"], "add": ["nosuchwordatall"]}),
        ("correct", {"ids": [], "add": ["sea"]}),
        ("correct", {"ids": ["noise.jpg"] * 5001, "add": ["sea"]}),
        ("fields", {"ids": ["noise.jpg"], "fields": {"_vouched": "x"}}),
        ("fields", {"ids": ["noise.jpg"], "fields": {"sha256": "x"}}),
        ("fields", {"ids": ["/etc/passwd"], "fields": {"stars": "1"}}),
        ("mute", {"words": ["nosuchwordatall"]}),
        ("tag", {"ids": ["/etc/passwd"], "write": True}),
        ("tag", {"ids": ["noise.jpg"], "write": True, "path": "/tmp"}),
    ],
)
def test_what_cannot_be_meant_changes_nothing(
    library: Library, client: Client, change: str, body: dict[str, Any]
) -> None:
    before = state(library)
    status, told = client.ask(f"/api/{change}", body)
    assert status in (404, 422), told
    assert state(library) == before


def test_a_picture_behind_a_link_is_not_tagged(
    library: Library, client: Client, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "other.jpg"
    picture = library.path.parent / "noise.jpg"
    elsewhere.write_bytes(picture.read_bytes())
    before = elsewhere.read_bytes()
    picture.unlink()
    picture.symlink_to(elsewhere)
    assert client.ask("/api/tag", {"ids": ["noise.jpg"], "write": True})[0] == 404
    assert elsewhere.read_bytes() == before


def test_a_picture_that_is_not_there_is_told_without_the_place_of_the_index(
    library: Library, client: Client
) -> None:
    asked = [
        ("/api/details?id=nope.jpg", None),
        ("/api/correct", {"ids": ["nope.jpg"], "add": ["dog"]}),
        ("/api/fields", {"ids": ["nope.jpg"], "fields": {"stars": "1"}}),
        ("/api/tag", {"ids": ["nope.jpg"]}),
    ]
    for path, body in asked:
        status, told = client.ask(path, body)
        assert (status, told) == (404, {"error": "The index holds no such picture."}), path


def test_a_body_that_is_not_json_is_told_so(client: Client) -> None:
    connection = http.client.HTTPConnection(*client.place, timeout=60)
    headers = {"Content-Type": "application/json", **client.own}
    connection.request("POST", "/api/correct", "{ids", headers)
    answer = connection.getresponse()
    told = json.loads(answer.read())["error"]
    connection.close()
    assert answer.status == 422 and told.startswith("The request's body is not JSON: ")


def test_words_are_corrected_and_taken_back(client: Client) -> None:
    def details() -> Any:
        return client.ask("/api/details?id=noise.jpg")[1]

    assert client.ask("/api/correct", CHANGES["correct"]) == (200, {"changed": 1})
    assert details()["added"] == ["sea"]
    hits = client.ask("/api/search?q=sea%3F")[1]["hits"]
    assert hits[0]["id"] == "noise.jpg"
    undo = {"ids": ["noise.jpg"], "undo": True}
    assert client.ask("/api/correct", undo)[0] == 200
    assert details()["added"] == []


def test_words_are_muted_and_counted_again(client: Client) -> None:
    assert client.ask("/api/mute", {"words": ["sea"]}) == (200, {"muted": ["sea"]})
    assert client.ask("/api/index")[1]["muted"] == ["sea"]
    assert client.ask("/api/mute", {"words": ["sea"], "mute": False}) == (200, {"muted": []})


def test_fields_are_given(client: Client) -> None:
    body = {"ids": ["noise.jpg", "blue.png"], "fields": {"place": "Nice"}}
    assert client.ask("/api/fields", body) == (200, {"changed": 2})
    assert client.ask("/api/details?id=blue.png")[1]["fields"] == {"place": "Nice"}


def test_tags_are_shown_before_they_are_written(library: Library, client: Client) -> None:
    client.ask("/api/correct", CHANGES["correct"])
    before = (library.path.parent / "noise.jpg").read_bytes()
    status, shown = client.ask("/api/tag", {"ids": ["noise.jpg"]})
    assert status == 200 and not shown["written"] and "sea" in shown["changes"][0]["added"]
    assert (library.path.parent / "noise.jpg").read_bytes() == before
    status, written = client.ask("/api/tag", {"ids": ["noise.jpg"], "write": True})
    assert written == {**shown, "written": True}
    assert b"sea" in (library.path.parent / "noise.jpg").read_bytes()


def test_a_server_that_allows_changes_has_a_token() -> None:
    with pytest.raises(InputError, match="token"):
        ServeSettings(allow_write=True)


REMOTE: list[dict[str, Any]] = [
    {"allowed_hosts": ("photos.example.org",)},
    {"root_path": "/photos"},
    {"trusted_proxies": ("127.0.0.1",)},
    {"host": "0.0.0.0"},
]


@pytest.mark.parametrize("settings", REMOTE)
def test_originals_paths_and_folders_are_for_this_machine_alone(
    library: Library, serve_library: Any, settings: dict[str, Any]
) -> None:
    with serve_library(library, token=TOKEN, **settings) as place:
        client = Client(("127.0.0.1", place[1]))
        below = settings.get("root_path", "")
        assert client.ask(f"{below}/original?id=noise.jpg")[0] == 403
        assert client.ask(f"{below}/api/reveal?id=noise.jpg", {})[0] == 403
        assert client.ask(f"{below}/api/details?id=noise.jpg")[1]["path"] is None
        info = client.ask(f"{below}/api/index")[1]
        assert not info["originals"] and info["root"] is None and not info["can_show_in_folder"]


def test_an_original_is_the_file_and_never_a_page(library: Library, serve_library: Any) -> None:
    with serve_library(library) as place:
        client = Client(place)
        status, content = client.ask("/original?id=noise.jpg")
        assert (status, content) == (200, (library.path.parent / "noise.jpg").read_bytes())
        assert client.ask("/original?id=../secret.png")[0] == 404
        assert client.ask("/original?id=.lexret/manifest.json")[0] == 404
        connection = http.client.HTTPConnection(*place)
        connection.request("GET", "/original?id=noise.jpg&download=true")
        answer = connection.getresponse()
        assert answer.getheader("content-disposition", "").startswith("attachment")
        assert answer.getheader("x-content-type-options") == "nosniff"
        assert "default-src 'none'" in answer.getheader("content-security-policy", "")
        connection.close()


def test_a_folder_is_shown_by_the_own_page_only(
    library: Library, serve_library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lexret.serve import edit_routes, originals

    shown: list[str] = []
    monkeypatch.setattr(edit_routes, "launch_folder", shown.append)
    monkeypatch.setattr(originals, "can_reveal", lambda settings: settings.is_local)
    with serve_library(library) as place:
        client = Client(place)
        assert client.ask("/api/reveal?id=noise.jpg", {}, {})[0] == 403
        assert (
            client.ask("/api/reveal?id=noise.jpg", {}, {"Origin": "http://evil.example"})[0] == 403
        )
        assert client.ask("/api/reveal?id=gone.jpg", {})[0] == 404
        assert not shown
        own = {"Origin": f"http://{place[0]}:{place[1]}"}
        assert client.ask("/api/reveal?id=noise.jpg", {}, own) == (200, {"shown": True})
    assert shown == [str((library.path.parent / "noise.jpg").absolute())]
