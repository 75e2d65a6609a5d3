"""The spec of a RemTenant with the operator's documented defaults filled in.

The classes narrow those of the contract: the same names, but what has a default is never None. Only defaults belong
here; what depends on the operator's settings (its images, its policies, names) does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from . import defaults
from .access import EgressPeer, Identity, IngressPeer, Network, SecretItem, Secrets, StoreRef
from .api import Api, Auth, AuthMode, Autoscaling
from .database import Backup, Database, Pooler
from .files import FileProcessor, ObjectStorage, Queue, Scaling, region_of_queue_url
from .models import Agents, Embedding, Llm, McpServer, Provider
from .scheduling import Resources, Scheduling, Toleration
from .tenant import DeletionPolicy, Images, Limits, Observability, OperatingMode, RemTenantSpec
from .workload import EnvVar


class EffectiveResources(Resources):
    """Requests and limits; cpu and memory are always requested."""

    requests: Mapping[str, str]
    limits: Mapping[str, str]


class EffectiveScheduling(Scheduling):
    """Placement; empty where nothing was asked for."""

    node_selector: Mapping[str, str] = {}
    tolerations: tuple[Toleration, ...] = ()


class EffectiveBackup(Backup):
    """Backups, with the time and the retention in force."""

    schedule: str = defaults.BACKUP_SCHEDULE
    retention: str = defaults.BACKUP_RETENTION


class EffectivePooler(Pooler):
    """Connection pooling, on or off."""

    enabled: bool = False


class EffectiveDatabase(Database):
    """The database; `backup` and `recovery` are None where there is none."""

    instances: int = defaults.DATABASE_INSTANCES
    resources: EffectiveResources
    parameters: Mapping[str, str] = {}
    scheduling: EffectiveScheduling = EffectiveScheduling()
    backup: EffectiveBackup | None = None
    pooler: EffectivePooler = EffectivePooler()


class EffectiveAutoscaling(Autoscaling):
    """How the API scales."""

    min_replicas: int = defaults.API_MIN_REPLICAS
    max_replicas: int = defaults.API_MAX_REPLICAS
    target_cpu_percent: int = Field(default=defaults.API_TARGET_CPU_PERCENT, alias="targetCPUPercent")


class EffectiveAuth(Auth):
    """How callers prove who they are; with OIDC, issuer and audience are there."""

    mode: AuthMode = "ApiKey"


class EffectiveApi(Api):
    """The API; `ingress` is None where it is not published."""

    autoscaling: EffectiveAutoscaling = EffectiveAutoscaling()
    resources: EffectiveResources
    scheduling: EffectiveScheduling = EffectiveScheduling()
    env: tuple[EnvVar, ...] = ()
    pod_labels: Mapping[str, str] = {}
    pod_annotations: Mapping[str, str] = {}
    auth: EffectiveAuth = EffectiveAuth()


class EffectiveQueue(Queue):
    """The queue; its region is known."""

    region: str


class EffectiveScaling(Scaling):
    """How the worker scales."""

    min_replicas: int = defaults.WORKER_MIN_REPLICAS
    max_replicas: int = defaults.WORKER_MAX_REPLICAS
    queue_length: int = defaults.WORKER_QUEUE_LENGTH
    polling_interval_seconds: int = defaults.WORKER_POLLING_INTERVAL_SECONDS
    cooldown_seconds: int = defaults.WORKER_COOLDOWN_SECONDS


class EffectiveFileProcessor(FileProcessor):
    """A worker that is configured and enabled."""

    enabled: bool = True
    queue: EffectiveQueue
    scaling: EffectiveScaling = EffectiveScaling()
    resources: EffectiveResources
    scheduling: EffectiveScheduling = EffectiveScheduling()
    spot: bool = False
    env: tuple[EnvVar, ...] = ()
    pod_labels: Mapping[str, str] = {}
    pod_annotations: Mapping[str, str] = {}


class EffectiveObjectStorage(ObjectStorage):
    """The bucket; a prefix ends with '/', and is empty for the whole bucket."""

    prefix: str = ""


class EffectiveStoreRef(StoreRef):
    """The store, with its kind."""

    kind: Literal["SecretStore", "ClusterSecretStore"] = "SecretStore"


class EffectiveSecrets(Secrets):
    """Values to fetch; there is at least one."""

    store_ref: EffectiveStoreRef
    refresh_interval: str = defaults.REFRESH_INTERVAL
    items: tuple[SecretItem, ...]


class EffectiveEmbedding(Embedding):
    """The embedding model."""

    provider: str = defaults.EMBEDDING_PROVIDER
    model: str = defaults.EMBEDDING_MODEL
    dimensions: int = defaults.EMBEDDING_DIMENSIONS


class EffectiveLlm(Llm):
    """Language models; `default_model` is None where none is configured, empty `models` allow any."""

    models: tuple[str, ...] = ()
    providers: tuple[Provider, ...] = ()
    embedding: EffectiveEmbedding = EffectiveEmbedding()


class EffectiveAgents(Agents):
    """What holds for all agents."""

    max_agents: int = defaults.MAX_AGENTS
    mcp_servers: tuple[McpServer, ...] = ()


class EffectiveNetwork(Network):
    """Openings in the isolation."""

    ingress_from: tuple[IngressPeer, ...] = ()
    egress_to: tuple[EgressPeer, ...] = ()


class EffectiveObservability(Observability):
    """Traces and metrics; without `otlp_endpoint` no traces are sent."""

    pod_monitor: Literal["Auto", "Never"] = "Auto"


class EffectiveTenant(RemTenantSpec):
    """What is in force for a tenant.

    None means: `file_processor` not configured or disabled, `secrets` nothing to fetch, `object_storage` no bucket,
    `evaluation` no questions, `images.*` the operator's own.
    """

    operating_mode: OperatingMode = "Running"
    deletion_policy: DeletionPolicy = "Retain"
    deletion_protection: bool = False
    images: Images = Images()
    database: EffectiveDatabase
    api: EffectiveApi
    file_processor: EffectiveFileProcessor | None = None
    object_storage: EffectiveObjectStorage | None = None
    secrets: EffectiveSecrets | None = None
    identity: Identity = Identity()
    llm: EffectiveLlm = EffectiveLlm()
    agents: EffectiveAgents = EffectiveAgents()
    network: EffectiveNetwork = EffectiveNetwork()
    observability: EffectiveObservability = EffectiveObservability()
    limits: Limits = Limits()


def effective_resources(given: Resources | None, default: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Requests and limits in force, resource by resource.

    What the spec names as request or limit is taken as it stands (Kubernetes makes a lone limit the request too); a
    resource that it does not name at all gets both defaults. So a limit never meets a default request above it.
    """
    requests = dict((given.requests if given else None) or {})
    limits = dict((given.limits if given else None) or {})
    named = {*requests, *limits}
    for wanted, chosen in ((requests, default["requests"]), (limits, default["limits"])):
        wanted.update({name: amount for name, amount in chosen.items() if name not in named})
    for name in default["requests"]:
        if name not in requests:
            requests[name] = limits[name]
    return {"requests": requests, "limits": limits}


def _effective_prefix(prefix: str | None) -> str:
    return f"{prefix.rstrip('/')}/" if prefix else ""


def _filled_file_processor(spec: RemTenantSpec) -> dict[str, Any] | None:
    worker = spec.file_processor
    if worker is None or worker.enabled is False or worker.queue is None:
        return None
    filled = worker.model_dump(by_alias=False, exclude_none=True)
    filled["resources"] = effective_resources(worker.resources, defaults.WORKER_RESOURCES)
    # The API server refuses a queue whose region is neither set nor in its URL; '' cannot be reached through it.
    filled["queue"]["region"] = worker.queue.region or region_of_queue_url(worker.queue.url) or ""
    return filled


def _filled_object_storage(spec: RemTenantSpec) -> dict[str, Any] | None:
    storage = spec.object_storage
    if storage is None:
        return None
    queue = spec.file_processor.queue if spec.file_processor else None
    region = storage.region or (queue and (queue.region or region_of_queue_url(queue.url))) or None
    return storage.model_dump(by_alias=False) | {"prefix": _effective_prefix(storage.prefix), "region": region}


def effective_tenant(spec: RemTenantSpec) -> EffectiveTenant:
    """What is in force for a tenant with this spec. Pure: equal specs give equal results."""
    filled = spec.model_dump(by_alias=False, exclude_none=True)
    filled["database"]["resources"] = effective_resources(spec.database.resources, defaults.DATABASE_RESOURCES)
    filled["api"] = filled.get("api", {}) | {
        "resources": effective_resources(spec.api.resources if spec.api else None, defaults.API_RESOURCES)
    }
    filled["file_processor"] = _filled_file_processor(spec)
    filled["object_storage"] = _filled_object_storage(spec)
    if not (spec.secrets and spec.secrets.items):
        filled.pop("secrets", None)
    return EffectiveTenant.model_validate(filled)
