"""Postings by today's rem_terms; the statistics follow once all are done."""

from __future__ import annotations

from rem_runtime.memory.rebuild.parts import SQL, Work

BATCH = 500


async def rebuild_terms(work: Work, owner: str) -> dict[str, int]:
    """The postings of one owner's chunks; how many chunks had others."""
    last, changed = 0, 0
    while True:
        async with work.alone(owner) as conn:
            ids = await conn.fetchval(SQL["chunks"], owner, last, BATCH)
            if not ids:
                return {"chunks with other terms": changed}
            changed += await conn.fetchval(SQL["rewrite_postings"], owner, ids)
            last = max(ids)
