"""Examples for users. Body and answers are the memory's own shapes: `UserInput`, `User`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from rem_runtime.memory.erasure import ErasureReport
from rem_runtime.memory.models import User

EXAMPLES: dict[str, Any] = {
    "user": {
        "summary": "What is known about somebody",
        "value": {
            "label": "Ann Lee",
            "email": "ann@acme.example",
            "summary": "Engineer in the antenna team; prefers short answers.",
            "interests": ["antennas", "vibration tests"],
        },
    },
}

PATCHES: dict[str, Any] = {
    "interests": {"summary": "Other interests", "value": {"interests": ["antennas", "sailing"]}},
    "address": {"summary": "No address any more", "value": {"email": None}},
}

USER = User(
    id=UUID("019ab000-0000-7000-8000-000000000004"),
    created_at=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    updated_at=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    tenant_id="acme",
    user_id="ann",
    key="ann-lee",
    label="Ann Lee",
    email="ann@acme.example",
    summary="Engineer in the antenna team; prefers short answers.",
    interests=("antennas", "vibration tests"),
)
FORGOTTEN = ErasureReport(
    purged=True, resources=12, entities=3, moments=4, users=1, files=2, sessions=5, messages=80, edges=31, chunks=140,
    derived=6, terms=57,
)  # fmt: skip
