"""Examples for entities. Body and answers are the memory's own shapes: `EntityInput`, `Entity`."""

from __future__ import annotations

from typing import Any

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
