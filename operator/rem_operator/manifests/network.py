"""NetworkPolicies, written from the flow table: one for each part of the tenant, both directions closed by default.

Which traffic is wanted is decided in `flows.py`; nothing here adds to it.
"""

from __future__ import annotations

from typing import Any, Literal

from rem_crds.handoff import Component
from rem_operator.children import Child
from rem_operator.manifests.addresses import Addresses, NamespacePods
from rem_operator.manifests.flows import PARTIES, Flow, Ours, Peer, Port, flow_table
from rem_operator.manifests.inputs import TenantInputs
from rem_operator.manifests.labels import labels_of, selector_of
from rem_operator.names import (
    LABEL_CNPG_CLUSTER,
    LABEL_NAMESPACE_NAME,
    name_of_api,
    name_of_cluster,
    name_of_dream,
    name_of_files,
    name_of_schema,
)

_NAMES = {
    "api": name_of_api,
    "files": name_of_files,
    "schema": name_of_schema,
    "dream": name_of_dream,
    "database": name_of_cluster,
}


def network_children(t: TenantInputs) -> list[Child]:
    """One NetworkPolicy for each part, also for parts that are switched off: their last pods are still stopping."""
    flows = flow_table(t)
    return [Child(_policy(t, party, flows)) for party in PARTIES]


def _policy(t: TenantInputs, party: Component, flows: tuple[Flow, ...]) -> dict[str, Any]:
    ours = Ours(party)
    spec: dict[str, Any] = {
        "podSelector": {"matchLabels": _selector(t.name, party)},
        "policyTypes": ["Ingress", "Egress"],
    }
    # Written also when empty: a field that is not written is not ours, and a rule that somebody adds there would stay.
    spec["ingress"] = _rules(t.name, [(flow.source, flow.ports) for flow in flows if flow.target == ours], "from")
    spec["egress"] = _rules(t.name, [(flow.target, flow.ports) for flow in flows if flow.source == ours], "to")
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": _NAMES[party](t.name), "namespace": t.namespace, "labels": labels_of(t.name, party)},
        "spec": spec,
    }


def _rules(
    tenant: str, flows: list[tuple[Peer, tuple[Port, ...]]], direction: Literal["from", "to"]
) -> list[dict[str, Any]]:
    """One rule for each set of ports, with all peers that have it."""
    grouped: dict[tuple[Port, ...], list[Peer]] = {}
    for peer, ports in flows:
        grouped.setdefault(ports, []).append(peer)
    return [
        {
            direction: [_peer(tenant, peer) for peer in dict.fromkeys(peers)],
            "ports": [{"port": port.number, "protocol": port.protocol} for port in ports],
        }
        for ports, peers in grouped.items()
    ]


def _peer(tenant: str, peer: Peer) -> dict[str, Any]:
    if isinstance(peer, Ours):
        return {"podSelector": {"matchLabels": _selector(tenant, peer.component)}}
    if isinstance(peer, Addresses):
        excluded = {"except": list(peer.excluded)} if peer.excluded else {}
        return {"ipBlock": {"cidr": peer.cidr, **excluded}}
    return _namespace_peer(peer)


def _namespace_peer(peer: NamespacePods) -> dict[str, Any]:
    pods: dict[str, Any] = {"matchLabels": dict(peer.labels)} if peer.labels else {}
    if peer.namespace is None:
        return {"podSelector": pods}
    selector = {"namespaceSelector": {"matchLabels": {LABEL_NAMESPACE_NAME: peer.namespace}}}
    return {**selector, "podSelector": pods} if pods else selector


def _selector(tenant: str, party: Component) -> dict[str, str]:
    # CNPG makes the database's pods. Its own label is on all of them, also on those of its Jobs and poolers.
    if party == "database":
        return {LABEL_CNPG_CLUSTER: name_of_cluster(tenant)}
    return selector_of(tenant, party)
