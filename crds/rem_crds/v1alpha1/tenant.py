"""RemTenant: a tenant with its database, secrets, API, file worker and everything around them.

The larger parts of the spec are in database, api, files, models and access; what is seen of a tenant is in
tenant_status. Defaults are in effective, never here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from .access import Identity, Network, Secrets
from .api import Api
from .database import Database
from .fields import DNS_LABEL_STARTING_WITH_LETTER, TENANT_NAME_LENGTH, Contract, HttpUrl, Image, Rule, rules, unchanged
from .files import FileProcessor, ObjectStorage
from .metadata import ObjectMeta
from .models import Agents, Llm
from .references import ConfigMapKeyRef
from .tenant_status import RemTenantStatus

OperatingMode = Literal["Running", "Suspended"]
DeletionPolicy = Literal["Retain", "Snapshot", "Delete"]


class Images(Contract):
    """Images in place of the operator's own; they must come from repositories that its settings allow."""

    runtime: Image | None = None
    """Image of the API, the worker, the schema Job and dreams; the operator's own unless set."""
    postgres: Image | None = None
    """Image of PostgreSQL; the operator's own unless set."""
    pgvector: Image | None = None
    """Image with the pgvector extension alone. With postgres set and this unset, the postgres image contains it."""


class QuestionsSource(Contract):
    """Where the golden questions are."""

    config_map_key_ref: ConfigMapKeyRef
    """Key of a ConfigMap in this namespace."""


class Evaluation(Contract):
    """Golden questions, with which the memory is measured after each stage of dreaming."""

    questions_from: QuestionsSource | None = None
    """Where the questions are."""


class Observability(Contract):
    """Traces and metrics."""

    otlp_endpoint: HttpUrl | None = None
    """OTLP endpoint that traces are sent to; none unless set."""
    pod_monitor: Literal["Auto", "Never"] | None = None
    """Auto makes PodMonitors where prometheus-operator is there; Auto unless set."""


class Limits(Contract):
    """What callers may use; unlimited unless set."""

    requests_per_minute: Annotated[int, Field(ge=1, le=1000000)] | None = None
    """Requests per minute and caller."""
    tokens_per_user_per_day: Annotated[int, Field(ge=1, le=1000000000000)] | None = None
    """Tokens of language models per user and day."""


class RemTenantSpec(Contract):
    """What the tenant is to be. Only database.storage.size is required; the operator's defaults are in each field's
    description, and the values in force in status.effective."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "!has(self.deletionPolicy) || self.deletionPolicy != 'Snapshot' || has(self.database.backup)",
                "deletionPolicy Snapshot needs somewhere to put the snapshot: set database.backup.destinationPath, or "
                "deletionPolicy to Retain",
                ".deletionPolicy",
            ),
            Rule(
                "!has(self.fileProcessor) || (has(self.fileProcessor.enabled) && !self.fileProcessor.enabled) "
                "|| has(self.objectStorage)",
                "the file processor reads files from a bucket: set objectStorage.bucket, or fileProcessor.enabled to "
                "false",
                ".fileProcessor",
            ),
            Rule(
                unchanged("embedding", optional_parent="llm"),
                "embedding cannot change, come or go: the stored vectors are of that model; put back what was there "
                "(a new model is a new tenant, or rem-runtime embed migrate)",
                ".llm.embedding",
            ),
        )
    )

    operating_mode: OperatingMode | None = None
    """Running, or Suspended: everything stopped, all data kept. Running unless set."""
    deletion_policy: DeletionPolicy | None = None
    """What happens to the database when the RemTenant is deleted. Retain keeps it, Snapshot makes a last backup and
    deletes it, Delete deletes it. Retain unless set."""
    deletion_protection: bool | None = None
    """Whether deleting is refused until the annotation rem.dev/confirm-delete has the tenant's name; false unless
    set."""
    images: Images | None = None
    """Images in place of the operator's own."""
    database: Database
    """The tenant's own PostgreSQL."""
    api: Api | None = None
    """The HTTP API."""
    file_processor: FileProcessor | None = None
    """The worker for files from a queue; none unless set."""
    object_storage: ObjectStorage | None = None
    """The bucket of the tenant's files."""
    secrets: Secrets | None = None
    """Values from a secret store, such as keys of language models; none unless set."""
    identity: Identity | None = None
    """Who the pods are to the cloud."""
    llm: Llm | None = None
    """Language models and the embedding model."""
    agents: Agents | None = None
    """What holds for all agents of the tenant."""
    evaluation: Evaluation | None = None
    """Golden questions."""
    network: Network | None = None
    """Openings in the tenant's isolation."""
    observability: Observability | None = None
    """Traces and metrics."""
    limits: Limits | None = None
    """What callers may use."""


class RemTenant(Contract):
    """A tenant of REM, a memory for AI agents. It gets its own PostgreSQL with pgvector, secrets, an API with MCP, a
    worker for files, network isolation and a cloud identity."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                f"size(self.metadata.name) <= {TENANT_NAME_LENGTH}",
                f"the name is longer than {TENANT_NAME_LENGTH} characters: choose a shorter one (the names of what is "
                "made for the tenant begin with it)",
            ),
            Rule(
                f"self.metadata.name.matches('{DNS_LABEL_STARTING_WITH_LETTER}')",
                "the name becomes the name of Services: use lower-case letters, digits and '-', a letter first",
            ),
        )
    )

    api_version: Literal["rem.dev/v1alpha1"] = "rem.dev/v1alpha1"
    kind: Literal["RemTenant"] = "RemTenant"
    metadata: ObjectMeta
    spec: RemTenantSpec
    """What the tenant is to be."""
    status: RemTenantStatus = RemTenantStatus()
    """What was seen of the tenant; written by the operator alone."""
