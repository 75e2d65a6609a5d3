"""The NetworkPolicies, evaluated as a cluster's network would: every flow of the flow table passes, and a list of what
must be impossible does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from rem_crds.handoff import Component
from rem_operator.manifests.addresses import Addresses, NamespacePods, endpoint_of
from rem_operator.manifests.flows import PARTIES, Flow, Ours, Peer, flow_table
from rem_operator.manifests.inputs import ApiServerSettings, BuildSettings, NetworkSettings, TenantInputs
from rem_operator.manifests.labels import pod_labels
from rem_operator.manifests.network import network_children

_REACHING_OUT: tuple[Component, ...] = ("api", "files", "dream")
_CLOSED: tuple[Component, ...] = ("files", "schema", "dream")
METADATA = "169.254.169.254"
SETTINGS = BuildSettings(
    network=NetworkSettings(
        gateway_namespace="gateway",
        api_server=ApiServerSettings(cidrs=(ip_network("10.96.7.1/32"),), ports=(6443,)),
    )
)


@dataclass(frozen=True)
class Place:
    """One end of a connection: a pod with labels in a namespace, or an address outside."""

    address: str = "10.244.1.2"
    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)


class Network:
    """Decides as networking.k8s.io/v1 says: a pod that a policy selects admits, in that policy's directions, only what
    some policy's rule admits; both ends have to agree."""

    def __init__(self, policies: list[dict[str, Any]]) -> None:
        self._policies = policies

    def allows(self, source: Place, target: Place, port: int, protocol: str = "TCP") -> bool:
        return self._agrees(source, target, port, protocol, "Egress") and self._agrees(
            target, source, port, protocol, "Ingress"
        )

    def _agrees(self, pod: Place, other: Place, port: int, protocol: str, direction: str) -> bool:
        selecting = [policy for policy in self._policies if self._selects(policy, pod, direction)]
        if not selecting:
            return True
        rules, peers = ("egress", "to") if direction == "Egress" else ("ingress", "from")
        return any(
            self._has_port(rule, port, protocol) and self._has_peer(rule, peers, other, policy)
            for policy in selecting
            for rule in policy["spec"].get(rules, ())
        )

    @staticmethod
    def _selects(policy: dict[str, Any], pod: Place, direction: str) -> bool:
        return (
            bool(pod.namespace)
            and policy["metadata"]["namespace"] == pod.namespace
            and direction in policy["spec"]["policyTypes"]
            and _matches(policy["spec"]["podSelector"], pod.labels)
        )

    @staticmethod
    def _has_port(rule: dict[str, Any], port: int, protocol: str) -> bool:
        return "ports" not in rule or {"port": port, "protocol": protocol} in rule["ports"]

    def _has_peer(self, rule: dict[str, Any], key: str, other: Place, policy: dict[str, Any]) -> bool:
        return key not in rule or any(self._is_peer(peer, other, policy) for peer in rule[key])

    @staticmethod
    def _is_peer(peer: dict[str, Any], other: Place, policy: dict[str, Any]) -> bool:
        if "ipBlock" in peer:
            block, address = peer["ipBlock"], ip_address(other.address)
            # The API speaks of addresses outside the cluster; Cilium, for one, never takes a pod for one of them.
            inside = not other.namespace and address in ip_network(block["cidr"])
            return inside and not any(address in ip_network(one) for one in block.get("except", ()))
        if not other.namespace:
            return False
        if "namespaceSelector" in peer:
            here = _matches(peer["namespaceSelector"], {"kubernetes.io/metadata.name": other.namespace})
        else:
            here = other.namespace == policy["metadata"]["namespace"]
        return here and _matches(peer.get("podSelector", {}), other.labels)


def _matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}, "the evaluator knows matchLabels only"
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def pod(t: TenantInputs, party: Component) -> Place:
    """A pod of this tenant, with the labels that it really gets."""
    if party == "database":
        # What CNPG 1.30 puts on an instance, and the labels that it inherits.
        labels = {"cnpg.io/cluster": f"{t.name}-db", "cnpg.io/podRole": "instance"}
        return Place(
            namespace=t.namespace, labels={**labels, "rem.dev/tenant": t.name, "rem.dev/component": "database"}
        )
    return Place(namespace=t.namespace, labels=pod_labels(t.name, party))


def places_of(t: TenantInputs, peer: Peer) -> list[Place]:
    """Where a peer of the flow table is."""
    if isinstance(peer, Ours):
        return [pod(t, peer.component)]
    if isinstance(peer, NamespacePods):
        return [Place(namespace=peer.namespace or t.namespace, labels=dict(peer.labels))]
    network = ip_network(peer.cidr)
    excluded = [ip_network(one) for one in peer.excluded]
    ends = {network[0], network[-1], *(one[0] - 1 for one in excluded), *(one[-1] + 1 for one in excluded)}
    return [Place(address=str(end)) for end in ends if end in network]


def policies_of(*tenants: TenantInputs) -> Network:
    return Network([child.manifest for t in tenants for child in network_children(t)])


def test_every_wanted_flow_passes(tenants: Any) -> None:
    for case in tenants.cases:
        t = tenants.inputs(case, SETTINGS)
        network = policies_of(t)
        for flow in flow_table(t):
            for source in places_of(t, flow.source):
                for target in places_of(t, flow.target):
                    for port in flow.ports:
                        assert network.allows(source, target, port.number, port.protocol), (case, flow)


def test_nothing_but_the_flow_table_passes(tenants: Any) -> None:
    """Every pair of interesting ends on every interesting port: what passes is in the table."""
    t = tenants.inputs("fullest", SETTINGS)
    network, flows = policies_of(t), flow_table(t)
    parties = [pod(t, party) for party in PARTIES]
    others = [
        Place(namespace=t.namespace, labels={"app": "somebody"}),
        *(Place(namespace=name) for name in ("gateway", "monitoring", "rem-system", "cnpg-system", "kube-system", "x")),
        Place(namespace="partner", labels={"app": "portal"}),
        *(
            Place(address=one)
            for one in ("1.1.1.1", METADATA, "169.254.170.23", "10.96.7.1", "10.20.1.1", "fd00:ec2::254")
        ),
    ]
    ports = (22, 53, 80, 443, 5432, 6443, 8000, 9000, 9090, 9187)
    checked = 0
    for source, target in _pairs(parties, others):
        for port in ports:
            wanted = any(_carries(t, flow, source, target, port) for flow in flows)
            assert network.allows(source, target, port) == wanted, (source, target, port)
            checked += 1
    assert checked > 1000


def _pairs(parties: list[Place], others: list[Place]) -> Iterator[tuple[Place, Place]]:
    for ours in parties:
        for other in (*parties, *others):
            yield ours, other
            yield other, ours


def _carries(t: TenantInputs, flow: Flow, source: Place, target: Place, port: int) -> bool:
    return (
        port in {one.number for one in flow.ports if one.protocol == "TCP"}
        and _stands_for(t, flow.source, source)
        and _stands_for(t, flow.target, target)
    )


def _stands_for(t: TenantInputs, peer: Peer, place: Place) -> bool:
    if isinstance(peer, Ours):
        return place == pod(t, peer.component)
    if isinstance(peer, NamespacePods):
        if place in [pod(t, party) for party in PARTIES]:
            return False  # the namespace may call the API, but the tenant's own pods are closed at their own end
        has_labels = all(place.labels.get(key) == value for key, value in peer.labels)
        return place.namespace == (peer.namespace or t.namespace) and has_labels
    address = ip_address(place.address)
    return (
        not place.namespace
        and address in ip_network(peer.cidr)
        and not any(address in ip_network(one) for one in peer.excluded)
    )


@pytest.fixture
def acme(tenants: Any) -> TenantInputs:
    inputs: TenantInputs = tenants.inputs("fullest", SETTINGS)
    return inputs


@pytest.mark.parametrize("party", PARTIES)
@pytest.mark.parametrize("address", [METADATA, "fd00:ec2::254"])
@pytest.mark.parametrize("port", [80, 443, 6443, 8080, 9324])
def test_nobody_reaches_the_metadata_service(acme: TenantInputs, party: Component, address: str, port: int) -> None:
    assert not policies_of(acme).allows(pod(acme, party), Place(address=address), port)


@pytest.mark.parametrize("party", PARTIES)
@pytest.mark.parametrize("port", [22, 25, 80, 8080, 5432, 6379])
def test_the_internet_is_443_only(acme: TenantInputs, party: Component, port: int) -> None:
    assert not policies_of(acme).allows(pod(acme, party), Place(address="93.184.215.14"), port)


def test_the_schema_job_reaches_its_database_and_nothing_else(acme: TenantInputs) -> None:
    network = policies_of(acme)
    assert network.allows(pod(acme, "schema"), pod(acme, "database"), 5432)
    for target in (Place(address="1.1.1.1"), Place(address="10.96.7.1"), pod(acme, "api")):
        for port in (443, 6443, 8000):
            assert not network.allows(pod(acme, "schema"), target, port)


@pytest.mark.parametrize("party", ["files", "schema", "dream"])
def test_only_the_api_and_the_database_reach_the_api_server(acme: TenantInputs, party: Component) -> None:
    network, server = policies_of(acme), Place(address="10.96.7.1")
    assert network.allows(pod(acme, "api"), server, 6443)
    assert network.allows(pod(acme, "database"), server, 6443)
    assert not network.allows(pod(acme, party), server, 6443)
    assert not network.allows(pod(acme, "api"), Place(address="10.96.7.2"), 6443)


@pytest.mark.parametrize("party", PARTIES)
@pytest.mark.parametrize("port", [5432, 8000, 9090, 6432])
def test_another_tenant_does_not_get_in(tenants: Any, acme: TenantInputs, party: Component, port: int) -> None:
    other = tenants.inputs("smallest", SETTINGS)
    network = policies_of(acme, other)
    for target in PARTIES:
        assert not network.allows(pod(other, party), pod(acme, target), port)


@pytest.mark.parametrize("party", PARTIES)
def test_another_tenant_in_the_same_namespace_does_not_reach_the_database(tenants: Any, party: Component) -> None:
    spec = {"database": {"storage": {"size": "1Gi"}}}
    ours, theirs = (
        tenants.inputs({"metadata": {"name": name, "namespace": "shared"}, "spec": spec}) for name in ("ours", "theirs")
    )
    assert not policies_of(ours, theirs).allows(pod(theirs, party), pod(ours, "database"), 5432)
    assert not policies_of(ours, theirs).allows(pod(theirs, party), pod(ours, "api"), 9090)


@pytest.mark.parametrize(
    ("namespace", "port"), [("gateway", 9090), ("gateway", 5432), ("monitoring", 8000), ("x", 8000)]
)
def test_platform_namespaces_get_their_port_only(acme: TenantInputs, namespace: str, port: int) -> None:
    network = policies_of(acme)
    for party in PARTIES:
        assert not network.allows(Place(namespace=namespace), pod(acme, party), port)


def test_nobody_opens_a_connection_to_worker_schema_or_dream(acme: TenantInputs) -> None:
    network = policies_of(acme)
    for source in (
        pod(acme, "api"),
        Place(namespace="monitoring"),
        Place(namespace="acme"),
        Place(address="10.20.0.9"),
    ):
        for party in _CLOSED:
            for port in (80, 8000, 9090):
                assert not network.allows(source, pod(acme, party), port)


def test_without_authentication_the_api_admits_its_own_namespace_only(tenants: Any) -> None:
    spec = {"api": {"auth": {"mode": "Disabled"}}, "network": {"ingressFrom": [{"namespace": "partner"}]}}
    t = tenants.spec(**spec)
    t = TenantInputs(t.name, t.namespace, t.uid, t.spec, SETTINGS, t.credentials)
    network, api = policies_of(t), pod(t, "api")
    assert network.allows(Place(namespace="acme"), api, 8000)
    for source in (
        Place(namespace="gateway"),
        Place(namespace="partner"),
        Place(namespace="x"),
        Place(address="1.2.3.4"),
    ):
        assert not network.allows(source, api, 8000)
    assert network.allows(Place(namespace="rem-system"), api, 9090)


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "169.254.0.0/16", "169.254.169.254/32", "::/0", "fd00::/8"])
def test_a_tenant_cannot_open_the_metadata_service(tenants: Any, cidr: str) -> None:
    t = tenants.spec(network={"egressTo": [{"cidr": cidr, "ports": [80]}]})
    for address in (METADATA, "fd00:ec2::254"):
        assert not policies_of(t).allows(pod(t, "api"), Place(address=address), 80)


@pytest.mark.parametrize("url", [f"http://{METADATA}/latest", f"http://{METADATA}:443", "http://[::ffff:a9fe:a9fe]/"])
def test_an_endpoint_cannot_be_the_metadata_service(tenants: Any, url: str) -> None:
    t = tenants.spec(objectStorage={"bucket": "files", "endpoint": url})
    for port in (80, 443):
        assert not policies_of(t).allows(pod(t, "api"), Place(address=METADATA), port)


@pytest.mark.parametrize(
    ("url", "peers", "port"),
    [
        ("https://llm.example.com/v1", ("0.0.0.0/0", "::/0"), 443),
        ("http://llm.example.com:8080", ("0.0.0.0/0", "::/0"), 8080),
        ("http://minio:9000", (None,), 9000),
        ("http://minio.storage:9000", ("storage", "0.0.0.0/0", "::/0"), 9000),
        ("http://minio.storage.svc.cluster.local", ("storage",), 80),
        ("https://10.1.2.3:9000", ("10.1.2.3/32",), 9000),
        ("http://[fd12::1]:9000", ("fd12::1/128",), 9000),
    ],
)
def test_endpoint_of(url: str, peers: tuple[str | None, ...], port: int) -> None:
    endpoint = endpoint_of(url)
    assert tuple(one.cidr if isinstance(one, Addresses) else one.namespace for one in endpoint.peers) == peers
    assert endpoint.port == port


def test_every_configured_url_joins_the_table(tenants: Any) -> None:
    """One port for each, so that the table shows which of them are there."""
    t = tenants.spec(
        objectStorage={"bucket": "files", "endpoint": "http://s3.example.com:1001"},
        fileProcessor={
            "queue": {"url": "http://q.example.com:1002/q", "region": "eu-1", "endpoint": "http://q.example.com:1003"}
        },
        llm={"providers": [{"name": "own", "baseURL": "http://llm.example.com:1004/v1"}]},
        agents={"mcpServers": [{"name": "tools", "url": "http://mcp.example.com:1005"}]},
        observability={"otlpEndpoint": "http://otel.example.com:1006"},
        api={
            "auth": {
                "mode": "OIDC",
                "audience": "rem",
                "issuer": "http://id.example.com:1007",
                "jwksURI": "http://id.example.com:1008/keys",
            }
        },
        database={"backup": {"destinationPath": "s3://backups/acme", "endpointURL": "http://s3.example.com:1009"}},
    )
    network, outside = policies_of(t), Place(address="1.2.3.4")
    for party in _REACHING_OUT:
        assert [port for port in range(1001, 1010) if network.allows(pod(t, party), outside, port)] == [
            *range(1001, 1009)
        ]
    assert [port for port in range(1001, 1010) if network.allows(pod(t, "database"), outside, port)] == [1009]
    assert not any(network.allows(pod(t, "schema"), outside, port) for port in range(1001, 1010))


def test_an_empty_namespace_admits_nobody(tenants: Any) -> None:
    empty = NetworkSettings(prometheus_namespace="", cnpg_namespace="", operator_namespace="", gateway_namespace="")
    t = tenants.inputs("smallest", BuildSettings(network=empty))
    for flow in flow_table(t):
        assert flow.source != NamespacePods("")
        if flow.target == Ours("database"):
            assert isinstance(flow.source, Ours)


def test_there_is_a_policy_for_each_part_in_both_directions(t: TenantInputs) -> None:
    policies = [child.manifest for child in network_children(t)]
    assert len(policies) == len(PARTIES)
    for policy in policies:
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert policy["spec"]["podSelector"]["matchLabels"]
