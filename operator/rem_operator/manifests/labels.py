"""Labels and selectors of a tenant's children. Each call gives a fresh dict: labels that objects, selectors and
templates share are how one edit changes an immutable field."""

from __future__ import annotations

from collections.abc import Mapping

from rem_crds import handoff
from rem_crds.handoff import Component
from rem_crds.v1alpha1.effective import EffectiveTenant

# Whoever may set these on a pod could make it a database of the tenant, a target of its Services, or weaken its
# security profile. The keys are ours, the API server's or a neighbour's.
_RESERVED_DOMAINS = (
    handoff.API_GROUP,
    "cnpg.io",
    "postgresql.cnpg.io",
    "keda.sh",
    "amazonaws.com",
    "kubernetes.io",
    "k8s.io",
)
# Says whether a node may go, and nothing else.
_FREE_KEYS = frozenset({"cluster-autoscaler.kubernetes.io/safe-to-evict"})
_RESERVED_KEYS = frozenset({"pod-template-hash", "controller-revision-hash", "controller-uid", "job-name"})


def labels_of(tenant: str, component: Component | None = None) -> dict[str, str]:
    """Labels of one child; without component for what all parts of the tenant share."""
    labels = {
        handoff.LABEL_TENANT: tenant,
        handoff.LABEL_MANAGED_BY: handoff.MANAGED_BY,
        handoff.LABEL_PART_OF: handoff.PART_OF,
    }
    if component is not None:
        labels |= {handoff.LABEL_COMPONENT: component, handoff.LABEL_NAME: f"{handoff.PART_OF}-{component}"}
    return labels


def selector_of(tenant: str, component: Component) -> dict[str, str]:
    """The labels that select a component's pods: as few as do it, since a selector is immutable."""
    return {handoff.LABEL_TENANT: tenant, handoff.LABEL_COMPONENT: component}


def pod_labels(tenant: str, component: Component, *, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Labels of a pod: the tenant's own without what is reserved, and ours over them."""
    return {**without_reserved(extra), **labels_of(tenant, component)}


def without_reserved(given: Mapping[str, str] | None) -> dict[str, str]:
    """What is left of a tenant's labels or annotations when reserved keys are taken out."""
    return {key: value for key, value in (given or {}).items() if not is_reserved(key)}


def is_reserved(key: str) -> bool:
    """Whether a label or annotation key is not for a tenant to set on its pods."""
    if key in _FREE_KEYS:
        return False
    domain, slash, _ = key.partition("/")
    if not slash:
        return key in _RESERVED_KEYS
    return any(domain == reserved or domain.endswith(f".{reserved}") for reserved in _RESERVED_DOMAINS)


def reserved_pod_metadata(spec: EffectiveTenant) -> list[str]:
    """Labels and annotations for pods that the builders leave out, by the field that names them."""
    given = {"api.podLabels": spec.api.pod_labels, "api.podAnnotations": spec.api.pod_annotations}
    if (worker := spec.file_processor) is not None:
        given |= {"fileProcessor.podLabels": worker.pod_labels, "fileProcessor.podAnnotations": worker.pod_annotations}
    return [f"spec.{field}[{key}]" for field, keys in given.items() for key in sorted(keys) if is_reserved(key)]
