"""`rem ingest`: every document of a directory to the API, a few at a time, repeatable without harm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rem_runtime.client.api import RemClient
from rem_runtime.client.documents import Document, UnreadableError
from rem_runtime.client.errors import RefusedError

# One API replica embeds on one or two cores: more requests at once would only wait there.
CONCURRENCY = 4

WHOLE_TENANT = ""


@dataclass(slots=True)
class Summary:
    """What became of the documents."""

    stored: int = 0
    unchanged: int = 0
    chunks: int = 0
    edges: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


async def ingest(
    client: RemClient,
    documents: Sequence[Document],
    summary: Summary,
    *,
    owner: str = WHOLE_TENANT,
    done: Callable[[Document], None],
) -> None:
    """Sends every document and counts in `summary`; a refused document is noted and the others go on.

    An unreachable server or a key without the right stops everything: NotAllowedError or UnreachableError is raised,
    and `summary` has what was stored before.
    """
    waiting = iter(documents)

    async def work() -> None:
        for document in waiting:
            await _send_one(client, document, owner, summary)
            done(document)

    workers = [asyncio.create_task(work()) for _ in range(min(CONCURRENCY, len(documents)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        summary.failed.sort()


async def _send_one(client: RemClient, document: Document, owner: str, summary: Summary) -> None:
    try:
        answer = await client.put_resource(
            uri=document.uri, media_type=document.media_type, content=document.read(), owner=owner
        )
    except (UnreadableError, RefusedError) as error:
        summary.failed.append((document.uri, str(error)))
        return
    if answer.get("unchanged"):
        summary.unchanged += 1
    else:
        summary.stored += 1
        summary.chunks += int(answer.get("chunks", 0))
        summary.edges += int(answer.get("edges", 0))
