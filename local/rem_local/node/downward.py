"""The downward API: fields of the pod and resources of its containers as text. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from rem_local.node.podspec import Container, Pod, ResourceFieldRef
from rem_local.node.quantities import in_units
from rem_local.node.sources import UnresolvedReferenceError

_ONE_OF_MANY = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


@dataclass(frozen=True, slots=True)
class PodFacts:
    """A pod and what the node added to it."""

    pod: Pod
    node_name: str
    pod_ip: str
    host_ip: str
    allocatable: Mapping[str, str]


def field_value(facts: PodFacts, path: str) -> str:
    """What `fieldRef: {fieldPath: path}` means; an absent label or annotation is ""."""
    meta = facts.pod.metadata
    one = _ONE_OF_MANY.fullmatch(path)
    if one:
        return (meta.labels if one[1] == "labels" else meta.annotations).get(one[2], "")
    values = {
        "metadata.name": meta.name,
        "metadata.namespace": meta.namespace,
        "metadata.uid": meta.uid,
        "metadata.labels": _lines(meta.labels),
        "metadata.annotations": _lines(meta.annotations),
        "spec.nodeName": facts.node_name,
        "spec.serviceAccountName": facts.pod.spec.service_account_name,
        "status.hostIP": facts.host_ip,
        "status.hostIPs": facts.host_ip,
        "status.podIP": facts.pod_ip,
        "status.podIPs": facts.pod_ip,
    }
    if path not in values:
        raise UnresolvedReferenceError(f"fieldPath {path} is not known to this node; it knows {', '.join(values)}")
    return values[path]


def _lines(pairs: Mapping[str, str]) -> str:
    return "\n".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in sorted(pairs.items()))


def resource_value(facts: PodFacts, ref: ResourceFieldRef, default: Container | None) -> str:
    """What `resourceFieldRef` means; a limit that is not set is what the node can give, a request 0."""
    container = facts.pod.container(ref.container_name) if ref.container_name else default
    if container is None:
        raise UnresolvedReferenceError(f"resourceFieldRef {ref.resource} names no container")
    kind, _, name = ref.resource.partition(".")
    if kind == "limits":
        amount = container.resources.limits.get(name) or facts.allocatable.get(name, "0")
    else:
        amount = container.resources.requests.get(name, "0")
    return in_units(amount, ref.divisor)
