"""Examples for moments. Body and answers are the memory's own shapes: `MomentInput`, `Moment`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from rem_runtime.api.listing import TimeQuery, TypedQuery
from rem_runtime.memory.erasure import ErasureReport
from rem_runtime.memory.models import InlineEdge, Moment, Person


class MomentQuery(TypedQuery, TimeQuery):
    """Which page of the moments; times are when they began."""


EXAMPLES: dict[str, Any] = {
    "meeting": {
        "summary": "A meeting",
        "value": {
            "label": "Mercury launch review",
            "type": "meeting",
            "starts_at": "2026-05-04T09:00:00Z",
            "ends_at": "2026-05-04T09:45:00Z",
            "summary": "The launch moves to June, because the antenna failed its vibration test again.",
            "present_persons": [{"name": "Sarah Chen", "role": "lead"}, {"name": "Tom Okafor"}],
            "speakers": ["Sarah Chen"],
            "emotion_tags": ["disappointed"],
            "topic_tags": ["launch", "antenna"],
            "resources": ["Project Mercury"],
            "entities": ["Sarah Chen", "Tom Okafor"],
            "graph_edges": [{"dst": "Project Mercury", "rel_type": "about", "weight": 0.8}],
        },
    },
}

PATCHES: dict[str, Any] = {
    "summary": {"summary": "What happened, told better", "value": {"summary": "The launch moves to the end of June."}},
    "times": {
        "summary": "It took longer",
        "value": {"starts_at": "2026-05-04T09:05:00Z", "ends_at": "2026-05-04T10:00:00Z"},
    },
}

MOMENT = Moment(
    id=UUID("019ab000-0000-7000-8000-000000000003"),
    created_at=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    updated_at=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    tenant_id="acme",
    user_id="ann",
    key="mercury-launch-review",
    label="Mercury launch review",
    type="meeting",
    starts_at=datetime(2026, 5, 4, 9, tzinfo=UTC),
    ends_at=datetime(2026, 5, 4, 9, 45, tzinfo=UTC),
    summary="The launch moves to June, because the antenna failed its vibration test again.",
    present_persons=(Person(name="Sarah Chen", role="lead"), Person(name="Tom Okafor")),
    speakers=("Sarah Chen",),
    emotion_tags=("disappointed",),
    topic_tags=("launch", "antenna"),
    resources=("Project Mercury",),
    entities=("Sarah Chen", "Tom Okafor"),
    graph_edges=(InlineEdge(dst="Project Mercury", rel_type="about", weight=0.8),),
)
DELETED = ErasureReport(purged=False, moments=1, edges=1, chunks=1)
