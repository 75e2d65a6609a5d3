"""Writing one pod's status.

Owns: server-side apply on the status subresource, only on change, until the pod is gone. Field ownership keeps what
others write there (PodScheduled, readiness gates, qosClass). Must not be in it: what the status says (status.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from rem_local.kube import PODS, Kube, KubeError
from rem_local.node.podspec import PodMeta
from rem_local.node.scope import Signal

_log = logging.getLogger(__name__)
FIELD_MANAGER = "rem-local-node"
_RETRY_SECONDS = 1.0
Status = dict[str, Any]


class StatusWriter:
    """Writes what `desired(previous conditions)` returns whenever `changed` was notified."""

    def __init__(self, kube: Kube, meta: PodMeta, desired: Callable[[list[dict[str, Any]]], Status]) -> None:
        self._kube = kube
        self._meta = meta
        self._desired = desired
        self._written: Status = {}
        self._one_at_a_time = asyncio.Lock()
        self.changed = Signal()

    async def run(self) -> None:
        """Write every change, until cancelled."""
        seen = -1
        while True:
            seen = await self.changed.newer_than(seen)
            if not await self._write():
                await asyncio.sleep(_RETRY_SECONDS)
                seen = -1

    async def flush(self) -> None:
        """Write the newest status now, once: the pod is about to be deleted."""
        await self._write()

    async def _write(self) -> bool:
        """False when it must be tried again."""
        async with self._one_at_a_time:
            status = self._desired(self._written.get("conditions", []))
            if status == self._written:
                return True
            try:
                await self._apply(status)
            except KubeError as error:
                if error.status not in {404, 409}:
                    _log.warning("pod status not written: %s", error, extra={"pod": self._meta.name})
                    return False
                # Gone, or another pod of that name: nobody will ever ask for this status again.
            self._written = status
            return True

    async def _apply(self, status: Status) -> None:
        meta = self._meta
        # The uid is a precondition: a status never lands on another pod of the same name.
        body = {"metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid}, "status": status}
        await self._kube.apply(PODS, meta.namespace, meta.name, body, manager=FIELD_MANAGER, subresource="status")
