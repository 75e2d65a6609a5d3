"""`rem ingest`: every document to the API, a few at a time, repeatable without harm."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from rem_runtime.client.api import RemClient
from rem_runtime.client.documents import Document, Found, UnreadableError
from rem_runtime.client.errors import RefusedError

# One API replica embeds on one or two cores: more requests at once would only wait there.
CONCURRENCY = 4

WHOLE_TENANT = ""


@dataclass(slots=True)
class Summary:
    """What became of the documents."""

    stored: int = 0
    """New ones."""
    replaced: int = 0
    """Those that took the place of an older text of the same uri."""
    unchanged: int = 0
    chunks: int = 0
    edges: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """How many files of each extension were not sent, since nobody reads them."""
    failed: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    """What the server could not read of a document that it stored."""

    @property
    def kept(self) -> int:
        """How many documents the server has now."""
        return self.stored + self.replaced + self.unchanged


async def ingest(
    client: RemClient, found: Found, summary: Summary, *, owner: str = WHOLE_TENANT, done: Callable[[Document], None]
) -> None:
    """Sends every document and counts in `summary`; a refused document is noted and the others go on.

    An unreachable server or a key without the right stops everything: NotAllowedError or UnreachableError is raised,
    and `summary` has what was stored before.
    """
    summary.failed += found.failed
    summary.left_out.update(found.left_out)
    waiting = iter(found.documents)

    async def work() -> None:
        for document in waiting:
            await _send_one(client, document, owner, summary)
            done(document)

    workers = [asyncio.create_task(work()) for _ in range(min(CONCURRENCY, len(found.documents)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        summary.failed.sort()
        summary.notes.sort()


async def _send_one(client: RemClient, document: Document, owner: str, summary: Summary) -> None:
    try:
        content = await asyncio.to_thread(document.read)
        answer = await client.put_file(uri=document.uri, content=content, owner=owner)
    except (UnreadableError, RefusedError) as error:
        summary.failed.append((document.uri, str(error)))
        return
    if answer.get("unchanged"):
        summary.unchanged += 1
    else:
        summary.stored += bool(answer.get("created", True))
        summary.replaced += not answer.get("created", True)
        summary.chunks += int(answer.get("chunks", 0))
        summary.edges += int(answer.get("edges", 0))
    summary.notes += [(document.uri, str(note)) for note in answer.get("notes") or ()]
