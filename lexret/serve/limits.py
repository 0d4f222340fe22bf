"""How much the server takes at a time, and for how long it waits."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Final

from lexret.errors import LexretError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SECONDS_TO_TAKE: Final = 5.0
"""What a client has for each piece of an answer, however late the answer was ready."""


class BusyError(LexretError, RuntimeError):
    """Too many requests wait for something that takes long; try again a little later."""


class ForbiddenError(LexretError, PermissionError):
    """What is asked for is not allowed on this server."""


class TooLargeError(LexretError, ValueError):
    """A request's body is larger than the server takes."""


class TooSlowError(LexretError, TimeoutError):
    """A request's body does not come in time."""


class BrokenOffError(LexretError, ConnectionError):
    """A client went away before its request was whole."""


class ReceivingRoom:
    """Room for bodies that come in: so many bytes, over all connections together.

    For the event loop only.
    """

    def __init__(self, num_bytes: int) -> None:
        self._free = num_bytes

    @contextmanager
    def taken(self, num_bytes: int) -> Iterator[None]:
        """Take room while a body is received and looked at; raises BusyError where there is none.

        Args:
            num_bytes: that the body may have at most.
        """
        if num_bytes > self._free:
            raise BusyError("Too many pictures are being sent just now; try again shortly.")
        self._free -= num_bytes
        try:
            yield
        finally:
            self._free += num_bytes


class HeavyWork:
    """Lets a few requests at a time do what takes long, a few more wait, and refuses others."""

    def __init__(self, num_running: int, max_waiting: int) -> None:
        self._running = threading.BoundedSemaphore(num_running)
        self._places = threading.BoundedSemaphore(num_running + max_waiting)
        self._counting, self._num_taken = threading.Lock(), 0

    @property
    def is_idle(self) -> bool:
        """Whether nobody takes a turn or waits for one just now."""
        return self._num_taken == 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn; raises BusyError where too many wait already."""
        if not self._places.acquire(blocking=False):
            raise BusyError("Too many pictures are being looked at just now; try again shortly.")
        try:
            with self._counting:
                self._num_taken += 1
            with self._running:
                yield
        finally:
            with self._counting:
                self._num_taken -= 1
            self._places.release()


class Activity:
    """When somebody asked for something last: what has no hurry waits until nobody does."""

    def __init__(self) -> None:
        self._last = -math.inf

    def seconds_quiet(self) -> float:
        """Return how long nobody has asked for anything."""
        return time.monotonic() - self._last

    def noting(self, app: App) -> App:
        """Return an application that notes every request to another."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            self._last = time.monotonic()
            try:
                await app(scope, receive, send)
            finally:
                self._last = time.monotonic()

        return serve


def limited(receive: Receive, limit: int, deadline: float) -> Receive:
    """Count a body as it comes in, and do not wait for it for ever.

    Args:
        deadline: in seconds of the event loop's clock.
    """
    taken = 0
    whole = False

    async def receive_some() -> Message:
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

    return receive_some


def impatient(send: Send, deadline: float) -> Send:
    """Do not wait for a slow reader for ever; raises TimeoutError.

    Args:
        deadline: in seconds of the event loop's clock; see also :data:`SECONDS_TO_TAKE`.
    """

    async def send_some(message: Message) -> None:
        # An answer may be ready late; from then on its reader has a few seconds at least.
        left = max(SECONDS_TO_TAKE, deadline - asyncio.get_running_loop().time())
        await asyncio.wait_for(send(message), left)

    return send_some
