"""Every setting of the operator, out of the environment; the only module that reads it.

Groups are separated by two underscores: `QUEUE__CONCURRENCY=20`. Lists are comma-separated or JSON. What the builders
need of it is `Settings.build`; what the checks need is `Settings.policy`.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from rem_operator.kube.access import Access, AccessError, access_by_files, access_by_kubeconfig
from rem_operator.manifests.inputs import BuildSettings, ImageSettings, NetworkSettings
from rem_operator.queue import Pace

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
Seconds = Annotated[float, Field(gt=0)]


def _split(value: Any) -> Any:
    """`a, b` and `["a", "b"]` both mean two items; an empty text means none."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [item.strip() for item in value.split(",") if item.strip()]


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
NamesOrAll = Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_split)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class KubeSettings(_Group):
    """How to reach the API server. In a pod nothing needs to be set."""

    server: str = ""
    """Address of the API server; empty: from KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT."""
    token_file: Path = _SERVICE_ACCOUNT / "token"
    """Bearer token, read again every minute."""
    ca_file: Path = _SERVICE_ACCOUNT / "ca.crt"
    """Certificates that sign the API server's."""
    kubeconfig: Path | None = None
    """Use the current context of this file instead (on a laptop)."""
    in_flight: int = Field(default=20, ge=1)
    """Requests to the API server at a time, watches not counted."""
    request_seconds: Seconds = 30.0
    """Time limit of a request, watches not counted."""


class WatchSettings(_Group):
    """What is watched, and when a silent watch is taken for dead."""

    namespaces: Names = ()
    """Namespaces whose tenants are served; empty: all of the cluster."""
    discovery_seconds: Seconds = 10.0
    """How often is asked which kinds the API server serves: a neighbour's CRDs may come later than we do."""
    server_seconds: int = Field(default=300, ge=1)
    """How long one watch request lasts before it is renewed."""
    connect_seconds: Seconds = 10.0
    """Time limit for opening a connection."""
    inactivity_seconds: Seconds = 70.0
    """A watch that carries nothing for so long is opened anew; the API server sends a bookmark about every minute."""
    reconnect_seconds: Seconds = 0.5
    """Pause before a watch is opened anew."""
    restart_seconds: Seconds = 150.0
    """When a kind has shown no sign of life for so long, all watches are started anew."""
    stale_seconds: Seconds = 300.0
    """When a kind has shown no sign of life for so long, /healthz fails and Kubernetes restarts the pod."""


class QueueSettings(_Group):
    """How fast the operator works."""

    concurrency: int = Field(default=10, ge=1)
    """Objects that are reconciled at a time."""
    backoff_seconds: Seconds = 0.5
    """First pause after a failure; it doubles with each further one."""
    backoff_limit_seconds: Seconds = 300.0
    """Longest pause after a failure."""
    resync_seconds: Seconds = 600.0
    """Every object is looked at again after so long, whatever the watches say."""
    stuck_seconds: Seconds = 600.0
    """A reconcile or a waiting key older than this makes /healthz fail."""
    drain_seconds: Seconds = 20.0
    """How long running reconciles may take to finish at SIGTERM."""


class HttpSettings(_Group):
    """Where /healthz, /readyz and /metrics are served."""

    host: str = "0.0.0.0"  # noqa: S104 - the kubelet and Prometheus come from outside of the pod
    """Address to listen on."""
    port: int = Field(default=8080, ge=0, le=65535)
    """Port to listen on; 0 picks a free one."""


class LogSettings(_Group):
    """Logs of the operator itself."""

    level: Level = "INFO"
    """Least severe level that is written."""


class PolicySettings(_Group):
    """How far a tenant may reach beyond its namespace."""

    secret_key_prefix: str = "{namespace}/{name}/"  # noqa: S105 - a prefix, not a password
    """Put before every key that is read from a secret store; the braces are the tenant's."""
    role_pattern: str = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/rem-{namespace}-.*$"
    """Regular expression for cloud roles; `{namespace}` is the tenant's."""
    allowed_image_repositories: Names = ()
    """Image repositories beside the operator's own."""
    allowed_hostname_suffixes: Names = ()
    """Ends of hostnames that tenants may serve; empty: none."""
    allowed_cluster_stores: NamesOrAll = None
    """ClusterSecretStores that tenants may read from; not set: all of them (keys are always prefixed)."""
    allowed_gateways: Names = ()
    """Gateways that tenants may attach to, as namespace/name; empty: none."""

    @field_validator("role_pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern.replace("{namespace}", "acme"))
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern


class TenantSettings(_Group):
    """What goes into every tenant's pods."""

    postgres_sslmode: Literal["prefer", "require"] = "prefer"
    """How pods connect to PostgreSQL; CloudNativePG always offers TLS."""
    log_level: Level = "INFO"
    """Log level of the tenants' pods."""


class Settings(BaseSettings):
    """All settings; frozen, and a misspelt one is an error."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_nested_delimiter="__", use_attribute_docstrings=True
    )

    kube: KubeSettings = KubeSettings()
    watch: WatchSettings = WatchSettings()
    queue: QueueSettings = QueueSettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()
    policy: PolicySettings = PolicySettings()
    images: ImageSettings = ImageSettings()
    network: NetworkSettings = NetworkSettings()
    tenant: TenantSettings = TenantSettings()
    kubernetes_service_host: str = ""
    """Set by Kubernetes in every pod."""
    kubernetes_service_port: int = 443
    """Set by Kubernetes in every pod."""

    @cached_property
    def build(self) -> BuildSettings:
        """What the manifest builders are given."""
        return BuildSettings(
            images=self.images,
            network=self.network,
            secret_key_prefix=self.policy.secret_key_prefix,
            postgres_sslmode=self.tenant.postgres_sslmode,
            log_level=self.tenant.log_level,
        )

    @property
    def pace(self) -> Pace:
        """What the queue is given."""
        return Pace(
            concurrency=self.queue.concurrency,
            backoff_seconds=self.queue.backoff_seconds,
            backoff_limit_seconds=self.queue.backoff_limit_seconds,
            resync_seconds=self.queue.resync_seconds,
        )

    def access(self) -> Access:
        """Read the files that lead to the API server; AccessError says which setting is missing."""
        if self.kube.kubeconfig is not None:
            return access_by_kubeconfig(self.kube.kubeconfig)
        server = self.kube.server or self._server_of_pod()
        return access_by_files(server, token_file=self.kube.token_file, ca_file=self.kube.ca_file)

    def _server_of_pod(self) -> str:
        host = self.kubernetes_service_host
        if not host:
            raise AccessError(AccessError.__doc__)
        bracketed = f"[{host}]" if ":" in host else host
        return f"https://{bracketed}:{self.kubernetes_service_port}"
