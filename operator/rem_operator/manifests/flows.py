"""The flow table: who in a tenant may talk to whom, on which ports. NetworkPolicies are built from it and from nothing
else, and a test evaluates them against it. How a policy is written down is in `network.py`.

Probes are not in it: they come from the pod's own node, which NetworkPolicies do not concern. A pooler's pods carry
CNPG's label of their Cluster and are part of `database` here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final, Literal

from rem_crds.handoff import PORT_API, PORT_METRICS, Component
from rem_crds.v1alpha1.access import EgressPeer, IngressPeer
from rem_operator.manifests.addresses import (
    Addresses,
    NamespacePods,
    addresses_in,
    endpoint_of,
    everywhere,
    node_local_dns,
    pod_identity,
)
from rem_operator.manifests.inputs import TenantInputs

PARTIES: Final[tuple[Component, ...]] = ("api", "files", "schema", "dream", "database")
"""Whose pods get a policy each. Dreams have theirs before they exist: a pod without a policy is open to everybody."""

_REACHING_OUT: Final[tuple[Component, ...]] = ("api", "files", "dream")  # what talks to models, buckets and queues
_POSTGRES: Final = 5432
_CNPG_STATUS: Final = 8000
_HTTPS: Final = 443
_DNS: Final = 53
_POD_IDENTITY: Final = 80


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the target's pods: policies see it after a Service's port is translated."""

    number: int
    protocol: Literal["TCP", "UDP"] = "TCP"


@dataclass(frozen=True, slots=True)
class Ours:
    """The pods of one part of this tenant."""

    component: Component


Peer = Ours | NamespacePods | Addresses


@dataclass(frozen=True, slots=True)
class Flow:
    """Traffic that is wanted: who opens the connection, to whom, on which ports."""

    source: Peer
    target: Peer
    ports: tuple[Port, ...]


def flow_table(t: TenantInputs) -> tuple[Flow, ...]:
    """Every flow of this tenant, each once, in a stable order."""
    parts = (_dns(t), _into_api(t), _into_database(t), _to_api_server(t), _to_internet(), _to_endpoints(t), _opened(t))
    return tuple(dict.fromkeys(flow for part in parts for flow in part))


def _tcp(*numbers: int) -> tuple[Port, ...]:
    return tuple(Port(number) for number in numbers)


def _named(namespace: str, own: str) -> tuple[NamespacePods, ...]:
    """Pods of a configured namespace; an empty name admits nobody."""
    return (NamespacePods(None if namespace == own else namespace),) if namespace else ()


def _dns(t: TenantInputs) -> Iterator[Flow]:
    ports = (Port(_DNS, "UDP"), Port(_DNS, "TCP"))
    servers: list[Peer] = [*_named(t.settings.network.dns_namespace, t.namespace), *node_local_dns()]
    for party in PARTIES:
        for server in servers:
            yield Flow(Ours(party), server, ports)


def _into_api(t: TenantInputs) -> Iterator[Flow]:
    api, network = Ours("api"), t.settings.network
    yield Flow(NamespacePods(None), api, _tcp(PORT_API))
    # Without authentication the namespace is the only fence, so nothing opens it: no gateway, no ingressFrom.
    if t.spec.api.auth.mode != "Disabled":
        for peer in _named(network.gateway_namespace, t.namespace):
            yield Flow(peer, api, _tcp(PORT_API))
        for written in t.spec.network.ingress_from:
            for source in _peers_of(written, t.namespace):
                yield Flow(source, api, _tcp(PORT_API))
    for namespace in (network.prometheus_namespace, network.operator_namespace):
        for peer in _named(namespace, t.namespace):
            yield Flow(peer, api, _tcp(PORT_METRICS))


def _into_database(t: TenantInputs) -> Iterator[Flow]:
    database = Ours("database")
    for party in ("api", "files", "dream", "schema"):
        yield Flow(Ours(party), database, _tcp(_POSTGRES))
    yield Flow(database, database, _tcp(_POSTGRES, _CNPG_STATUS))
    for peer in _named(t.settings.network.cnpg_namespace, t.namespace):
        yield Flow(peer, database, _tcp(_POSTGRES, _CNPG_STATUS))


def _to_api_server(t: TenantInputs) -> Iterator[Flow]:
    server = t.settings.network.api_server
    for party in ("database", "api"):
        for addresses in addresses_in(server.cidrs):
            yield Flow(Ours(party), addresses, _tcp(*server.ports))


def _to_internet() -> Iterator[Flow]:
    for party in (*_REACHING_OUT, "database"):
        for addresses in everywhere():
            yield Flow(Ours(party), addresses, _tcp(_HTTPS))
        for addresses in pod_identity():
            yield Flow(Ours(party), addresses, _tcp(_POD_IDENTITY))


def _to_endpoints(t: TenantInputs) -> Iterator[Flow]:
    for url in _urls_of_runtime(t):
        for party in _REACHING_OUT:
            yield from _to_endpoint(party, url, t.namespace)
    if t.spec.database.backup is not None and t.spec.database.backup.endpoint_url is not None:
        yield from _to_endpoint("database", t.spec.database.backup.endpoint_url, t.namespace)


def _to_endpoint(party: Component, url: str, own: str) -> Iterator[Flow]:
    endpoint = endpoint_of(url)
    for peer in endpoint.peers:
        target = NamespacePods(None) if peer == NamespacePods(own) else peer
        yield Flow(Ours(party), target, _tcp(endpoint.port))


def _urls_of_runtime(t: TenantInputs) -> Iterator[str]:
    """Every URL in the spec that the runtime's pods open."""
    spec = t.spec
    found: list[str | None] = [spec.observability.otlp_endpoint, spec.api.auth.issuer, spec.api.auth.jwks_uri]
    if spec.object_storage is not None:
        found.append(spec.object_storage.endpoint)
    if spec.file_processor is not None:
        found += [spec.file_processor.queue.url, spec.file_processor.queue.endpoint]
    found += [provider.base_url for provider in spec.llm.providers]
    found += [server.url for server in spec.agents.mcp_servers]
    yield from (url for url in found if url is not None)


def _opened(t: TenantInputs) -> Iterator[Flow]:
    """What the tenant opened itself; the metadata service stays closed."""
    for written in t.spec.network.egress_to:
        for party in _REACHING_OUT:
            for target in _peers_of(written, t.namespace):
                yield Flow(Ours(party), target, _tcp(*written.ports))


def _peers_of(written: IngressPeer | EgressPeer, own: str) -> tuple[Peer, ...]:
    if written.cidr is not None:
        return addresses_in((ip_network(written.cidr, strict=False),))
    if written.namespace is None:
        return ()
    namespace = None if written.namespace == own else written.namespace
    return (NamespacePods(namespace, tuple(sorted((written.pod_labels or {}).items()))),)
