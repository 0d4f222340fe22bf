"""What stands before the application: who may ask, how much, how long, and what a browser may do.

Plain ASGI, so that it sees every byte: a body is counted while it comes in, and a client that
sends or takes too slowly is let go.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import urlencode

from lexret.serve.addresses import with_whole_ids
from lexret.serve.callers import COOKIE, Callers, Request
from lexret.serve.limits import App, Message, Receive, Scope, Send, impatient, limited
from lexret.serve.settings import ServeSettings

_log = logging.getLogger(__name__)

_LONGEST_LENGTH: Final = 18  # digits of a length that is read
HEADERS: Final = (
    (b"content-security-policy",
     b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
     b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)  # fmt: skip


class Gate:
    """Checks every request before the application sees it.

    - Who asks must be allowed to; see :class:`lexret.serve.callers.Callers`. A token that comes in
      the address becomes a cookie.
    - Its body must not be too long, and must come in time; the answer must be taken in time.
    - HEAD is answered as GET is, without the body.
    """

    def __init__(self, app: App, settings: ServeSettings) -> None:
        self._app, self._settings, self._callers = app, settings, Callers(settings)
        self._proxies = settings.proxy_networks()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets
            return
        deadline = asyncio.get_running_loop().time() + self._settings.seconds_for_request
        send = _with_headers(impatient(send, deadline))
        if scope["method"] == "HEAD":
            send = _without_body(send)
        try:
            await self._serve(scope, receive, send, deadline)
        except TimeoutError:  # the answer is not taken; without its end, the connection is closed
            _log.info("A client was let go that did not take its answer in time.")

    async def _serve(self, scope: Scope, receive: Receive, send: Send, deadline: float) -> None:
        request = Request.of(scope, self._settings.root_path, self._proxies)
        refusal = self._callers.refusal(request)
        if refusal is not None:
            await _answer(send, refusal.status, refusal.error)
            return
        if request.path == "":  # the page's addresses are relative to the path with its slash
            await _redirect(send, 308, self._page(request.parameters))
            return
        if self._brings_token(request):
            await self._welcome(request, send)
            return
        length = request.headers.get("content-length", "0")
        limit = self._settings.max_upload_bytes
        is_number = length.isascii() and length.isdigit() and len(length) <= _LONGEST_LENGTH
        if not is_number or int(length) > limit:
            await _answer(send, 413, f"A request may have at most {limit:,} bytes.")
            return
        known = {
            **scope,
            "path": request.path,
            "method": "GET" if request.method == "HEAD" else request.method,
            "query_string": with_whole_ids(scope["query_string"]),
        }
        await self._app(known, limited(receive, limit, deadline), send)

    def _brings_token(self, request: Request) -> bool:
        return (
            self._settings.token is not None
            and request.path == "/"
            and any(name == "token" for name, _ in request.parameters)
        )

    async def _welcome(self, request: Request, send: Send) -> None:
        """Lead a browser that brings the token in the address to the page, with a cookie."""
        cookie = SimpleCookie()
        cookie[COOKIE] = self._settings.token or ""
        cookie[COOKIE]["httponly"] = True
        cookie[COOKIE]["samesite"] = "Strict"
        cookie[COOKIE]["path"] = f"{self._settings.root_path}/"
        cookie[COOKIE]["secure"] = request.is_secure
        place = self._page([pair for pair in request.parameters if pair[0] != "token"])
        await _redirect(send, 303, place, cookie=cookie[COOKIE].OutputString())

    def _page(self, parameters: Iterable[tuple[str, str]]) -> str:
        """Return the address of the page, for some parameters."""
        query = urlencode(list(parameters))
        return f"{self._settings.root_path}/" + (f"?{query}" if query else "")


def _with_headers(send: Send) -> Send:
    """Add the headers that keep a browser safe."""

    async def send_more(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *HEADERS]}
        await send(message)

    return send_more


def _without_body(send: Send) -> Send:
    """Leave the bodies of answers away; their headers stay."""

    async def send_less(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_less


async def _redirect(send: Send, status: int, place: str, *, cookie: str | None = None) -> None:
    headers = [(b"location", place.encode("ascii")), (b"content-length", b"0")]
    headers += [] if cookie is None else [(b"set-cookie", cookie.encode("latin-1"))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _answer(send: Send, status: int, error: str) -> None:
    # The connection stays: what a refused client still sends is read and dropped for a while, as
    # else it would be cut off before it has read why.
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"),
               (b"content-length", str(len(body)).encode())]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
