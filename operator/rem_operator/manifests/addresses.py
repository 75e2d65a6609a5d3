"""Where traffic goes outside of our own pods: address ranges, and which peers a configured URL means.

The cloud's metadata service is never among them, however a range or a URL is written: it hands a node's identity to
whoever asks. Nothing here knows a tenant.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network

_METADATA_SERVICE: Final[tuple[Network, ...]] = (ip_network("169.254.169.254/32"), ip_network("fd00:ec2::254/128"))
_EVERYWHERE: Final[tuple[Network, ...]] = (ip_network("0.0.0.0/0"), ip_network("::/0"))
# EKS Pod Identity's agent on the node answers here, on port 80.
_POD_IDENTITY: Final[tuple[Network, ...]] = (ip_network("169.254.170.23/32"), ip_network("fd00:ec2::23/128"))
# NodeLocal DNSCache listens on the node, not in a pod.
_NODE_LOCAL_DNS: Final[tuple[Network, ...]] = (ip_network("169.254.20.10/32"),)


@dataclass(frozen=True, slots=True)
class Addresses:
    """A range of addresses outside of the cluster's pods."""

    cidr: str
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NamespacePods:
    """Pods of one namespace, None being the tenant's own; all of them unless labels are given."""

    namespace: str | None
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a configured URL leads."""

    peers: tuple[Addresses | NamespacePods, ...]
    port: int


def addresses_in(networks: tuple[Network, ...]) -> tuple[Addresses, ...]:
    """These ranges without the metadata service; a range that is nothing else disappears."""
    found = (_without_metadata(network) for network in networks)
    return tuple(addresses for addresses in found if addresses is not None)


def everywhere() -> tuple[Addresses, ...]:
    """Every address but the metadata service."""
    return addresses_in(_EVERYWHERE)


def pod_identity() -> tuple[Addresses, ...]:
    """The agent that gives a pod its own cloud identity."""
    return addresses_in(_POD_IDENTITY)


def node_local_dns() -> tuple[Addresses, ...]:
    """The node's own DNS cache, where there is one."""
    return addresses_in(_NODE_LOCAL_DNS)


def endpoint_of(url: str) -> Endpoint:
    """Peers and port of an http(s) URL.

    A host that can be a Service means the pods of that Service's namespace, since a policy sees a pod's address and
    not the Service's (the port must then be the pods' own). `minio.storage` may be either a Service or a public name.
    """
    parts = urlsplit(url)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return Endpoint(_peers_of_host(parts.hostname or ""), port)


@lru_cache(maxsize=256)
def _without_metadata(network: Network) -> Addresses | None:
    inside = [one for one in _METADATA_SERVICE if one.version == network.version and _contains(network, one)]
    if str(network) in {str(one) for one in _METADATA_SERVICE}:
        return None
    return Addresses(str(network), tuple(str(one) for one in inside))


def _contains(outer: Network, inner: Network) -> bool:
    return inner.network_address in outer and inner.broadcast_address in outer


def _peers_of_host(host: str) -> tuple[Addresses | NamespacePods, ...]:
    try:
        address = ip_address(host)
    except ValueError:
        return _peers_of_name(host.rstrip(".").split("."))
    # ::ffff:169.254.169.254 is the metadata service too.
    mapped = getattr(address, "ipv4_mapped", None)
    return addresses_in((ip_network(mapped or address),))


def _peers_of_name(labels: list[str]) -> tuple[Addresses | NamespacePods, ...]:
    if len(labels) == 1:
        return (NamespacePods(None),)
    if len(labels) >= 3 and labels[2] == "svc":
        return (NamespacePods(labels[1]),)
    if len(labels) == 2:
        return (NamespacePods(labels[1]), *everywhere())
    return everywhere()
