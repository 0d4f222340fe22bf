"""What `lexret serve` listens with."""

from __future__ import annotations

import socket

from lexret.serve.server import listen
from lexret.serve.settings import ServeSettings


def test_small_answers_are_sent_at_once() -> None:
    with listen(ServeSettings(port=0)) as one, socket.create_connection(one.getsockname()):
        connection, _ = one.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
