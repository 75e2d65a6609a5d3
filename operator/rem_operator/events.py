"""Kubernetes Events about our objects, for `kubectl describe`.

Owns the form of an Event and its deduplication. When one is due (a condition's transition) is decided by the caller;
a failure to write one is logged and never fails a reconcile.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from rem_operator.kube.client import KubeClient
from rem_operator.kube.errors import KubeError
from rem_operator.kube.index import Seen
from rem_operator.kube.resources import EVENTS

log = logging.getLogger(__name__)

COMPONENT = "rem-operator"
_SAME_AGAIN = timedelta(minutes=10)  # as client-go's correlator: the same words about the same object are one Event
_REMEMBERED = 4096
_MESSAGE_LIMIT = 1024  # the API server's own limit for an Event's message


@dataclass(slots=True)
class _Told:
    first: datetime
    last: datetime
    count: int


class EventRecorder:
    """Writes Events; the same event again within ten minutes is not written."""

    def __init__(self, client: KubeClient, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._clock = clock
        self._told: OrderedDict[str, _Told] = OrderedDict()

    async def record(self, about: Seen, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Tell about an object; `reason` is CamelCase and stable, `message` is for people."""
        told = self._remember(about, kind, reason, message)
        if told is None:
            return
        name = f"{about.name[:220]}.{_digest(about, kind, reason, message)}"
        try:
            await self._client.apply(
                EVENTS, about.namespace, name, _event(about, kind, reason, message, name=name, told=told)
            )
        except KubeError as error:
            log.warning("event not written", extra={"about": f"{about.namespace}/{about.name}", "error": str(error)})

    def _remember(self, about: Seen, kind: str, reason: str, message: str) -> _Told | None:
        digest = _digest(about, kind, reason, message)
        now = self._clock()
        told = self._told.pop(digest, None)
        if told is None:
            told = _Told(first=now, last=now, count=1)
        elif now - told.last < _SAME_AGAIN:
            self._told[digest] = told
            return None
        else:
            told = _Told(first=told.first, last=now, count=told.count + 1)
        self._told[digest] = told
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return told


def _digest(about: Seen, kind: str, reason: str, message: str) -> str:
    text = "\0".join((about.uid, kind, reason, message))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _event(about: Seen, kind: str, reason: str, message: str, *, name: str, told: _Told) -> dict[str, object]:
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {"name": name, "namespace": about.namespace},
        "involvedObject": {
            "apiVersion": about.resource.api_version,
            "kind": about.resource.kind,
            "namespace": about.namespace,
            "name": about.name,
            "uid": about.uid,
        },
        "type": kind,
        "reason": reason,
        "message": message[:_MESSAGE_LIMIT],
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "firstTimestamp": told.first.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lastTimestamp": told.last.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "count": told.count,
    }
