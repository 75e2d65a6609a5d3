"""What the probes answer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str = Field(description="The runtime's version.")


class Ready(BaseModel):
    """The database answers and holds tables that this runtime can serve."""

    status: Literal["ready"] = "ready"
    schema_version: int = Field(description="The version of the tables.")
