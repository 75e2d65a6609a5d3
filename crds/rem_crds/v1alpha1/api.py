"""The `api` part of a RemTenant's spec."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from . import defaults
from .fields import (
    PATTERN_MESSAGE,
    Contract,
    HttpUrl,
    LabelName,
    Line,
    ObjectName,
    Port,
    Rule,
    atomic_list,
    rules,
    set_list,
)
from .workload import Workload

AuthMode = Literal["ApiKey", "OIDC", "Disabled"]

Hostname = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$",
        json_schema_extra={
            PATTERN_MESSAGE: "write a whole host name in lower case without wildcard, such as acme.example.com"
        },
    ),
]


class Autoscaling(Contract):
    """How the HorizontalPodAutoscaler of the API scales."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                f"(has(self.minReplicas) ? self.minReplicas : {defaults.API_MIN_REPLICAS}) <= "
                f"(has(self.maxReplicas) ? self.maxReplicas : {defaults.API_MAX_REPLICAS})",
                f"minReplicas ({defaults.API_MIN_REPLICAS} unless set) must not be above maxReplicas "
                f"({defaults.API_MAX_REPLICAS} unless set): raise maxReplicas or lower minReplicas",
                ".minReplicas",
            )
        )
    )

    min_replicas: Annotated[int, Field(ge=1, le=100)] | None = None
    """Least number of pods; 2 unless set. To stop the tenant, set operatingMode to Suspended."""
    max_replicas: Annotated[int, Field(ge=1, le=100)] | None = None
    """Greatest number of pods; 10 unless set."""
    target_cpu_percent: Annotated[int | None, Field(ge=1, le=100, alias="targetCPUPercent")] = None
    """CPU use, in percent of the request, that is aimed at; 70 unless set."""


class ParentRef(Contract):
    """A Gateway that the route attaches to. Another namespace's is allowed by the operator's settings only."""

    name: ObjectName
    """Name of the Gateway."""
    namespace: LabelName | None = None
    """Namespace of the Gateway; this one unless set, another must be allowed by the operator's settings."""
    section_name: ObjectName | None = None
    """Listener of the Gateway; all unless set."""
    port: Port | None = None
    """Port of the Gateway; all unless set."""


class Ingress(Contract):
    """How the API is reached from outside, as an HTTPRoute of the Gateway API."""

    parent_refs: Annotated[tuple[ParentRef, ...], atomic_list(8, 1)]
    """Gateways that the route attaches to."""
    hostnames: Annotated[tuple[Hostname, ...], set_list(16, 1)]
    """Host names of the API; each ends in a suffix that the operator's settings allow."""


class Auth(Contract):
    """How callers of the API prove who they are."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "!has(self.mode) || self.mode != 'OIDC' || (has(self.issuer) && has(self.audience))",
                "mode OIDC needs issuer and audience: set both",
                ".mode",
            ),
            Rule(
                "has(self.mode) || !(has(self.issuer) || has(self.audience) || has(self.jwksURI) "
                "|| has(self.tenantClaim) || has(self.userClaim))",
                "issuer, audience, jwksURI and the claims count with mode OIDC only: set mode to OIDC",
            ),
        )
    )

    mode: AuthMode | None = None
    """ApiKey: keys in the Secret NAME-api-key. OIDC: tokens of an issuer. Disabled: anybody in the namespace.
    ApiKey unless set."""
    issuer: HttpUrl | None = None
    """Issuer of the tokens, compared with their iss claim."""
    audience: Line | None = None
    """Audience that a token must be for."""
    jwks_uri: Annotated[HttpUrl | None, Field(alias="jwksURI")] = None
    """Where the issuer's keys are; found through the issuer's discovery document unless set."""
    tenant_claim: Line | None = None
    """Claim that must name this tenant; not looked at unless set."""
    user_claim: Line | None = None
    """Claim that names the user; sub unless set."""


class Api(Workload):
    """The HTTP API with MCP at /api/v1/mcp."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "!has(self.ingress) || !has(self.auth) || !has(self.auth.mode) || self.auth.mode != 'Disabled'",
                "an API without authentication is not published: remove ingress, or set auth.mode to ApiKey or OIDC",
                ".ingress",
            )
        )
    )

    autoscaling: Autoscaling | None = None
    """How many pods; 2 to 10 at 70 % CPU unless set."""
    ingress: Ingress | None = None
    """How the API is reached from outside the cluster; not at all unless set."""
    auth: Auth | None = None
    """How callers prove who they are; by API key unless set."""
