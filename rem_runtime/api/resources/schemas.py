"""Examples for documents. Body and answers are the memory's own shapes: `Document`, `IngestResult`, `Resource`."""

from __future__ import annotations

from typing import Any

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
