"""What the stand-ins have in common when they write to the API server.

Owns: the mark that says that something was made by a stand-in, owner references, conditions, status writes that
happen only when something changed, finalizers, events.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rem_local.kube import EVENTS, Kube, KubeError, Object, Resource

STAND_IN_LABEL = "rem.dev/stand-in"


def now() -> str:
    """The time as the API server writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """A time that the API server wrote."""
    return datetime.fromisoformat(text)


def owner_reference(owner: Object) -> Object:
    """A controller reference, as the real operators set it on what they make."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def condition(type_: str, status: str, reason: str, message: str) -> Object:
    """A condition without its time, which `merge_conditions` adds."""
    return {"type": type_, "status": status, "reason": reason, "message": message}


def merge_conditions(live: Sequence[Mapping[str, Any]], desired: Sequence[Object], *, at: str) -> list[Object]:
    """The desired conditions, each with the time of its last change of status."""
    before = {item["type"]: item for item in live}
    merged = []
    for item in desired:
        old = before.get(item["type"])
        same = old is not None and old["status"] == item["status"]
        since = old["lastTransitionTime"] if same and old is not None else at
        merged.append({**item, "lastTransitionTime": since})
    return merged


def status_patch(live: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `desired` that differ from the live status; None means that a field must not be there."""
    return {name: value for name, value in desired.items() if live.get(name) != value}


async def write_status(kube: Kube, resource: Resource, item: Object, desired: Mapping[str, Any]) -> None:
    """Write what changed in the status, nothing when nothing did."""
    patch = status_patch(item.get("status") or {}, desired)
    if patch:
        metadata = item["metadata"]
        await kube.merge(resource, metadata.get("namespace"), metadata["name"], {"status": patch}, subresource="status")


def is_subset(desired: Any, live: Any) -> bool:
    """Whether everything in `desired` is in `live`: maps by key, lists item by item."""
    if isinstance(desired, Mapping):
        found = live or {}
        return isinstance(found, Mapping) and all(is_subset(value, found.get(name)) for name, value in desired.items())
    if isinstance(desired, list):
        same_length = isinstance(live, list) and len(live) == len(desired)
        return same_length and all(is_subset(*pair) for pair in zip(desired, live, strict=True))
    return bool(desired == live) or (not desired and live is None)


async def apply_when_different(kube: Kube, resource: Resource, desired: Object, *, manager: str) -> Object:
    """Server-side apply of a whole object, left out when the live one holds all of it already."""
    namespace, name = desired["metadata"]["namespace"], desired["metadata"]["name"]
    live = await kube.get(resource, namespace, name)
    if live is not None and is_subset(desired, live):
        return live
    return await kube.apply(resource, namespace, name, desired, manager=manager)


async def set_finalizer(kube: Kube, resource: Resource, item: Object, finalizer: str, *, present: bool) -> None:
    """Add or remove one finalizer, leaving those of others alone."""
    metadata = item["metadata"]
    live = metadata.get("finalizers") or []
    if (finalizer in live) == present:
        return
    wanted = [*live, finalizer] if present else [name for name in live if name != finalizer]
    # The resourceVersion makes somebody else's change in between a conflict instead of a loss.
    patch = {"metadata": {"finalizers": wanted, "resourceVersion": metadata["resourceVersion"]}}
    await kube.merge(resource, metadata["namespace"], metadata["name"], patch)


class Recorder:
    """Writes events in the name of one stand-in, the same one about the same object only once in a row."""

    def __init__(self, kube: Kube, component: str) -> None:
        self._kube = kube
        self._component = component
        self._last: dict[tuple[str, str], str] = {}

    async def record(self, item: Object, kind: str, reason: str, message: str) -> None:
        """Say something about an object; `kind` is Normal or Warning."""
        metadata = item["metadata"]
        if self._last.get((metadata["uid"], reason)) == message:
            return
        self._last[metadata["uid"], reason] = message
        namespace = metadata.get("namespace", "default")
        at = now()
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata['name']}.{secrets.token_hex(8)}", "namespace": namespace},
            "involvedObject": {
                "apiVersion": item["apiVersion"],
                "kind": item["kind"],
                "name": metadata["name"],
                "namespace": metadata.get("namespace"),
                "uid": metadata["uid"],
            },
            "type": kind,
            "reason": reason,
            "message": message[:1024],
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "firstTimestamp": at,
            "lastTimestamp": at,
            "count": 1,
        }
        try:
            await self._kube.create(EVENTS, namespace, event)
        except KubeError as error:
            # A namespace that is going away takes no events; nobody is there to read them.
            if error.status != 403:
                raise
