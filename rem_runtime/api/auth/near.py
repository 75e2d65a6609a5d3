"""Without keys the address is all that keeps strangers out, and a browser carries any page's requests past it.

A page of another site may send a form here without asking first, and with a name that it lets lead to this address
(DNS rebinding) it may even read the answer. Browsers say where a request comes from and under which name it was sent.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import Scope

from rem_runtime.api.problems import ProblemError

_KIND = "foreign-request"


class Nearby:
    """Lets a request pass that no other site's page has sent."""

    def __init__(self, *, host: str, origins: Collection[str]) -> None:
        """`host` is what the server listens on, a name or an address; `origins` are the sites that may call it."""
        self._host = host.lower()
        self._everywhere = _is_unspecified(host)
        self._origins = frozenset(origins)

    def require(self, scope: Scope, headers: Headers) -> None:
        """Raises ProblemError 403 for a request under a strange name, or of another site."""
        # Nothing but a browser is led here by a name, and a browser always sends it.
        host = headers.get("host", "")
        if host and not self._is_ours(_name_of(host), scope):
            raise ProblemError(
                403, _KIND, "without authentication the API is called by its address or as localhost, not by this Host"
            )
        origin = headers.get("origin")
        if origin is not None and ("*" in self._origins or origin in self._origins):
            return
        foreign = origin is not None and origin.partition("://")[2].lower() != host.lower()
        if foreign or headers.get("sec-fetch-site") == "cross-site":
            raise ProblemError(
                403, _KIND, "this comes from another site; allow it with API__CORS_ORIGINS, or set AUTH__MODE to ApiKey"
            )

    def _is_ours(self, name: str, scope: Scope) -> bool:
        reached = str((scope.get("server") or ("",))[0]).lower()
        if _is_loopback(name) or name in {self._host, reached}:
            return True
        # A pod is called by the names of its Service, which it does not know. Over loopback (a laptop, a forwarded
        # port) there are no others.
        return self._everywhere and not _is_loopback(reached)


def _name_of(host: str) -> str:
    """Without the port, in lower case; an IPv6 address without its brackets."""
    inside, bracket, _ = host.lower().removeprefix("[").partition("]")
    return inside if bracket and host.startswith("[") else host.lower().partition(":")[0]


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_unspecified(host: str) -> bool:
    try:
        return ipaddress.ip_address(host or "0.0.0.0").is_unspecified  # noqa: S104 - compared, not listened on
    except ValueError:
        return False
