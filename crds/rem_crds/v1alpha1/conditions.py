"""Conditions as all three kinds report them, and the names of their types. Reasons belong to the operator."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from .fields import Contract, named_list

# Every kind.
READY: Final = "Ready"
RECONCILING: Final = "Reconciling"  # there only while true (kstatus)
STALLED: Final = "Stalled"  # there only while true (kstatus): only a change to this object helps
PAUSED: Final = "Paused"
SUSPENDED: Final = "Suspended"
# RemTenant; the first five are what Ready is made of.
SECRETS_READY: Final = "SecretsReady"
DATABASE_READY: Final = "DatabaseReady"
SCHEMA_READY: Final = "SchemaReady"
API_AVAILABLE: Final = "ApiAvailable"
WORKER_CONFIGURED: Final = "WorkerConfigured"
BACKUP_HEALTHY: Final = "BackupHealthy"
SCALING_ACTIVE: Final = "ScalingActive"
# RemAgent.
ACCEPTED: Final = "Accepted"
TOOLS_RESOLVED: Final = "ToolsResolved"
SYNCED: Final = "Synced"
# DreamCycle.
LAST_RUN_SUCCEEDED: Final = "LastRunSucceeded"


class Condition(Contract):
    """One observation of the object, in Kubernetes' usual form."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """What is observed, such as Ready."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    observed_generation: Annotated[int | None, Field(ge=0)] = None
    """metadata.generation of the object that was looked at."""
    last_transition_time: Annotated[str, Field(max_length=40, json_schema_extra={"format": "date-time"})]
    """When status last changed."""
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    """One word in CamelCase for machines."""
    message: Annotated[str, Field(max_length=32768)]
    """For people: what was seen, and what to do when something is to be done."""


Conditions = Annotated[tuple[Condition, ...], named_list(32, "type")]
