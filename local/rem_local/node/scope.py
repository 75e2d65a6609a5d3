"""What the parts of the node share: the node's own facts, and those of one pod.

Owns: the two frozen-in-shape structs and the signal by which tasks wake each other. Must not be in it: behaviour.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from rem_local.addresses import AddressPool
from rem_local.kube import Kube
from rem_local.node.downward import PodFacts
from rem_local.node.events import EventRecorder
from rem_local.node.images import ImageTable
from rem_local.node.podspec import Pod
from rem_local.node.volumes import PodVolumes


class Signal:
    """Something changed; a waiter that was busy meanwhile does not miss it."""

    def __init__(self) -> None:
        self.version = 0
        self._pulse = asyncio.Event()

    def notify(self) -> None:
        self.version += 1
        pulse, self._pulse = self._pulse, asyncio.Event()
        pulse.set()

    async def newer_than(self, version: int, *, timeout_seconds: float | None = None) -> int:
        """Wait for a change after `version`, at most so long; the version that is current then."""
        if self.version == version:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._pulse.wait(), timeout_seconds)
        return self.version


@dataclass(frozen=True)
class Node:
    """This node: its place in the cluster and what it runs pods with."""

    kube: Kube
    name: str
    address: str
    addresses: AddressPool
    images: ImageTable
    state_dir: Path
    log_dir: Path
    http: aiohttp.ClientSession
    events: EventRecorder
    services: Mapping[str, str]
    allocatable: Mapping[str, str]


@dataclass
class PodScope:
    """One pod as its containers see it; `pod` is replaced when the API server sends a newer one."""

    node: Node
    pod: Pod
    address: str
    directory: Path
    volumes: PodVolumes
    changed: Callable[[], None]
    sources: Signal = field(default_factory=Signal)

    def facts(self) -> PodFacts:
        return PodFacts(
            pod=self.pod,
            node_name=self.node.name,
            pod_ip=self.address,
            host_ip=self.node.address,
            allocatable=self.node.allocatable,
        )

    def event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Tell `kubectl describe pod`; does not wait."""
        self.node.events.record(self.pod.metadata, reason, message, warning=warning)


def timestamp() -> str:
    """Now, as Kubernetes writes it in a status."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
