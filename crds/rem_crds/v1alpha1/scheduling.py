"""Where pods may run and what they get: Kubernetes' own scheduling and resource fields, declared in full.

They are declared rather than passed through: an unknown or misspelt field is refused when the object is applied, not
when a Deployment is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from .fields import (
    Contract,
    LabelKey,
    LabelName,
    Labels,
    LabelValue,
    ObjectName,
    Quantity,
    Rule,
    atomic_list,
    rules,
)

Weight = Annotated[int, Field(ge=1, le=100)]
Quantities = Annotated[Mapping[str, Quantity], Field(max_length=8)]


class Resources(Contract):
    """What a container asks for and may use at most."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "!has(self.requests) || !has(self.limits) || self.requests.all(k, !(k in self.limits) "
                "|| !isQuantity(self.requests[k]) || !isQuantity(self.limits[k]) "
                "|| quantity(self.requests[k]).compareTo(quantity(self.limits[k])) <= 0)",
                "a request is larger than the limit of the same name: raise the limit or lower the request",
            )
        )
    )

    requests: Quantities | None = None
    """What is reserved, by resource name (cpu, memory, ephemeral-storage), as strings such as 500m or 1Gi."""
    limits: Quantities | None = None
    """What is the most it gets, by resource name, as strings such as 2 or 4Gi."""


class Toleration(Contract):
    """A taint that the pods put up with."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "has(self.key) || (has(self.operator) && self.operator == 'Exists')",
                "a toleration without key matches every taint: set operator to Exists, or give the key",
            ),
            Rule(
                "!has(self.value) || self.value == '' || !has(self.operator) || self.operator != 'Exists'",
                "operator Exists takes no value: remove value, or use operator Equal",
            ),
            Rule(
                "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
                "tolerationSeconds works with effect NoExecute only: set effect to NoExecute",
            ),
        )
    )

    key: LabelKey | None = None
    """Key of the taint; absent with operator Exists means every taint."""
    operator: Literal["Exists", "Equal"] | None = None
    """How the taint is compared; Equal unless set."""
    value: LabelValue | None = None
    """Value of the taint, for operator Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; absent means every effect."""
    toleration_seconds: Annotated[int | None, Field(ge=0, le=31536000)] = None
    """How long pods stay on the node once it is tainted; absent means for ever."""


_VALUES_RULE = Rule(
    "self.operator in ['Exists', 'DoesNotExist'] ? (!has(self.values) || size(self.values) == 0) "
    ": (has(self.values) && size(self.values) > 0)",
    "operators Exists and DoesNotExist take no values; every other operator needs at least one",
)


class LabelRequirement(Contract):
    """A condition on one label of a pod or namespace."""

    model_config = ConfigDict(json_schema_extra=rules(_VALUES_RULE))

    key: LabelKey
    """Key of the label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label is compared with values."""
    values: Annotated[tuple[LabelValue, ...], atomic_list(16)] | None = None
    """Values, for In and NotIn."""


class LabelSelector(Contract):
    """Selects objects by their labels; all conditions must hold."""

    match_labels: Labels | None = None
    """Labels that must be there with these values."""
    match_expressions: Annotated[tuple[LabelRequirement, ...], atomic_list(8)] | None = None
    """Further conditions."""


class NodeRequirement(Contract):
    """A condition on one label or field of a node."""

    model_config = ConfigDict(json_schema_extra=rules(_VALUES_RULE))

    key: LabelKey
    """Key of the node's label, or name of its field."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    """How it is compared with values."""
    values: Annotated[tuple[LabelValue, ...], atomic_list(16)] | None = None
    """Values; one number for Gt and Lt."""


class NodeTerm(Contract):
    """Selects nodes; all conditions must hold."""

    match_expressions: Annotated[tuple[NodeRequirement, ...], atomic_list(8)] | None = None
    """Conditions on the node's labels."""
    match_fields: Annotated[tuple[NodeRequirement, ...], atomic_list(4)] | None = None
    """Conditions on the node's fields, such as metadata.name."""


class NodeSelector(Contract):
    """Nodes that match any of the terms."""

    node_selector_terms: Annotated[tuple[NodeTerm, ...], atomic_list(8, 1)]
    """Terms, of which one must match."""


class PreferredNodeTerm(Contract):
    """A kind of node that is liked better."""

    weight: Weight
    """How much, 1 to 100."""
    preference: NodeTerm
    """The nodes."""


class NodeAffinity(Contract):
    """On which nodes pods run."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    """Nodes that pods must run on."""
    preferred_during_scheduling_ignored_during_execution: (
        Annotated[tuple[PreferredNodeTerm, ...], atomic_list(8)] | None
    ) = None
    """Nodes that are liked better."""


class PodAffinityTerm(Contract):
    """Other pods, and the domain within which they are near."""

    topology_key: LabelKey
    """Node label whose value makes the domain, such as topology.kubernetes.io/zone."""
    label_selector: LabelSelector | None = None
    """The other pods."""
    namespaces: Annotated[tuple[LabelName, ...], atomic_list(8)] | None = None
    """Namespaces of the other pods; absent means this one."""
    namespace_selector: LabelSelector | None = None
    """Namespaces of the other pods, by label."""


class PreferredPodTerm(Contract):
    """Pods whose nearness is liked or disliked."""

    weight: Weight
    """How much, 1 to 100."""
    pod_affinity_term: PodAffinityTerm
    """The other pods."""


class PodAffinity(Contract):
    """Which other pods are to be near, or (under podAntiAffinity) are not to be."""

    required_during_scheduling_ignored_during_execution: (
        Annotated[tuple[PodAffinityTerm, ...], atomic_list(8)] | None
    ) = None
    """Must hold."""
    preferred_during_scheduling_ignored_during_execution: (
        Annotated[tuple[PreferredPodTerm, ...], atomic_list(8)] | None
    ) = None
    """Liked better."""


class Affinity(Contract):
    """Kubernetes' affinity of a pod."""

    node_affinity: NodeAffinity | None = None
    """On which nodes pods run."""
    pod_affinity: PodAffinity | None = None
    """Which pods are to be near."""
    pod_anti_affinity: PodAffinity | None = None
    """Which pods are not to be near."""


class Scheduling(Contract):
    """Where pods may run."""

    node_selector: Labels | None = None
    """Labels that a node must have."""
    tolerations: Annotated[tuple[Toleration, ...], atomic_list(16)] | None = None
    """Taints that the pods put up with."""
    affinity: Affinity | None = None
    """Nodes and pods to be near to or away from."""
    priority_class_name: ObjectName | None = None
    """PriorityClass of the pods."""
