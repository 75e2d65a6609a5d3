"""What the watch saw: a compact projection of every watched object, by name and by tenant.

Owns the order of events: older versions never overwrite newer ones, whichever of the watch, a list or the answer to
our own write brings them. Secret values are reduced to a hash here and are kept nowhere. No requests, no decisions.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rem_crds.handoff import LABEL_TENANT
from rem_operator.kube.resources import SECRETS, WATCHED, Resource

_TOMBSTONES = 20_000  # a late answer arrives within seconds; this is minutes of deletions on the largest installation
_METADATA_ONLY = frozenset({"apiVersion", "kind", "metadata"})


@dataclass(frozen=True, slots=True)
class Seen:
    """One live object as it was last seen."""

    resource: Resource
    namespace: str
    name: str
    uid: str
    resource_version: str
    generation: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owner_uids: tuple[str, ...]
    controller_uid: str | None
    controller: tuple[str, str] | None
    """Kind and name of the controlling owner."""
    managers: frozenset[str]
    deleting: bool
    finalizers: tuple[str, ...]
    created: str
    packed: bytes

    @property
    def body(self) -> Mapping[str, Any]:
        """Everything beside metadata (spec, status, data, rules …); of a Secret `type`, `keys` and `data_hash`.

        Parsed anew at each access: a thousand tenants as dicts would take ten times the memory.
        """
        parsed: dict[str, Any] = json.loads(self.packed)
        return parsed

    @property
    def tenant(self) -> str | None:
        """The tenant named by our label."""
        return self.labels.get(LABEL_TENANT)


def seen(resource: Resource, obj: Mapping[str, Any]) -> Seen:
    """Project an object as the API server returned it."""
    metadata = obj["metadata"]
    owners = metadata.get("ownerReferences") or ()
    controller = next((owner for owner in owners if owner.get("controller")), None)
    return Seen(
        resource=resource,
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        generation=metadata.get("generation", 0),
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        owner_uids=tuple(owner["uid"] for owner in owners),
        controller_uid=controller["uid"] if controller else None,
        controller=(controller["kind"], controller["name"]) if controller else None,
        managers=_managers(metadata),
        deleting="deletionTimestamp" in metadata,
        finalizers=tuple(metadata.get("finalizers") or ()),
        created=metadata.get("creationTimestamp") or "",
        packed=json.dumps(_body(resource, obj), separators=(",", ":")).encode(),
    )


def _managers(metadata: Mapping[str, Any]) -> frozenset[str]:
    """Who has set fields of the object itself; a subresource such as status does not make an object ours."""
    entries = metadata.get("managedFields") or ()
    return frozenset(entry.get("manager", "") for entry in entries if not entry.get("subresource"))


def _body(resource: Resource, obj: Mapping[str, Any]) -> dict[str, Any]:
    body = {key: value for key, value in obj.items() if key not in _METADATA_ONLY}
    if resource != SECRETS:
        return body
    data = body.get("data") or {}
    canonical = json.dumps(data, sort_keys=True).encode()
    return {"type": body.get("type", ""), "keys": sorted(data), "data_hash": hashlib.sha256(canonical).hexdigest()}


_Name = tuple[Resource, str, str]


class Index:
    """Everything that is watched, kept in memory; written by the watch and by the answers to our own writes."""

    def __init__(self, *, scopes: Collection[str | None] = (None,), watched: Iterable[Resource] = WATCHED) -> None:
        """`scopes` are the namespaces that are watched, or a single None for the whole cluster."""
        self._scopes = frozenset(scopes)
        self._objects: dict[Resource, dict[tuple[str, str], Seen]] = {resource: {} for resource in watched}
        self._tenants: dict[tuple[str, str], dict[_Name, Seen]] = {}
        self._listed: dict[Resource, dict[str | None, int]] = {}
        self._accepted: dict[_Name, str] = {}
        self._tombstones: OrderedDict[_Name, int] = OrderedDict()
        self._served: set[Resource] = {r for r in self._objects if r.builtin}

    # reading

    def get(self, resource: Resource, namespace: str, name: str) -> Seen | None:
        """The object, or None when it is not there (or, for a labelled kind, does not carry our label)."""
        return self._objects.get(resource, {}).get((namespace, name))

    def of_tenant(self, namespace: str, tenant: str) -> list[Seen]:
        """Everything that carries the tenant's label, whoever made it."""
        return list(self._tenants.get((namespace, tenant), {}).values())

    def of_kind(self, resource: Resource, namespace: str | None = None) -> list[Seen]:
        """Every object of one kind, in one namespace or in all."""
        objects = self._objects.get(resource, {}).values()
        return [one for one in objects if namespace is None or one.namespace == namespace]

    def synced(self, resource: Resource) -> bool:
        """Whether the first list of it has arrived, from every namespace that is watched."""
        return self._expected_scopes(resource) <= self._listed.get(resource, {}).keys()

    def served(self, resource: Resource) -> bool:
        """Whether the API server knows the kind."""
        return resource in self._served

    @property
    def watched(self) -> tuple[Resource, ...]:
        """The resources that this index follows."""
        return tuple(self._objects)

    def _expected_scopes(self, resource: Resource) -> frozenset[str | None]:
        return self._scopes if resource.namespaced else frozenset({None})

    # writing

    def fold(self, resource: Resource, obj: Mapping[str, Any]) -> Seen:
        """Take in an object from the watch or from the answer to a write; returns what holds now, the newer version."""
        metadata = obj["metadata"]
        old = self.get(resource, metadata.get("namespace", ""), metadata["name"])
        if old is not None and _version(old) >= _number(metadata.get("resourceVersion", "")):
            return old
        new = seen(resource, obj)
        if resource in self._objects and (old is not None or _version(new) > self._gone_since(new)):
            self._put(new)
        return new

    def remove(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        """Take in a deletion; a deletion that is older than what is known (made anew since) is ignored."""
        gone = seen(resource, obj)
        if resource not in self._objects:
            return
        name = (resource, gone.namespace, gone.name)
        self._tombstones[name] = max(_version(gone), self._tombstones.pop(name, 0))
        while len(self._tombstones) > _TOMBSTONES:
            self._tombstones.popitem(last=False)
        old = self.get(*name)
        if old is not None and _version(old) <= _version(gone):
            self._drop(old)

    def replace(
        self, resource: Resource, scope: str | None, objects: Iterable[Mapping[str, Any]], *, version: str
    ) -> list[Seen]:
        """Take in a whole list, and return what was known and is not in it; see `settle`."""
        present = {(one.namespace, one.name) for one in (self.fold(resource, obj) for obj in objects)}
        return self.settle(resource, scope, present, version=version)

    def settle(
        self, resource: Resource, scope: str | None, present: Collection[tuple[str, str]], *, version: str
    ) -> list[Seen]:
        """A list is complete and its objects are folded; `present` has their namespaces and names.

        Returns what was known and is not in the list: it was deleted while nobody was watching.
        """
        if resource not in self._objects:
            return []
        listed = _number(version)
        vanished = [
            one
            for one in self.of_kind(resource, scope)
            if (one.namespace, one.name) not in present and _version(one) <= listed
        ]
        for one in vanished:
            self._drop(one)
        self._listed.setdefault(resource, {})[scope] = listed
        return vanished

    def accept(self, live: Seen, applied_hash: str) -> None:
        """Note that this is what the API server makes of what we applied, although it reads differently."""
        self._accepted[live.resource, live.namespace, live.name] = _digest(live, applied_hash)

    def is_accepted(self, live: Seen, applied_hash: str) -> bool:
        """Whether the object still is what `accept` was told."""
        return self._accepted.get((live.resource, live.namespace, live.name)) == _digest(live, applied_hash)

    def set_served(self, resource: Resource, *, served: bool) -> list[Seen]:
        """Note that the API server (no longer) knows a kind; returns the objects that went with it."""
        if served:
            self._served.add(resource)
            return []
        self._served.discard(resource)
        self._listed.pop(resource, None)
        gone = self.of_kind(resource)
        for one in gone:
            self._drop(one)
        return gone

    def _gone_since(self, one: Seen) -> int:
        """Versions up to this are known to be history for an object that is not there."""
        lists = self._listed.get(one.resource, {})
        floor = max(lists.get(None, 0), lists.get(one.namespace, 0))
        return max(floor, self._tombstones.get((one.resource, one.namespace, one.name), 0))

    def _put(self, new: Seen) -> None:
        old = self.get(new.resource, new.namespace, new.name)
        if old is not None:
            self._unlink(old)
        self._objects[new.resource][new.namespace, new.name] = new
        if new.tenant is not None:
            children = self._tenants.setdefault((new.namespace, new.tenant), {})
            children[new.resource, new.namespace, new.name] = new

    def _drop(self, old: Seen) -> None:
        self._objects[old.resource].pop((old.namespace, old.name), None)
        self._accepted.pop((old.resource, old.namespace, old.name), None)
        self._unlink(old)

    def _unlink(self, old: Seen) -> None:
        if old.tenant is None:
            return
        children = self._tenants.get((old.namespace, old.tenant), {})
        children.pop((old.resource, old.namespace, old.name), None)
        if not children:
            self._tenants.pop((old.namespace, old.tenant), None)


def _version(one: Seen) -> int:
    return _number(one.resource_version)


def _digest(live: Seen, applied_hash: str) -> str:
    """A fingerprint of everything but status and version."""
    body = {key: value for key, value in live.body.items() if key != "status"}
    parts = [applied_hash, live.uid, dict(live.labels), dict(live.annotations), live.owner_uids, body]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _number(version: str) -> int:
    """Resource versions are comparable as integers (documented since Kubernetes 1.35)."""
    return int(version) if version.isdigit() else 0
