"""What the operator reports of a RemTenant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from .conditions import Conditions
from .fields import Contract

Text = Annotated[str, Field(max_length=1024)]
Count = Annotated[int, Field(ge=0, le=1000000)]
Time = Annotated[str, Field(max_length=40)]
Handled = Annotated[Mapping[str, Annotated[str, Field(max_length=256)]], Field(max_length=16)]


class Endpoints(Contract):
    """Where the tenant answers."""

    api: Text | None = None
    """Base URL of the API inside the cluster."""
    mcp: Text | None = None
    """URL of the MCP server inside the cluster."""
    ingress: Text | None = None
    """URL of the API from outside."""


class DatabaseStatus(Contract):
    """What was seen of the database."""

    cluster: Text | None = None
    """Name of the CloudNativePG Cluster."""
    system_id: Annotated[Text | None, Field(alias="systemID")] = None
    """PostgreSQL's own identifier of this database. While it is set, a missing Cluster is never replaced by an empty
    one."""
    server_name: Text | None = None
    """Server under which backups are stored."""
    instances: Count | None = None
    """Instances that are to be there."""
    ready_instances: Count | None = None
    """Instances that are ready."""
    primary: Text | None = None
    """Pod that is the primary."""
    image: Text | None = None
    """Image that the instances run."""
    last_backup: Time | None = None
    """When the last backup succeeded."""
    first_recoverability_point: Time | None = None
    """The earliest time that one can recover to."""


class SchemaStatus(Contract):
    """What was seen of the database's schema."""

    job: Text | None = None
    """Name of the last schema Job."""
    image: Text | None = None
    """Runtime image whose schema was applied last; pods run this one until the next succeeds."""


class WorkloadStatus(Contract):
    """What was seen of a Deployment."""

    replicas: Count | None = None
    """Pods that are to be there."""
    ready_replicas: Count | None = None
    """Pods that are ready."""
    image: Text | None = None
    """Image that the pods run."""


class SecretsStatus(Contract):
    """What was seen of the tenant's secrets."""

    synced: Count | None = None
    """Values that were fetched."""
    last_refresh: Time | None = None
    """When they were fetched last."""


class CountStatus(Contract):
    """How many objects of a kind belong to the tenant."""

    total: Count | None = None
    """How many there are."""
    ready: Count | None = None
    """How many of them are ready."""


class Summary(Contract):
    """Short texts for the columns of kubectl get."""

    database: Annotated[str, Field(max_length=32)] | None = None
    """Ready and wanted instances, such as 3/3."""
    api: Annotated[str, Field(max_length=32)] | None = None
    """Ready and wanted API pods, such as 2/2."""
    files: Annotated[str, Field(max_length=32)] | None = None
    """Ready and wanted worker pods, such as 0/0; a worker at zero is healthy."""


class EffectiveDatabaseValues(Contract):
    """Values in force for the database."""

    instances: Count | None = None
    """Number of instances."""
    storage_size: Text | None = None
    """Size of each volume."""
    backup_schedule: Text | None = None
    """When a base backup is made."""
    backup_retention: Text | None = None
    """How far back one can recover."""


class EffectiveApiValues(Contract):
    """Values in force for the API."""

    min_replicas: Count | None = None
    """Least number of pods."""
    max_replicas: Count | None = None
    """Greatest number of pods."""
    target_cpu_percent: Annotated[Count | None, Field(alias="targetCPUPercent")] = None
    """CPU use that is aimed at, in percent of the request."""
    auth_mode: Text | None = None
    """How callers prove who they are."""


class EffectiveFileProcessorValues(Contract):
    """Values in force for the file worker."""

    min_replicas: Count | None = None
    """Least number of pods."""
    max_replicas: Count | None = None
    """Greatest number of pods."""
    queue_length: Count | None = None
    """Messages in the queue for each pod."""
    polling_interval_seconds: Count | None = None
    """How often the length is asked for."""
    cooldown_seconds: Count | None = None
    """How long the queue must be empty before the last pod goes."""
    region: Text | None = None
    """Region of the queue."""


class EffectiveEmbeddingValues(Contract):
    """Values in force for the embedding model."""

    provider: Text | None = None
    """Provider of the model."""
    model: Text | None = None
    """The model."""
    dimensions: Count | None = None
    """Length of a vector."""


class EffectiveImageValues(Contract):
    """Images in force."""

    runtime: Text | None = None
    """Image of the API, the worker, the schema Job and dreams."""
    postgres: Text | None = None
    """Image of PostgreSQL."""
    pgvector: Text | None = None
    """Image of the pgvector extension; absent when the postgres image contains it."""


class EffectiveValues(Contract):
    """The spec with the operator's defaults filled in, as far as people ask for it."""

    operating_mode: Text | None = None
    """Running or Suspended."""
    deletion_policy: Text | None = None
    """What happens to the database when the RemTenant is deleted."""
    images: EffectiveImageValues | None = None
    """Images."""
    database: EffectiveDatabaseValues | None = None
    """The database."""
    api: EffectiveApiValues | None = None
    """The API."""
    file_processor: EffectiveFileProcessorValues | None = None
    """The file worker; absent when there is none."""
    embedding: EffectiveEmbeddingValues | None = None
    """The embedding model."""


class RemTenantStatus(Contract):
    """What was seen of the tenant."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """metadata.generation of the object that this status is about."""
    phase: Annotated[str, Field(max_length=64)] | None = None
    """Pending, Provisioning, Ready, Degraded, Updating, Suspended, Deleting or Failed: for people, derived from the
    conditions."""
    conditions: Conditions | None = None
    """Ready is SecretsReady, DatabaseReady, SchemaReady, ApiAvailable and WorkerConfigured together."""
    summary: Summary | None = None
    """Short texts for the columns of kubectl get."""
    endpoints: Endpoints | None = None
    """Where the tenant answers."""
    database: DatabaseStatus | None = None
    """The database."""
    db_schema: Annotated[SchemaStatus | None, Field(alias="schema")] = None
    """The database's schema."""
    api: WorkloadStatus | None = None
    """The API."""
    file_processor: WorkloadStatus | None = None
    """The file worker."""
    secrets: SecretsStatus | None = None
    """The tenant's secrets."""
    agents: CountStatus | None = None
    """RemAgents of the tenant."""
    dreams: CountStatus | None = None
    """DreamCycles of the tenant."""
    effective: EffectiveValues | None = None
    """The values in force, with the operator's defaults filled in."""
    handled: Handled | None = None
    """Value of each -at annotation (by its name after rem.dev/) that was handled last."""
