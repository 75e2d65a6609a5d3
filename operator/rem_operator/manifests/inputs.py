"""What every builder is given: one tenant's effective spec, the operator's build settings, and new credentials.

All of it is immutable data. Where it comes from (the cluster, the environment, a random source) is the caller's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib.metadata import version
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode

from rem_crds.v1alpha1.effective import EffectiveTenant

_PROJECT_VERSION: Final = version("rem")


def _listed(value: Any) -> Any:
    """From the environment a list comes as text: `a, b` or JSON."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [item.strip() for item in value.split(",") if item.strip()]


Port = Annotated[int, Field(ge=1, le=65535)]
Ports = Annotated[tuple[Port, ...], NoDecode, BeforeValidator(_listed)]
Cidrs = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_listed)]


class _Settings(BaseModel):
    """Part of the operator's settings: frozen, and a misspelt name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ImageSettings(_Settings):
    """Images of a tenant that names none of its own."""

    runtime: str = f"ghcr.io/rem-dev/rem-runtime:{_PROJECT_VERSION}"
    """Runtime image: API, file worker, schema Job, dreams."""
    postgres: str = "ghcr.io/cloudnative-pg/postgresql:18.4-minimal-trixie"
    """PostgreSQL 18 for CNPG. Its tag starts with the version, since CNPG reads it from there."""
    pgvector: str = "ghcr.io/cloudnative-pg/pgvector:0.8.1-18-trixie"
    """Extension image with pgvector for that PostgreSQL, mounted as an image volume (Kubernetes 1.35 and later).
    Empty: the PostgreSQL image contains it."""


class ApiServerSettings(_Settings):
    """Where the API server is. It cannot be selected by label, so NetworkPolicies name addresses."""

    cidrs: Cidrs = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
    """Addresses behind the Service `kubernetes`; everywhere until they are given."""
    ports: Ports = (443, 6443)
    """Its ports behind the Service, since a policy is applied after the Service's address is replaced."""


class NetworkSettings(_Settings):
    """Peers outside of the tenants' namespaces. An empty namespace admits nobody."""

    gateway_namespace: str = ""
    """Namespace of the gateway's pods, which reach the API."""
    prometheus_namespace: str = "monitoring"
    """Namespace of Prometheus, which reaches the API's metrics."""
    cnpg_namespace: str = "cnpg-system"
    """Namespace of the CloudNativePG operator, which reaches PostgreSQL."""
    operator_namespace: str = "rem-system"
    """Namespace of this operator, which reads the API pods' loaded agents."""
    dns_namespace: str = "kube-system"
    """Namespace of the cluster's DNS."""
    api_server: ApiServerSettings = ApiServerSettings()
    """Where the API server is."""


class BuildSettings(_Settings):
    """What the builders take from the operator's settings."""

    images: ImageSettings = ImageSettings()
    """Images of a tenant that names none of its own."""
    network: NetworkSettings = NetworkSettings()
    """Peers in NetworkPolicies."""
    secret_key_prefix: str = "{namespace}/{name}/"  # noqa: S105 - a path, not a password
    """What is put before every key that is read from a secret store; the braces are the tenant's."""
    postgres_sslmode: Literal["prefer", "require"] = "prefer"
    """How pods connect to PostgreSQL; CNPG always offers TLS."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Log level of the tenants' pods."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Random values for Secrets that do not exist yet; an existing Secret keeps its own."""

    app_password: str = field(repr=False)
    sql_password: str = field(repr=False)
    api_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TenantInputs:
    """Everything that one tenant's children follow from."""

    name: str
    namespace: str
    uid: str
    spec: EffectiveTenant
    settings: BuildSettings
    credentials: Credentials
