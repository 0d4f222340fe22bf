"""Keeps tests from the network: connections to other machines fail and are noted."""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import Any, Final

# The discard port of this machine, where nothing listens.
NOWHERE: Final = "http://127.0.0.1:9"
_HERE: Final = "localhost,127.0.0.1,::1"
attempts: list[str] = []
_is_on = False


class NoNetworkError(OSError):
    """A test asked for another machine."""


def forbid() -> None:
    """Let every connection of this process to another machine fail, from now on.

    Programs that it starts inherit a proxy that is not there.
    """
    global _is_on
    for name in ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy"):
        os.environ[name] = os.environ[name.upper()] = NOWHERE
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = _HERE
    if not _is_on:
        sys.addaudithook(_check)
        _is_on = True


def _check(event: str, arguments: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        if not isinstance(address, tuple):  # of a socket in the file system, or the one connected
            return
        host = address[0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not is_here(host):
        attempts.append(f"{event} {host!r}")
        raise NoNetworkError(f"Tests use no network; {event} of {host!r}.")


def is_here(host: object) -> bool:
    """Whether a name or address is this machine's own."""
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if text in (None, "", "localhost") or not isinstance(text, str):
        return True
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text.endswith(".localhost")
    return address.is_loopback or address.is_unspecified
