"""What tells one version of a stored thing from the next: the text inside an ETag. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from rem_runtime.memory.errors import PreconditionFailed
from rem_runtime.memory.models import Message, NodeModel, Session

ANY_REVISION = "*"


def revision_of(thing: NodeModel | Session | Message) -> str:
    """A node counts its changes; the others have the time of the last one."""
    if isinstance(thing, NodeModel):
        return str(thing.version)
    return hashlib.sha256(thing.updated_at.isoformat().encode()).hexdigest()[:16]


def require_revision(thing: NodeModel | Session | Message, wanted: Collection[str] | None) -> None:
    """Raises PreconditionFailed unless it is one of the wanted; None and `*` want any."""
    if wanted is not None and ANY_REVISION not in wanted and revision_of(thing) not in wanted:
        raise changed()


def changed() -> PreconditionFailed:
    """The fault for somebody who was not the first."""
    return PreconditionFailed("it has changed since the version in If-Match; read it again and send your change anew")
