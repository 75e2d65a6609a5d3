"""The body of a query. The answer's shape is the memory's own (`memory/answers.py`)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rem_runtime.api.entities.schemas import ENTITY
from rem_runtime.memory.answers import Hit, QueryAnswer

# Longer than any sensible question; a document pasted in by mistake is told apart from a bad query.
MAX_QUERY_CHARACTERS = 8000


class QueryBody(BaseModel):
    """A query."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str = Field(
        min_length=1,
        max_length=MAX_QUERY_CHARACTERS,
        description="LOOKUP, FUZZY, SEARCH, TRAVERSE or SQL, and what it takes.",
    )


EXAMPLES: dict[str, Any] = {
    "lookup": {"summary": "By name", "value": {"query": "LOOKUP Sarah Chen, person/mercury"}},
    "search": {
        "summary": "By meaning and words",
        "value": {"query": 'SEARCH "why was the launch moved" IN resources LIMIT 5'},
    },
    "traverse": {
        "summary": "Along the edges",
        "value": {"query": "TRAVERSE Project Mercury DEPTH 2 REL works_on, owns"},
    },
}

ANSWER = QueryAnswer(
    query="LOOKUP Sarah Chen",
    verb="LOOKUP",
    defaults={},
    took_ms={"parse": 0.04, "lookup": 0.61, "decode": 0.05, "total": 0.71},
    results=(Hit(kind="entity", key=ENTITY.key, label=ENTITY.label, ref="Sarah Chen", node=ENTITY),),
    memo="LOOKUP Sarah Chen -> 1 result",
)
