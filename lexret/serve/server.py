"""Runs the application under uvicorn, and lets slow clients go."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from lexret.errors import InputError, MissingPackageError
from lexret.library.library import Library
from lexret.serve.app import create_app
from lexret.serve.settings import ServeSettings, is_loopback

try:
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ImportError as error:
    raise MissingPackageError(
        "`lexret serve` needs FastAPI and uvicorn; get them with: pip install 'lexret[serve]'"
    ) from error

SECONDS_TO_END: Final = 5
"""What answers under way have to be finished after an interrupt."""
_WORKERS: Final = "AnyIO worker thread"


class PromptServer(uvicorn.Server):
    """uvicorn's server, but it ends in any case: nothing is lost, as it writes whole or not at all.

    SIGTERM ends it at once, by the system's own hand: a handler in Python would wait for whatever
    holds the interpreter. An interrupt (Ctrl+C) lets answers be finished, for a few seconds.
    """

    _last_resort: threading.Timer | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals while it serves."""
        with super().capture_signals():
            if threading.current_thread() is threading.main_thread():
                # The system gives the first process of a container no default action.
                is_first = os.getpid() == 1
                signal.signal(signal.SIGTERM, _end if is_first else signal.SIG_DFL)
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; threads that go on nevertheless do not keep the process for ever."""
        super().handle_exit(sig, frame)
        if self._last_resort is None:
            self._last_resort = threading.Timer(SECONDS_TO_END, os._exit, [128 + sig])
            self._last_resort.daemon = True
            self._last_resort.start()

    def has_ended(self) -> None:
        """Leave the process to whoever has called, unless a request goes on and would keep it."""
        going_on = any(thread.name == _WORKERS for thread in threading.enumerate())
        if self._last_resort is not None and not going_on:
            self._last_resort.cancel()


def _end(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)


class PatientProtocol(H11Protocol):
    """uvicorn's protocol, but it closes connections whose request's head does not come in time.

    uvicorn itself waits for ever; a client that sends a letter a minute would keep a connection.
    """

    seconds_for_head: float
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._start()

    def data_received(self, data: bytes) -> None:
        """Stop waiting once a head is whole."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._start()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        super().connection_lost(exc)

    def _start(self) -> None:
        self._stop()
        self._timer = self.loop.call_later(self.seconds_for_head, self._close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort()


def protocol_with_patience(seconds: float) -> type[PatientProtocol]:
    """Return the protocol that waits for a request's head for so many seconds."""
    return type("Protocol", (PatientProtocol,), {"seconds_for_head": seconds})


def listen(settings: ServeSettings) -> socket.socket:
    """Take the address to listen at; raises InputError where that is not possible."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Its connections inherit it; else the second part of an answer waits 40 ms for the client.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(settings.max_connections)
    except OSError as error:
        listener.close()
        raise InputError(
            f"Cannot listen at {settings.host}, port {settings.port}: {error.strerror or error}. "
            "Name another port with --port."
        ) from error
    return listener


def address_of(settings: ServeSettings, listener: socket.socket) -> str:
    """Return the address to open in a browser, the token in it where there is one."""
    host, port = settings.host, listener.getsockname()[1]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if is_loopback("127.0.0.1") and host == "0.0.0.0" else "::1"
    shown = f"[{host}]" if ":" in host else host
    token = f"?token={settings.token}" if settings.token else ""
    return f"http://{shown}:{port}{settings.root_path}/{token}"


def serve(
    library: Library,
    settings: ServeSettings,
    listener: socket.socket,
    *,
    started: Callable[[uvicorn.Server], None] | None = None,
) -> None:
    """Serve until interrupted.

    Args:
        listener: from :func:`listen`; is closed at the end.
        started: is given the server before it runs; ``should_exit`` ends it.
    """
    app, maker = create_app(library, settings)
    config = uvicorn.Config(
        app,
        http=protocol_with_patience(settings.seconds_for_head),
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whoever asks could claim anything
        limit_concurrency=settings.max_connections,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=3,
        h11_max_incomplete_event_size=32_768,
        lifespan="off",
    )
    server = PromptServer(config)
    if started is not None:
        started(server)
    maker.start()
    try:
        server.run(sockets=[listener])
    finally:
        maker.stop()
        server.has_ended()
        listener.close()
