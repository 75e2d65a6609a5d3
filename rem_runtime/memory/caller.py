"""Who asks, and which owner what they write gets. Pure; the owner predicate itself stands in every statement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rem_runtime.memory.errors import InvalidInput, NotPermitted

SHARED = ""  # the owner of what the whole tenant sees
ADMIN_SCOPE = "admin"
_MAX_USER_BYTES = 200  # an owner stands in every index entry


@dataclass(frozen=True, slots=True)
class Caller:
    """A user of the tenant ('' is nobody in particular, who sees what is shared) and the scopes of their key."""

    user: str
    scopes: frozenset[str] = frozenset()

    @classmethod
    def of(cls, user: str, scopes: Iterable[str] = ()) -> Caller:
        """A caller from loose parts."""
        return cls(user, frozenset(scopes))


def owner_for(caller: Caller, asked: str | None) -> str:
    """The owner of what the caller writes: their own unless they ask for another, which takes `admin`."""
    owner = caller.user if asked is None else asked
    if "\x00" in owner or len(owner.encode(errors="replace")) > _MAX_USER_BYTES:
        raise InvalidInput(f"an owner is at most {_MAX_USER_BYTES} bytes of text")
    if owner == SHARED and ADMIN_SCOPE not in caller.scopes:
        raise NotPermitted("writing for the whole tenant (owner '') needs the scope admin; say who the owner is")
    if owner != caller.user and ADMIN_SCOPE not in caller.scopes:
        raise NotPermitted(f"writing for the owner {owner!r} needs the scope admin")
    return owner
