"""From headers to a Caller: which key, for which user, with which scopes.

`X-User-Id` counts only for a key with the scope `impersonate` (or with auth Disabled); for any other key the header is
as if it were not there. `X-Tenant-Id` may only repeat the tenant that this process serves.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import Headers

from rem_crds.handoff import ALL_SCOPES, Scope
from rem_runtime.api.auth.keys import KeyRing
from rem_runtime.api.problems import ProblemError
from rem_runtime.memory.caller import Caller

_REALM = 'Bearer realm="rem"'
_LONGEST_USER_ID_BYTES = 200


@dataclass(frozen=True, slots=True)
class Identified:
    """A caller, and the name of the key that it used (empty with auth Disabled): for the log."""

    caller: Caller
    key_name: str = ""


class Authenticator:
    """Decides who calls. Without a key ring auth is Disabled: everybody may do everything."""

    def __init__(self, *, tenant: str, keys: KeyRing | None) -> None:
        self._tenant = tenant
        self._keys = keys

    @property
    def disabled(self) -> bool:
        """Whether nobody has to prove anything."""
        return self._keys is None

    def identify(self, headers: Headers) -> Identified:
        """The caller; raises ProblemError 401 or 403."""
        granted = self._granted(headers)
        tenant = headers.get("x-tenant-id")
        if tenant is not None and tenant != self._tenant:
            raise ProblemError(
                403, "wrong-tenant", f"this is the API of tenant {self._tenant}; send no X-Tenant-Id, or that one"
            )
        if "impersonate" not in granted.caller.scopes:
            return granted
        user = _user_id(headers)
        return Identified(Caller(user=user, scopes=granted.caller.scopes), granted.key_name) if user else granted

    def _granted(self, headers: Headers) -> Identified:
        if self._keys is None:
            return Identified(Caller(user="", scopes=frozenset(ALL_SCOPES)))
        presented = _presented_key(headers)
        if not presented:
            raise _unauthorized("send an API key as Authorization: Bearer <key> or X-API-Key", error=None)
        key = self._keys.find(presented)
        if key is None:
            raise _unauthorized("this tenant does not know that API key", error="invalid_token")
        return Identified(Caller(user=key.user, scopes=frozenset(key.scopes)), key.name)


def require_scope(caller: Caller, scope: Scope, *, reason: str = "") -> None:
    """Raises ProblemError 403 unless the caller has the scope."""
    if scope in caller.scopes:
        return
    detail = reason or f"this needs a key with the scope {scope}"
    challenge = f'{_REALM}, error="insufficient_scope", scope="{scope}"'
    raise ProblemError(403, "missing-scope", detail, headers={"WWW-Authenticate": challenge}, members={"scope": scope})


def _presented_key(headers: Headers) -> str:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return headers.get("x-api-key", "").strip()


def _user_id(headers: Headers) -> str:
    """Header bytes are UTF-8 here: an owner is any text, and Latin-1 would make a second owner of it."""
    try:
        user = headers.get("x-user-id", "").encode("latin-1").decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise ProblemError(400, "invalid-header", "X-User-Id is not UTF-8") from error
    if len(user.encode()) > _LONGEST_USER_ID_BYTES or not user.isprintable():
        raise ProblemError(400, "invalid-header", f"X-User-Id is at most {_LONGEST_USER_ID_BYTES} bytes, all printable")
    return user


def _unauthorized(detail: str, *, error: str | None) -> ProblemError:
    challenge = f'{_REALM}, error="{error}"' if error else _REALM
    return ProblemError(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})
