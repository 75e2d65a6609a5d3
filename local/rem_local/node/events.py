"""Events on pods, for `kubectl describe pod`.

Owns: writing them in the background, and counting repeated ones instead of writing them again. They are a
courtesy: what depends on them is wrong, so a refused one is logged and let go.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

from rem_local.kube import EVENTS, Kube, KubeError
from rem_local.node.podspec import PodMeta

_log = logging.getLogger(__name__)
_QUEUE_LENGTH = 1000
_MESSAGE_LENGTH = 1000
Event = dict[str, Any]


class EventRecorder:
    """`record` queues, `run` writes until cancelled."""

    def __init__(self, kube: Kube, node_name: str) -> None:
        self._kube = kube
        self._node_name = node_name
        self._queue: asyncio.Queue[Event] = asyncio.Queue(_QUEUE_LENGTH)
        self._written: dict[tuple[str, str, str], tuple[str, int]] = {}
        self._number = 0

    def record(self, pod: PodMeta, reason: str, message: str, *, warning: bool = False) -> None:
        """Queue an event about a pod; when too many wait already, it is dropped."""
        reference = {"kind": "Pod", "apiVersion": "v1", "namespace": pod.namespace, "name": pod.name, "uid": pod.uid}
        try:
            self._queue.put_nowait(
                {
                    "involvedObject": reference,
                    "reason": reason,
                    "message": message[:_MESSAGE_LENGTH],
                    "type": "Warning" if warning else "Normal",
                }
            )
        except asyncio.QueueFull:
            _log.warning("event dropped, too many are waiting", extra={"pod": pod.name, "reason": reason})

    async def run(self) -> None:
        """Write what is queued, for ever."""
        while True:
            event = await self._queue.get()
            try:
                await self._write(event)
            except KubeError as error:
                _log.debug("event not written: %s", error)

    def forget(self, uid: str) -> None:
        """The pod is gone; its events need not be counted any more."""
        self._written = {key: value for key, value in self._written.items() if key[0] != uid}

    async def _write(self, event: Event) -> None:
        pod = event["involvedObject"]
        key = (pod["uid"], event["reason"], event["message"])
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        name, count = self._written.get(key, ("", 0))
        if name:
            patch = {"count": count + 1, "lastTimestamp": now}
            if await self._kube.merge(EVENTS, pod["namespace"], name, patch) is not None:
                self._written[key] = name, count + 1
                return
        name = self._name(pod)
        body = {
            **event,
            "metadata": {"name": name, "namespace": pod["namespace"]},
            "source": {"component": "rem-local-node", "host": self._node_name},
            "reportingComponent": "rem-local-node",
            "reportingInstance": self._node_name,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        await self._kube.create(EVENTS, pod["namespace"], body)
        self._written[key] = name, 1

    def _name(self, pod: dict[str, str]) -> str:
        self._number += 1
        return f"{pod['name'][:200]}.{pod['uid'][:8]}.{self._number:x}"
