"""Examples for entities. Body and answers are the memory's own shapes: `EntityInput`, `Entity`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from rem_runtime.api.listing import TypedQuery
from rem_runtime.memory.erasure import ErasureReport
from rem_runtime.memory.models import Entity, InlineEdge


class EntityQuery(TypedQuery):
    """Which page of the entities."""


EXAMPLES: dict[str, Any] = {
    "person": {
        "summary": "A person and what she works on",
        "value": {
            "label": "Sarah Chen",
            "type": "person",
            "description": "Leads Project Mercury.",
            "aliases": ["S. Chen"],
            "graph_edges": [{"dst": "Project Mercury", "rel_type": "leads", "weight": 0.9}],
        },
    },
}

PATCHES: dict[str, Any] = {
    "description": {"summary": "What is known of her now", "value": {"description": "Led Project Mercury until May."}},
    "rename": {
        "summary": "Another name; the old one stays as an alias",
        "value": {"label": "Sarah Chen-Miller", "aliases": ["Sarah Chen", "S. Chen"]},
    },
    "properties": {
        "summary": "One property comes, one goes, the others stay",
        "value": {"properties": {"office": "Lisbon", "desk": None}},
    },
}

ENTITY = Entity(
    id=UUID("019ab000-0000-7000-8000-000000000002"),
    created_at=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    updated_at=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    tenant_id="acme",
    user_id="ann",
    key="sarah-chen",
    label="Sarah Chen",
    type="person",
    description="Leads Project Mercury.",
    graph_edges=(InlineEdge(dst="Project Mercury", rel_type="leads", weight=0.9),),
)
DELETED = ErasureReport(purged=False, entities=1, edges=1, chunks=1)
