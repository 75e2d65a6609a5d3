"""The `secrets`, `identity` and `network` parts of a RemTenant's spec: what the tenant may reach, and as whom."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from .fields import (
    PATTERN_MESSAGE,
    VALIDATIONS,
    Contract,
    Duration,
    LabelName,
    Labels,
    Line,
    ObjectName,
    Port,
    RoleArn,
    Rule,
    atomic_list,
    named_list,
    rules,
    set_list,
)
from .references import SecretRef
from .workload import VariableName


class StoreRef(Contract):
    """A store of External Secrets. A ClusterSecretStore must be allowed by the operator's settings."""

    kind: Literal["SecretStore", "ClusterSecretStore"] | None = None
    """Kind of the store; SecretStore (of this namespace) unless set."""
    name: ObjectName
    """Name of the store."""


class SecretItem(Contract):
    """One value of the store, which the pods get as an environment variable."""

    name: VariableName
    """Name of the variable, such as OPENAI_API_KEY."""
    key: Annotated[
        str,
        Field(
            min_length=1,
            max_length=512,
            pattern="^[A-Za-z0-9_.=@+-]+(/[A-Za-z0-9_.=@+-]+)*$",
            json_schema_extra={
                PATTERN_MESSAGE: "write a relative key such as openai or llm/openai, without '/' at the ends; the "
                "operator puts its prefix before it",
                VALIDATIONS: rules(
                    Rule(
                        "!self.contains('..')",
                        "'..' would leave the tenant's part of the store: write the key relative to the prefix",
                    )
                )[VALIDATIONS],
            },
        ),
    ]
    """Key in the store, relative: the operator always puts its prefix ({namespace}/{name}/) before it."""
    property: Line | None = None
    """Property of the value, when the value is a JSON object; the whole value unless set."""


class Secrets(Contract):
    """Values from a secret store. They are in the Secret NAME-secrets and in the environment of the pods."""

    store_ref: StoreRef
    """Where the values come from; a ClusterSecretStore must be allowed by the operator's settings."""
    refresh_interval: Duration | None = None
    """How often they are fetched again, such as 1h; 1h unless set."""
    items: Annotated[tuple[SecretItem, ...], named_list(64)] | None = None
    """The values."""


class Role(Contract):
    """An IAM role for a ServiceAccount (IRSA)."""

    role_arn: RoleArn
    """ARN of the role; it must match the operator's rolePattern."""


class Identity(Contract):
    """Who the pods are to the cloud. Absent means EKS Pod Identity, or none."""

    api: Role | None = None
    """Role of the ServiceAccount NAME-api."""
    worker: Role | None = None
    """Role of the ServiceAccount NAME-worker, which dreams use too."""
    database: Role | None = None
    """Role of the ServiceAccount NAME-db, for backups."""
    credentials_secret_ref: SecretRef | None = None
    """Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, for places without cloud identity."""


Cidr = Annotated[
    str,
    Field(
        min_length=1,
        max_length=49,
        json_schema_extra=rules(
            Rule("isCIDR(self)", "write an address range such as 10.20.0.0/16 (a single address ends in /32 or /128)"),
            Rule(
                "!isCIDR(self) || !(cidr('169.254.0.0/16').containsCIDR(self) || cidr('fe80::/10').containsCIDR(self) "
                "|| cidr('fd00:ec2::/32').containsCIDR(self))",
                "link-local addresses hold the cloud's metadata service and stay closed: remove this range",
            ),
        ),
    ),
]

_PEER_RULES = (
    Rule(
        "has(self.__namespace__) != has(self.cidr)",
        "set exactly one of namespace and cidr",
    ),
    Rule(
        "!has(self.cidr) || !has(self.podLabels)",
        "podLabels select pods of a namespace: remove podLabels, or set namespace in place of cidr",
    ),
)


class IngressPeer(Contract):
    """Who may reach the API, besides the gateway, Prometheus and the tenant's own namespace."""

    model_config = ConfigDict(json_schema_extra=rules(*_PEER_RULES))

    namespace: LabelName | None = None
    """Name of a namespace."""
    pod_labels: Labels | None = None
    """Labels of the pods in that namespace; all pods unless set."""
    cidr: Cidr | None = None
    """Address range outside the cluster."""


class EgressPeer(Contract):
    """What the tenant's pods may reach, besides what they need anyway."""

    model_config = ConfigDict(json_schema_extra=rules(*_PEER_RULES))

    namespace: LabelName | None = None
    """Name of a namespace."""
    pod_labels: Labels | None = None
    """Labels of the pods in that namespace; all pods unless set."""
    cidr: Cidr | None = None
    """Address range outside the cluster. The cloud's metadata address is always left out of it."""
    ports: Annotated[tuple[Port, ...], set_list(16, 1)]
    """TCP ports."""


class Network(Contract):
    """Openings in the tenant's isolation, beyond those that the parts need themselves."""

    ingress_from: Annotated[tuple[IngressPeer, ...], atomic_list(32)] | None = None
    """Who else may reach the API."""
    egress_to: Annotated[tuple[EgressPeer, ...], atomic_list(32)] | None = None
    """What else the API, the worker and dreams may reach."""
