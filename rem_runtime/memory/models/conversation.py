"""Sessions and their messages: tables of their own, because they are read in order and never labelled."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from rem_runtime.memory.models.core import CoreModel, Model
from rem_runtime.memory.models.json import JsonObject, JsonValue


class ToolCall(Model):
    """A tool that was called, and what came of it."""

    id: str
    name: str
    arguments: JsonObject = Field(default_factory=dict)
    result: JsonValue = None


class Session(CoreModel):
    """A conversation."""

    name: str | None = None
    mode: Literal["normal", "evaluation", "clone"] = "normal"
    agent: str | None = None
    """The agent that it is held with."""


class Message(CoreModel):
    """One turn of a session."""

    session_id: UUID
    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    trace_id: str | None = None
