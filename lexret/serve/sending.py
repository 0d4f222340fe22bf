"""How answers are sent: compressed where that saves much, not at all where a browser has them."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from typing import Final

from fastapi.responses import Response

from lexret.serve.limits import App, Message, Receive, Scope, Send

_WORTH_IT: Final = 1_000
_LEVEL: Final = 5
_COMPRESSED: Final = (b"application/json", b"text/", b"image/svg")


def etag_of(content: bytes) -> str:
    """Return the mark by which a browser knows whether it has a content."""
    return f'"{hashlib.sha256(content).hexdigest()[:24]}"'


def known_already(headers: Mapping[str, str], etag: str) -> bool:
    """Whether a request says that its sender has the content of a mark."""
    given = headers.get("if-none-match", "")
    return any(one.strip().removeprefix("W/") in (etag, "*") for one in given.split(","))


def unchanged(etag: str, cache: str) -> Response:
    """Return the answer that a browser's own copy is still the right one."""
    return Response(status_code=304, headers={"etag": etag, "cache-control": cache})


class Compressed:
    """Compresses texts with gzip for those who take it; pictures are compressed already.

    Only answers that are whole at once, as all of the API are.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not _takes_gzip(scope):
            await self._app(scope, receive, send)
            return
        start: Message | None = None

        async def send_small(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_text(message):
                start = message
                return
            if start is not None:
                first, start = start, None
                if not message.get("more_body") and len(message.get("body", b"")) >= _WORTH_IT:
                    message = {**message, "body": gzip.compress(message["body"], _LEVEL, mtime=0)}
                    first = _with_length(first, len(message["body"]))
                await send(first)
            await send(message)

        await self._app(scope, receive, send_small)


def _takes_gzip(scope: Scope) -> bool:
    given = b",".join(value for name, value in scope["headers"] if name == b"accept-encoding")
    parts = [part.strip().partition(b";") for part in given.lower().split(b",")]
    return any(name.strip() == b"gzip" and weight.replace(b" ", b"") not in (b"q=0", b"q=0.0")
               for name, _, weight in parts)  # fmt: skip


def _is_text(message: Message) -> bool:
    headers = dict(message.get("headers", []))
    kind = headers.get(b"content-type", b"")
    return kind.startswith(_COMPRESSED) and b"content-encoding" not in headers


def _with_length(start: Message, length: int) -> Message:
    kept = [(name, value) for name, value in start["headers"] if name != b"content-length"]
    added = [(b"content-length", str(length).encode()), (b"content-encoding", b"gzip"),
             (b"vary", b"accept-encoding")]  # fmt: skip
    return {**start, "headers": [*kept, *added]}
