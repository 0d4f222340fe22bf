"""Who may ask the server: under which name, from which page, with which token."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qsl

from lexret.serve.addresses import below
from lexret.serve.limits import Scope
from lexret.serve.settings import Network, ServeSettings, is_loopback

COOKIE: Final = "lexret-token"

# What browsers say of requests that no page elsewhere has made: our own page, or the person.
_NOT_FROM_ELSEWHERE: Final = frozenset({"same-origin", "none"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a request says of itself, as far as it decides whether it is answered.

    Attributes:
        path: below the server's root path.
        host: the name and port that the client calls this server by.
        is_secure: whether the client is known to speak HTTPS, to a proxy that is trusted.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    parameters: tuple[tuple[str, str], ...]
    host: str
    is_secure: bool

    @classmethod
    def of(cls, scope: Scope, root_path: str, proxies: Sequence[Network]) -> Request:
        """Return what an ASGI server has read.

        Args:
            proxies: who is trusted to tell how a client has called the server.
        """
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        told = headers if _is_within(scope.get("client"), proxies) else {}
        return cls(
            scope["method"],
            below(root_path, scope["path"]),
            headers,
            tuple(given),
            # Of several proxies, the last one has written the last value.
            host=_last(told.get("x-forwarded-host")) or headers.get("host", ""),
            is_secure=_last(told.get("x-forwarded-proto")) == "https",
        )

    @property
    def tokens(self) -> list[str]:
        """All that may be the token."""
        try:
            cookie = SimpleCookie(self.headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            cookie = None
        given = [self.headers.get("authorization", "").removeprefix("Bearer ")]
        given += [] if cookie is None else [cookie.value]
        return given + [value for name, value in self.parameters if name == "token"]

    def opens_the_page(self) -> bool:
        """Whether a browser opens the page itself, in a tab of its own: a link leads to it."""
        return (
            self.method in ("GET", "HEAD")
            and self.path in ("", "/")
            and self.headers.get("sec-fetch-mode") == "navigate"
            and self.headers.get("sec-fetch-dest") == "document"
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status and a message for who may not ask."""

    status: int
    error: str


class Callers:
    """Rules of who may ask, the same for every method.

    - The ``Host`` must be this server's: an address, ``localhost``, the host it listens at or one
      that is allowed, so that no page elsewhere can give it a name of its own (DNS rebinding).
    - No page elsewhere may make a browser ask, for whatever: by what the browser says of where the
      request comes from (``Sec-Fetch-Site``), and by its ``Origin``. A link to the page itself may
      stand anywhere.
    - The token must be known, where there is one: as bearer, cookie, or once as ``?token=``.
    """

    def __init__(self, settings: ServeSettings) -> None:
        self._settings = settings
        self._allowed = frozenset(host.lower() for host in settings.allowed_hosts)
        self._names = frozenset(map(_name, self._allowed))

    def refusal(self, request: Request) -> Refusal | None:
        """Return why a request is not answered; ``None`` where it is."""
        return self._of_name(request) or self._of_page(request) or self._of_token(request)

    def _of_name(self, request: Request) -> Refusal | None:
        name = _name(request.host)
        if self._knows_host(name):
            return None
        return Refusal(
            421,
            f"This server does not go by the name {name!r}; call it by its address, or start it "
            "with --allow-host and this name, if it is its own.",
        )

    def _knows_host(self, name: str) -> bool:
        if name in ("localhost", self._settings.host) or name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            # With a token, a name of any kind will do: what guards is the token.
            return self._settings.token is not None
        return address.is_loopback or not is_loopback(self._settings.host)

    def _of_page(self, request: Request) -> Refusal | None:
        site = request.headers.get("sec-fetch-site")
        if site is not None and site not in _NOT_FROM_ELSEWHERE and not request.opens_the_page():
            return Refusal(
                403,
                "A page elsewhere made the browser ask; only this server's own page may. A link "
                "may lead to the page itself.",
            )
        origin = request.headers.get("origin")
        if origin is None or self._is_own(origin.lower(), request):
            return None
        return Refusal(
            403,
            f"Only pages of this server may ask it; this one is of {origin}. If that is the server "
            "behind a proxy, let the proxy pass the Host on, or start the server with --allow-host "
            "and that name (and port, where it is not the usual one).",
        )

    def _is_own(self, origin: str, request: Request) -> bool:
        scheme, _, host = origin.partition("://")
        known = host == request.host.lower() or host in self._allowed
        return scheme in ("http", "https") and bool(host) and known

    def _of_token(self, request: Request) -> Refusal | None:
        if self._settings.token is None:
            return None
        wanted = self._settings.token.encode()
        given = (token.encode("utf-8", "replace") for token in request.tokens)
        if any([hmac.compare_digest(token, wanted) for token in given]):
            return None
        return Refusal(401, "This server asks for a token: open the address that it printed.")


def _name(host: str) -> str:
    """Return a host without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _last(value: str | None) -> str:
    return (value or "").rpartition(",")[2].strip()


def _is_within(client: tuple[str, int] | None, networks: Sequence[Network]) -> bool:
    if client is None or not networks:
        return False
    try:
        address = ipaddress.ip_address(client[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
