"""Examples for documents. Body and answers are the memory's own shapes: `Document`, `IngestResult`, `Resource`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from rem_runtime.api.listing import NodeQuery, TimeQuery, Uri
from rem_runtime.memory.answers import IngestResult, StoredDocument
from rem_runtime.memory.erasure import ErasureReport
from rem_runtime.memory.models import InlineEdge, Resource


class ResourceQuery(NodeQuery, TimeQuery):
    """Which page of the documents; times are those of the documents."""

    uri: Uri | None = None
    """Only what comes from there."""


EXAMPLES: dict[str, Any] = {
    "note": {
        "summary": "A note of one's own",
        "value": {
            "uri": "notes/mercury.md",
            "media_type": "text/markdown",
            "content": "---\ntitle: Project Mercury\nlead: [Sarah Chen]\n---\n\nThe launch moved to May.",
        },
    },
    "shared": {
        "summary": "For the whole tenant (needs the scope admin)",
        "value": {"uri": "handbook/leave.txt", "media_type": "text/plain", "content": "Leave is …", "owner": ""},
    },
}

PATCHES: dict[str, Any] = {
    "rename": {
        "summary": "Another label; its passages are embedded anew under it",
        "value": {"label": "Mercury: the launch", "aliases": ["Mercury launch"]},
    },
    "metadata": {
        "summary": "One member of the metadata comes, one goes",
        "value": {"tags": ["space"], "metadata": {"source": "wiki", "draft": None}},
    },
}

_ID = UUID("019ab000-0000-7000-8000-000000000001")
_CAME = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)

STORED = IngestResult(
    id=_ID,
    uri="notes/mercury.md",
    label="Project Mercury",
    owner="ann",
    chunks=1,
    edges=1,
    created=True,
    unchanged=False,
)
RESOURCE = Resource(
    id=_ID,
    created_at=_CAME,
    updated_at=_CAME,
    tenant_id="acme",
    user_id="ann",
    key="project-mercury",
    label="Project Mercury",
    uri="notes/mercury.md",
    media_type="text/markdown",
    content_hash="5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
    related_entities=("Sarah Chen",),
    graph_edges=(InlineEdge(dst="Sarah Chen", rel_type="lead", weight=0.8),),
)
DOCUMENT = StoredDocument(**dict(RESOURCE), content="---\ntitle: Project Mercury\n---\n\nThe launch moved to May.")
DELETED = ErasureReport(purged=False, resources=1, edges=1, chunks=1)
