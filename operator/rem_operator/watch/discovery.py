"""Which kinds the API server serves: asked every few seconds, a few kilobytes each time.

kopf could watch CustomResourceDefinitions for this. It parses them whole (tens of megabytes on a full cluster) and asks
for the new kinds before the API server has published them, so that a CRD that comes late is at times never noticed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from rem_operator.kube.client import KubeClient
from rem_operator.kube.index import Index, Seen
from rem_operator.kube.resources import Resource

log = logging.getLogger(__name__)


class Discovery:
    """Compares what is served with what the index believes."""

    def __init__(self, client: KubeClient, index: Index) -> None:
        self._client = client
        self._index = index
        self._custom = [r for r in index.watched if not r.builtin]

    async def refresh(self) -> tuple[list[Resource], list[Seen]]:
        """Ask once; returns the kinds that have come or gone, and the objects that went with their kind."""
        changed: list[Resource] = []
        gone: list[Seen] = []
        for group in self._groups():
            served = await self._client.served_kinds(group[0])
            for resource in group:
                now = resource.plural in served
                if now != self._index.served(resource):
                    changed.append(resource)
                    gone += self._index.set_served(resource, served=now)
        if changed:
            missing = [str(r) for r in self._custom if not self._index.served(r)]
            log.info("kinds have come or gone", extra={"changed": [str(r) for r in changed], "not_served": missing})
        return changed, gone

    def _groups(self) -> Iterable[list[Resource]]:
        paths = dict.fromkeys(r.group_path for r in self._custom)
        return ([r for r in self._custom if r.group_path == path] for path in paths)
