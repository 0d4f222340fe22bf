"""What stands before the application: who may ask, how much, how long, and what a browser may do.

Plain ASGI, so that it sees every byte: a body is counted while it comes in, and a client that
sends or takes too slowly is let go.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from lexret.errors import LexretError
from lexret.serve.settings import ServeSettings, is_loopback

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_log = logging.getLogger(__name__)

COOKIE: Final = "lexret-token"
SECONDS_TO_TAKE: Final = 5.0
"""What a client has for each piece of an answer, however late the answer was ready."""

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


class BusyError(LexretError, RuntimeError):
    """Too many requests wait for something that takes long; try again a little later."""


class TooLargeError(LexretError, ValueError):
    """A request's body is larger than the server takes."""


class TooSlowError(LexretError, TimeoutError):
    """A request's body does not come in time."""


class HeavyWork:
    """Lets a few requests at a time do what takes long, a few more wait, and refuses others."""

    def __init__(self, num_running: int, max_waiting: int) -> None:
        self._running = threading.BoundedSemaphore(num_running)
        self._places = threading.BoundedSemaphore(num_running + max_waiting)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn; raises BusyError where too many wait already."""
        if not self._places.acquire(blocking=False):
            raise BusyError("Too many pictures are being looked at just now; try again shortly.")
        try:
            with self._running:
                yield
        finally:
            self._places.release()


class Gate:
    """Checks every request before the application sees it.

    - Its ``Host`` must be this server's: an address, ``localhost`` or the host it listens at, so
      that no page elsewhere can give it a name of its own (DNS rebinding).
    - Where it changes anything, its ``Origin`` must be this server: no other page sends pictures.
    - It must know the token, where there is one: as bearer, cookie, or once as ``?token=``, which
      becomes the cookie.
    - Its body must not be too long, and must come in time; the answer must be taken in time.
    """

    def __init__(self, app: App, settings: ServeSettings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets
            return
        headers = _headers(scope)
        deadline = asyncio.get_running_loop().time() + self._settings.seconds_for_request
        send = _guarded(send, deadline)
        refused = self._refuse(scope, headers)
        if refused is not None:
            await _answer(send, *refused)
            return
        welcome = self._welcome(scope)
        if welcome is not None:
            await _redirect(send, *welcome)
            return
        length = headers.get("content-length", "0")
        limit = self._settings.max_upload_bytes
        if not length.isdigit() or int(length) > limit:
            await _answer(send, 413, f"A request may have at most {limit:,} bytes.")
            return
        try:
            await self._app(scope, _limited(receive, limit, deadline), send)
        except TimeoutError:  # the answer is not taken; without its end, the connection is closed
            _log.info("A client was let go that did not take its answer in time.")

    def _refuse(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self._knows_host(_name(host)):
            return 421, "This server goes by another name; call it by its address."
        origin = headers.get("origin")
        if scope["method"] not in ("GET", "HEAD") and origin not in (
            None, f"http://{host}", f"https://{host}",
        ):  # fmt: skip
            return 403, "Only pages of this server may send anything to it."
        if not self._knows_token(scope, headers):
            return 401, "This server asks for a token: open the address that it printed."
        return None

    def _knows_host(self, name: str) -> bool:
        if name in ("localhost", self._settings.host):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            # With a token, a name of any kind will do: what guards is the token.
            return self._settings.token is not None
        return address.is_loopback or not is_loopback(self._settings.host)

    def _knows_token(self, scope: Scope, headers: dict[str, str]) -> bool:
        if self._settings.token is None:
            return True
        given = [headers.get("authorization", "").removeprefix("Bearer "), _cookie(headers)]
        given += [value for name, value in _query(scope) if name == "token"]
        wanted = self._settings.token.encode()
        return any(hmac.compare_digest(token.encode("utf-8", "replace"), wanted) for token in given)

    def _welcome(self, scope: Scope) -> tuple[str, str] | None:
        """Return where to lead a browser that brings the token in the address, and its cookie."""
        pairs = _query(scope)
        if (
            self._settings.token is None
            or scope["path"] != "/"
            or not any(name == "token" for name, _ in pairs)
        ):
            return None
        rest = urlencode([(name, value) for name, value in pairs if name != "token"])
        return f"/?{rest}" if rest else "/", self._settings.token


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]}  # fmt: skip


def _name(host: str) -> str:
    """Return a host without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _cookie(headers: dict[str, str]) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _limited(receive: Receive, limit: int, deadline: float) -> Receive:
    """Count a body as it comes in, and do not wait for it for ever."""
    taken = 0
    whole = False

    async def limited() -> Message:
        nonlocal taken, whole
        if whole:  # now only a disconnection can come, which has no hurry
            return await receive()
        left = deadline - asyncio.get_running_loop().time()
        try:
            message = await asyncio.wait_for(receive(), max(0.01, left))
        except TimeoutError as error:
            raise TooSlowError("The request took too long to arrive.") from error
        taken += len(message.get("body", b""))
        if taken > limit:
            raise TooLargeError(f"A request may have at most {limit:,} bytes.")
        whole = not message.get("more_body", False)
        return message

    return limited


def _guarded(send: Send, deadline: float) -> Send:
    """Add the headers that keep a browser safe; do not wait for a slow reader for ever."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(name, value) for name, value in message.get("headers", [])]
            message = {**message, "headers": [*own, *HEADERS]}
        # An answer may be ready late; from then on its reader has a few seconds at least.
        left = max(SECONDS_TO_TAKE, deadline - asyncio.get_running_loop().time())
        await asyncio.wait_for(send(message), left)

    return guarded


async def _answer(send: Send, status: int, error: str) -> None:
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close"),
               (b"content-length", str(len(body)).encode())]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _redirect(send: Send, place: str, token: str) -> None:
    cookie = SimpleCookie()
    cookie[COOKIE] = token
    cookie[COOKIE]["httponly"] = True
    cookie[COOKIE]["samesite"] = "Strict"
    cookie[COOKIE]["path"] = "/"
    value = cookie[COOKIE].OutputString().encode("latin-1")
    headers = [(b"location", place.encode("latin-1")), (b"set-cookie", value),
               (b"content-length", b"0")]  # fmt: skip
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
