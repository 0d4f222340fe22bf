"""Questions of any text: answered, or refused by lexret's own errors, by Python and by the API."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import InputError, LexretError, QueryError
from lexret.library.library import Library
from lexret.pictures.boxes import format_box, parse_box
from lexret.sparse import SparseBatch
from tests.pictures.metadata_files import EXAMPLES

PIECES = (
    *("dog", "+dog", "-car", "zebra", "traffic light", '"traffic light"', '"', "(", ")", "OR", "|"),
    *(
        "^2",
        "^",
        "dog^0.5",
        "dog^-1",
        "dog^nan",
        "dog>1",
        "dog>=0.1",
        "dog<",
        ">",
        "?",
        "no dog",
        "not",
    ),
    *("size:", "size:1..", "size:..", "size:3..1", "size:9e999", "size:" + "9" * 30, "iso:1.5..2"),
    *(
        "date:2024",
        "date:2024-13",
        "date:..2024-02-30",
        "date:today",
        "path:**",
        "path:[",
        "path:*?*?*",
    ),
    *(
        "camera:Leica",
        "camera:",
        ":",
        "nofield:1",
        "keyword:x",
        "like:a.jpg",
        "Hund",
        "le chien",
        "海",
    ),
    *(
        "\u202e",
        "\x00",
        "\ud800",
        "\u0301",
        "🏖️",
        "\n",
        "\t",
        "  ",
        "dogs",
        "doggg",
        "without a car",
    ),
)
TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.sampled_from(PIECES).map(lambda piece: piece * 300),
)
QUIET = settings(
    max_examples=120,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def library(static_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """An index of three documents with fields, whose model reads texts by its table."""
    from lexret.encoders import load_model

    folder = tmp_path_factory.mktemp("library")
    model = load_model(static_model_folder)
    weights = [{"dog": 1.0, "beach": 0.5}, {"car": 1.0, "red": 0.2}, {"traffic light": 1.0}]
    with EmbeddedIndexWriter.create(
        folder / ".lexret",
        model.vocabulary,
        model_id=model.model_id,
        model_source=str(static_model_folder),
        roots=[".."],
    ) as writer:
        writer.add(
            ["a.jpg", "b/ü.png", "c.gif"],
            SparseBatch.from_words(weights, model.vocabulary),
            fields={
                "size": [1, 2, 3],
                "iso": [1.5, 2.5, 3.5],
                "camera": ["Leica", "", "x"],
                "date": [1_700_000_000, 0, 1],
            },
        )
        writer.commit()
    return Library.open(folder)


@QUIET
@given(TEXTS)
@example("(" * 5000)
@example("(" * 5000 + "dog" + ")" * 5000)
@example("-(" * 5000 + "dog" + ")" * 5000)
@example("dog " * 5000)
@example("dog OR " * 5000)
@example("+" * 9000)
@example("path:" + "*?" * 4000)
@example('"' * 9001)
@example("no " * 3000 + "dog")
@example("dogs" * 5000)
@example("no dog" * 300)
@example("dog^" + "9" * 6000)
@example("size:" + "9" * 6000)
@example("size:" + "9" * 400 + "/3")
@example("size:1/" + "9" * 6000)
@example("iso:" + "9" * 400 + ".5")
@example("date:" + "9" * 6000)
def test_any_text_is_answered_or_refused(library: Library, text: str) -> None:
    try:
        hits = library.search(text, k=3)
    except QueryError as error:
        assert 0 <= error.start <= error.end <= len(text)
        assert str(error).strip()
    except LexretError as error:
        assert str(error).strip()
    else:
        assert all(math.isfinite(hit.score) and hit.score >= 0 for hit in hits)
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
        assert all(isinstance(note, str) for note in hits.notes)


@QUIET
@given(
    st.one_of(
        st.text(max_size=30),
        st.lists(st.floats(), max_size=6).map(lambda numbers: ",".join(map(str, numbers))),
    )
)
@example("9" * 6000 + ",0,1,1")
@example("\uff11,2,3,4")
def test_any_box_is_read_or_refused(text: str) -> None:
    try:
        box = parse_box(text)
    except InputError as error:
        assert str(error).strip()
    else:
        assert parse_box(format_box(box)) == box


NAMES = ("q", "k", "image", "like", "box", "id", "parts", "patch", "key", "side", "prefix", "x")
VALUES = st.one_of(
    TEXTS,
    st.sampled_from(
        (
            "a.jpg",
            "b/ü.png",
            "../a.jpg",
            "bytes:%FF",
            "bytes:",
            "1",
            "0",
            "-1",
            "9" * 5000,
            "1e3",
            "160",
            "0,0,9,9",
            "true",
            "null",
            "",
        )
    ),
)
PATHS = (
    "/api/index",
    "/api/complete",
    "/api/search",
    "/api/explain",
    "/api/region",
    "/api/uploads",
    "/api/size",
    "/picture",
    "/upload",
    "/",
    "/api",
    "/api/nothing",
)


@pytest.fixture(scope="module")
def app(library: Library) -> Any:
    """The server without a network."""
    pytest.importorskip("fastapi", reason="needs FastAPI: pip install 'lexret[serve]'")
    from lexret.serve.app import create_app
    from lexret.serve.settings import ServeSettings

    return create_app(library, ServeSettings(max_upload_bytes=10_000))[0]


def ask(app: Any, path: str, query: bytes, body: bytes = b"") -> tuple[int, bytes, bytes]:
    """Ask the application; returns the status, the type of the content and the content."""
    told: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        told.append(message)

    length = str(len(body)).encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": "POST" if body else "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "client": ("127.0.0.1", 9),
        "server": ("localhost", 8000),
        "headers": [(b"host", b"localhost:8000"), (b"content-length", length)]
        if body
        else [(b"host", b"localhost:8000")],
    }
    asyncio.run(app(scope, receive, send))
    headers = dict(told[0]["headers"])
    content = b"".join(message.get("body", b"") for message in told[1:])
    return told[0]["status"], headers.get(b"content-type", b""), content


def check(answer: tuple[int, bytes, bytes]) -> None:
    """Compare an answer with what the API promises of every one."""
    status, kind, content = answer
    assert status in (200, 401, 403, 404, 405, 409, 413, 415, 422, 503), (status, content)
    if kind.startswith(b"application/json"):
        values = json.loads(content, parse_constant=pytest.fail)
        assert status == 200 or values["error"].strip()


@settings(QUIET, max_examples=80)
@given(
    st.sampled_from(PATHS),
    st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=4),
    st.binary(max_size=6),
)
def test_any_request_is_answered_as_the_schema_says(
    app: Any, path: str, values: list[tuple[str, str]], more: bytes
) -> None:
    query = urlencode(values, errors="surrogatepass").encode() + more
    check(ask(app, path, query))


@settings(QUIET, max_examples=60)
@given(
    st.one_of(
        st.binary(min_size=1, max_size=300), st.sampled_from(sorted(EXAMPLES)).map(EXAMPLES.get)
    )
)
def test_any_upload_is_kept_or_refused(app: Any, body: bytes) -> None:
    check(ask(app, "/api/uploads", b"", body))
