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
# Names below these are handed out by the cluster or the network that one is in; all others are anybody's to register.
_PRIVATE = (".localhost", ".svc", ".cluster.local", ".local", ".internal")


class Nearby:
    """Lets a request pass that no other site's page has sent."""

    def __init__(self, *, host: str, origins: Collection[str]) -> None:
        """`host` is what the server listens on, a name or an address; `origins` are the sites that may call it."""
        self._host = host.lower()
        self._origins = frozenset(origins)

    def require(self, scope: Scope, headers: Headers) -> None:
        """Raises ProblemError 403 for a request under a strange name, or of another site."""
        # Nothing but a browser is led here by a name, and a browser always sends it.
        host = headers.get("host", "")
        if host and not self._is_ours(_name_of(host), scope):
            raise ProblemError(
                403,
                _KIND,
                "without authentication the API answers to localhost, its address, NAME and NAME.NAMESPACE.svc; "
                "call it so, or set AUTH__MODE to ApiKey",
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
        return name in {self._host, reached} or _is_loopback(name) or _is_private(name)


def _name_of(host: str) -> str:
    """Without the port, in lower case; an IPv6 address without its brackets."""
    inside, bracket, _ = host.lower().removeprefix("[").partition("]")
    return inside if bracket and host.startswith("[") else host.lower().partition(":")[0]


def _is_private(name: str) -> bool:
    """A name that no stranger can let lead anywhere: one word, such as a Service's in its namespace, or below such."""
    word = name.isascii() and name.replace("-", "").isalnum() and not name.isdigit()
    return word or (name.endswith(_PRIVATE) and not name.startswith("."))


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
