"""The fields of an upload, and examples. The answers are the memory's own shapes: `FileResult`, `File`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from rem_runtime.api.listing import NodeQuery, Uri
from rem_runtime.memory.erasure import ErasureReport
from rem_runtime.memory.ingest import FileResult
from rem_runtime.memory.models import File


class FileQuery(NodeQuery):
    """Which page of the files. A file that is stored is found by its document's label, not by a label of its own."""

    uri: Uri | None = None
    """Only what comes from there."""
    state: Literal["pending", "processing", "stored", "failed"] | None = None
    """Only of this state."""


# Shown in the description as what a form sends; the file's bytes as text.
UPLOADS: dict[str, Any] = {
    "notes": {
        "summary": "A file under a uri of one's choice",
        "value": {
            "file": "# Minutes\n\nThe antenna is tested again in June.\n",
            "uri": "minutes/june.md",
            "timestamp": "2026-06-01T10:00:00Z",
            "metadata": '{"source": "wiki"}',
        },
    },
}

PATCHES: dict[str, Any] = {
    "tags": {
        "summary": "A tag, and a member of the metadata",
        "value": {"tags": ["minutes"], "metadata": {"seen": True}},
    },
}

_ID = UUID("019ab000-0000-7000-8000-000000000007")

STORED = FileResult(
    id=_ID,
    resource_id=UUID("019ab000-0000-7000-8000-000000000008"),
    uri="minutes/june.md",
    label="Minutes",
    owner="ann",
    media_type="text/markdown",
    size_bytes=48,
    chunks=1,
    edges=0,
    created=True,
    unchanged=False,
)
FILE = File(
    id=_ID,
    created_at=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    updated_at=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    tenant_id="acme",
    user_id="ann",
    key="june.md",
    label="june.md",
    uri="minutes/june.md",
    size_bytes=48,
    media_type="text/markdown",
    state="stored",
)
DELETED = ErasureReport(purged=False, resources=1, files=1, chunks=1)
