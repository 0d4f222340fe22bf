"""What a server is told: where to listen, and how much it takes from those who ask."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from lexret.errors import InputError

MIN_TOKEN: Final = 16
_ROOT_PATH: Final = re.compile(r"(/[A-Za-z0-9_-]+)+")
_OWN_PATHS: Final = ("api", "original", "picture", "static", "upload")
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)(:\d{1,5})?")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class ServeSettings:
    """Settings of a server.

    Attributes:
        host: the address to listen at.
        port: from 0 to 65535; 0 takes a free one.
        token: what every request must know; ``None`` asks for none, which is for loopback only.
        root_path: the path below which the server is reached, such as ``/photos``; empty for none.
        allowed_hosts: names (and ports, where they are not the usual ones) that the server goes
            by, beside its addresses: those of a proxy before it.
        trusted_proxies: addresses or networks whose ``X-Forwarded-Host`` and ``-Proto`` count.
        allow_links: serve pictures that lie outside of their folder, behind a symbolic link.
        allow_write: let who knows the token correct words, give fields and tag files.
        allow_originals: give the files of pictures themselves also to other machines; to this one
            they are given anyway.
        max_thumbnail_bytes: that thumbnails kept on disk may take; 0 keeps none.
        max_upload_bytes: of one picture.
        max_upload_pixels: of one picture, decoded.
        max_receiving_bytes: that pictures which are being sent may have, over all connections;
            others are told to come back later.
        max_kept_bytes: that pictures to search by may take in memory, as they were sent; the
            oldest give way to a new one.
        max_hits: that one search may ask for.
        max_start: that one search may leave out before those that it tells.
        max_query: characters of a query.
        num_heavy: requests that may decode or encode at the same time.
        max_waiting: requests that may wait for that; others are told to come back later.
        max_connections: open at the same time; others are refused.
        seconds_for_head: in which a client must have sent a request's head.
        seconds_for_request: in which it must have sent the rest, and have taken the answer.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    root_path: str = ""
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    allow_links: bool = False
    allow_write: bool = False
    allow_originals: bool = False
    max_thumbnail_bytes: int = 0
    max_upload_bytes: int = 20_000_000
    max_upload_pixels: int = 80_000_000
    max_receiving_bytes: int = 80_000_000
    max_kept_bytes: int = 256_000_000
    max_hits: int = 500
    max_start: int = 10_000
    max_query: int = 2000
    num_heavy: int = 2
    max_waiting: int = 12
    max_connections: int = 256
    seconds_for_head: float = 10.0
    seconds_for_request: float = 30.0

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise InputError(f"The port is {self.port}; expected 0 to 65535.")
        if self.max_kept_bytes < self.max_upload_bytes:
            raise InputError(
                f"Pictures may have {self.max_upload_bytes:,} bytes, but only "
                f"{self.max_kept_bytes:,} bytes of them are kept; allow at least as many."
            )
        if self.root_path and (
            not _ROOT_PATH.fullmatch(self.root_path) or self.root_path.split("/")[1] in _OWN_PATHS
        ):
            raise InputError(
                f"The root path is {self.root_path!r}; expected one such as /photos: with a slash "
                "before it and none behind, of letters, digits, - and _, and none of the server's "
                f"own: {', '.join(_OWN_PATHS)}."
            )
        for host in self.allowed_hosts:
            if not _HOST.fullmatch(host):
                raise InputError(
                    f"The host is {host!r}; expected a name such as photos.example.org, with a "
                    "port behind a colon where it is not the usual one."
                )
        self.proxy_networks()
        if self.max_receiving_bytes < self.max_upload_bytes:
            raise InputError(
                f"All pictures that are being sent may have {self.max_receiving_bytes:,} bytes, "
                f"and one of them {self.max_upload_bytes:,}; expected no less for all than for one."
            )
        if self.token is None and not is_loopback(self.host):
            raise InputError(
                f"{self.host} can be reached from other machines: a token is needed. Give one of "
                f"at least {MIN_TOKEN} characters, or listen at 127.0.0.1."
            )
        if self.token is None and self.allow_write:
            raise InputError(
                "Changes are allowed to who knows the token; give one of at least "
                f"{MIN_TOKEN} characters."
            )
        legal = self.token is None or (self.token.isascii() and self.token.isprintable())
        if self.token is not None and (len(self.token) < MIN_TOKEN or not legal):
            raise InputError(
                f"The token must have at least {MIN_TOKEN} printable ASCII characters."
            )

    @property
    def is_local(self) -> bool:
        """Whether who asks sits at this machine: no other reaches it, not even by a proxy."""
        behind = self.root_path or self.allowed_hosts or self.trusted_proxies
        return is_loopback(self.host) and not behind

    @property
    def gives_originals(self) -> bool:
        """Whether the files of pictures themselves are given, with all that stands in them."""
        return self.allow_originals or self.is_local

    def proxy_networks(self) -> tuple[Network, ...]:
        """Return the networks of ``trusted_proxies``; raises InputError where one is none."""
        try:
            return tuple(ipaddress.ip_network(address) for address in self.trusted_proxies)
        except ValueError as error:
            raise InputError(
                f"A trusted proxy must be an address or a network such as 10.0.0.0/8: {error}."
            ) from error


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
