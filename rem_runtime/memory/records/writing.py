"""A changed node into the database: one transaction, in which the version that was read is still the version."""

from __future__ import annotations

from dataclasses import replace

import asyncpg

from rem_runtime.memory.embedding.embedder import Vectors
from rem_runtime.memory.errors import Conflict, NotFound
from rem_runtime.memory.ingest.prepared import Prepared
from rem_runtime.memory.ingest.write import SQL as WRITE_SQL
from rem_runtime.memory.ingest.write import Place, identity_of, replace_node
from rem_runtime.memory.models import File, Moment, Node, Resource
from rem_runtime.memory.records.change import Change, FileChange
from rem_runtime.memory.records.listing import SQL

# After a change by hand the content is no longer what was sent, so that sending it again writes it again.
_CHANGED_BY_HAND = b""


async def write_change(
    conn: asyncpg.Connection, before: Node, change: Change, *, vectors: Vectors | None, place: Place
) -> bool:
    """Write a change of the version `before`; False where that is not the version any more.

    Raises NotFound where it was deleted meanwhile, Conflict where another thing has the new identity already.
    """
    node = change.prepared
    async with conn.transaction():
        was, becomes = _identities(before, node)
        for identity in sorted({was, becomes}):
            await conn.execute(WRITE_SQL["lock_identity"], place.owner, before.kind, identity)
        row = await conn.fetchrow(SQL["lock_node"], place.owner, before.id)
        if row is None:
            raise NotFound(f"there is no {before.kind} {before.id}, or it is somebody else's")
        if row["version"] != before.version:
            return False
        if becomes != was:
            await _require_free(conn, before, node, place)
        kept = row["content_hash"] if isinstance(before, Resource) else _CHANGED_BY_HAND
        node = replace(node, data={**row["data"], **node.data}, content_hash=kept)
        await replace_node(conn, before.id, node, vectors, place, chunks=change.chunks, edges=change.edges)
    return True


async def write_file_change(conn: asyncpg.Connection, before: File, change: FileChange, place: Place) -> bool:
    """The same for a file, of which only what was sent with it can be changed."""
    async with conn.transaction():
        await conn.execute(WRITE_SQL["lock_identity"], place.owner, before.kind, before.uri)
        written = await conn.fetchval(
            SQL["update_file"], place.owner, before.id, dict(change.metadata), list(change.tags), before.version
        )
    return written is not None


async def _require_free(conn: asyncpg.Connection, before: Node, node: Prepared, place: Place) -> None:
    start = [node.starts_at] if before.kind == "moment" else []
    other = await conn.fetchrow(WRITE_SQL[f"find_{before.kind}"], place.owner, node.key, *start)
    if other is not None and other["id"] != before.id:
        raise Conflict(f"there is another {before.kind} with the label {node.label!r}: {other['id']}")


def _identities(before: Node, node: Prepared) -> tuple[str, str]:
    """What the node is locked by, now and then: a writer of the same identity waits."""
    if isinstance(before, Resource | File):
        return before.uri, before.uri
    start = before.starts_at if isinstance(before, Moment) else None
    return identity_of(replace(node, key=before.key, starts_at=start)), identity_of(node)
