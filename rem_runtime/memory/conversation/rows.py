"""Rows of `session` and `message` become models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rem_runtime.memory.models import Message, Session
from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "conversation.sql")


def session_of(row: Mapping[str, Any]) -> Session:
    """One row as a session."""
    return Session.model_validate(_fields(row))


def message_of(row: Mapping[str, Any]) -> Message:
    """One row as a message."""
    return Message.model_validate(_fields(row))


def _fields(row: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(row)
    fields["user_id"] = fields.pop("owner") or None
    return fields
