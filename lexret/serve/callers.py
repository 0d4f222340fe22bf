"""Who may ask the server: under which name, from which page, with which token."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qsl

from lexret.serve.limits import Scope
from lexret.serve.settings import ServeSettings, is_loopback

COOKIE: Final = "lexret-token"

# What browsers say of requests that no page elsewhere has made: our own page, or the person.
_NOT_FROM_ELSEWHERE: Final = frozenset({"same-origin", "none"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a request says of itself, as far as it decides whether it is answered."""

    method: str
    path: str
    headers: Mapping[str, str]
    parameters: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, scope: Scope) -> Request:
        """Return what an ASGI server has read."""
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        return cls(scope["method"], scope["path"], headers, tuple(given))

    @property
    def host(self) -> str:
        """The name and port that the client calls this server by."""
        return self.headers.get("host", "")

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
            and self.path == "/"
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

    - The ``Host`` must be this server's: an address, ``localhost`` or the host it listens at, so
      that no page elsewhere can give it a name of its own (DNS rebinding).
    - No page elsewhere may make a browser ask, for whatever: by what the browser says of where the
      request comes from (``Sec-Fetch-Site``), and by its ``Origin``. A link to the page itself may
      stand anywhere.
    - The token must be known, where there is one: as bearer, cookie, or once as ``?token=``.
    """

    def __init__(self, settings: ServeSettings) -> None:
        self._settings = settings

    def refusal(self, request: Request) -> Refusal | None:
        """Return why a request is not answered; ``None`` where it is."""
        return self._of_name(request) or self._of_page(request) or self._of_token(request)

    def _of_name(self, request: Request) -> Refusal | None:
        if self._knows_host(_name(request.host)):
            return None
        return Refusal(421, "This server goes by another name; call it by its address.")

    def _knows_host(self, name: str) -> bool:
        if name in ("localhost", self._settings.host):
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
        if origin in (None, f"http://{request.host}", f"https://{request.host}"):
            return None
        return Refusal(403, f"Only pages of this server may ask it; this one is of {origin}.")

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
