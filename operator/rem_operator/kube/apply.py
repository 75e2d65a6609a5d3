"""The one apply engine: brings a tenant's children to what is desired, and removes those that no longer are.

Owns who may be touched (`claim`), when a write is needed, server-side apply, owner references and pruning. It decides
from the index; the only reads are for names that the index does not know. What is desired comes from the builders.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rem_crds.handoff import ANNOTATION_APPLIED_HASH, FIELD_MANAGER
from rem_operator.children import Child
from rem_operator.kube.client import KubeClient
from rem_operator.kube.errors import AlreadyExists, Conflict, Invalid, KubeError, NotFound, NotServed
from rem_operator.kube.index import Index, Seen, seen
from rem_operator.kube.resources import DATA, REM_TENANTS, ROLE_BINDINGS, SECRETS, Resource, resource_of
from rem_operator.kube.subset import first_difference

log = logging.getLogger(__name__)

Action = Literal["unchanged", "applied", "created", "repaired", "pruned", "conflict", "failed"]

# The API server checks a binding against the role that it names, and refuses it while there is none.
_LATE = frozenset({ROLE_BINDINGS})
_AT_A_TIME = 6  # writes of one tenant; the client's own limit is what protects the API server


@dataclass(frozen=True, slots=True)
class Owner:
    """The RemTenant that children belong to."""

    name: str
    namespace: str
    uid: str

    @property
    def reference(self) -> dict[str, Any]:
        """The controller owner reference."""
        return {
            "apiVersion": REM_TENANTS.api_version,
            "kind": REM_TENANTS.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened to one object."""

    child: Child | None
    """None for an object that was pruned."""
    name: str
    resource: Resource
    action: Action
    error: KubeError | None = None


async def apply_children(
    client: KubeClient,
    index: Index,
    owner: Owner,
    desired: Sequence[Child],
    *,
    keep: Collection[tuple[Resource, str]] = (),
) -> list[Outcome]:
    """Apply what is desired, then delete this tenant's owned children that are neither desired nor in `keep`.

    A failure of one child stops none of the others: it is in its Outcome. Data is never deleted.
    """
    slots = asyncio.Semaphore(_AT_A_TIME)

    async def one(child: Child) -> Outcome:
        async with slots:
            return await _apply_one(client, index, owner, child)

    applied: list[Outcome] = []
    for late in (False, True):
        wave = [child for child in desired if (resource_of(child.manifest) in _LATE) is late]
        applied += await asyncio.gather(*(one(child) for child in wave))
    wanted = {(outcome.resource, outcome.name) for outcome in applied} | set(keep)
    surplus = [live for live in index.of_tenant(owner.namespace, owner.name) if is_surplus(live, owner, wanted)]
    return [*applied, *await asyncio.gather(*(_prune_one(client, index, live) for live in surplus))]


def is_surplus(live: Seen, owner: Owner, wanted: Collection[tuple[Resource, str]]) -> bool:
    """Whether pruning takes a live object: made by us, controlled by this very tenant, not wanted, no data."""
    return (
        (live.resource, live.name) not in wanted
        and live.resource not in DATA
        and live.controller_uid == owner.uid
        and FIELD_MANAGER in live.managers
        and not live.deleting
    )


def is_ours(live: Seen, owner: Owner) -> bool:
    """Whether we may write to a live object.

    We wrote it before (our manager is in managedFields), nobody else controls it, and it is marked as this tenant's:
    by our label, or, should somebody have removed that by hand, by its controller or our hash annotation. A controller
    of the same name under another uid is this tenant in an earlier life. Data that carries our label and has no owner
    is adopted whoever wrote it: that is how a database that was restored by hand comes back to its tenant.
    """
    if live.resource in DATA and live.controller is None and live.tenant == owner.name:
        return True
    if FIELD_MANAGER not in live.managers:
        return False
    if live.controller is not None and live.controller != (REM_TENANTS.kind, owner.name):
        return False
    if live.tenant is not None:
        return live.tenant == owner.name
    return live.controller_uid == owner.uid or ANNOTATION_APPLIED_HASH in live.annotations


def applied_hash(child: Child, owner: Owner) -> str:
    """The fingerprint of all that we write of a child; of a generated Secret that is its metadata."""
    written: Any = _metadata_only(child.manifest) if child.generated else child.manifest
    text = json.dumps([written, owner.uid if child.owned else None], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def intended(child: Child, owner: Owner) -> dict[str, Any]:
    """The child's manifest as it is sent: with our hash and, if it is owned, its owner reference."""
    manifest = copy.deepcopy(child.manifest)
    metadata = manifest["metadata"]
    metadata.setdefault("namespace", owner.namespace)
    metadata["annotations"] = {
        **(metadata.get("annotations") or {}),
        ANNOTATION_APPLIED_HASH: applied_hash(child, owner),
    }
    if child.owned:
        metadata["ownerReferences"] = [owner.reference]
    return manifest


async def _apply_one(client: KubeClient, index: Index, owner: Owner, child: Child) -> Outcome:
    resource = resource_of(child.manifest)
    name = child.manifest["metadata"]["name"]
    try:
        action = await _bring_about(client, index, owner, child)
    except KubeError as error:
        return Outcome(child, name, resource, "failed", error)
    return Outcome(child, name, resource, action)


async def _bring_about(client: KubeClient, index: Index, owner: Owner, child: Child) -> Action:
    resource = resource_of(child.manifest)
    name = child.manifest["metadata"]["name"]
    if not index.served(resource):
        raise NotServed(f"{resource} is not served by the API server: install its CustomResourceDefinition", status=404)
    manifest = intended(child, owner)
    live = index.get(resource, owner.namespace, name)
    if live is None:
        if child.generated:
            return await _create_generated(client, index, owner, manifest)
        live = await _look_up(client, resource, owner.namespace, name)
    if live is None:
        await _send(client, index, resource, manifest)
        return "created"
    if not is_ours(live, owner):
        return "conflict"
    if live.deleting:
        return "unchanged"  # its end is an event, and that brings us back to make it anew
    return await _update(client, index, child, manifest, live)


async def _update(client: KubeClient, index: Index, child: Child, manifest: dict[str, Any], live: Seen) -> Action:
    wanted = _metadata_only(manifest) if child.generated else manifest
    same_hash = live.annotations.get(ANNOTATION_APPLIED_HASH) == _hash_in(manifest)
    field = difference(wanted, live)
    if same_hash and (field is None or index.is_accepted(live, _hash_in(manifest))):
        return "unchanged"
    # The uid makes sure that we change the object that we looked at, and that nothing is made from metadata alone.
    try:
        now = await _send(client, index, live.resource, _with_uid(wanted, live.uid))
    except Invalid:
        # Somebody's edit and our fields may not stand together: a Service port that was renumbered under its name is
        # theirs now, ours comes back beside it, and there are two of one name. Ours replaces it, then all is applied.
        if not await _put_back(client, index, wanted, live):
            raise
        now = await _send(client, index, live.resource, _with_uid(wanted, live.uid))
    if now.resource_version == live.resource_version:
        return "unchanged"
    if not same_hash:
        return "applied"
    log.info("child was edited", extra={"child": f"{live.resource.kind}/{live.namespace}/{live.name}", "field": field})
    return "repaired"


async def _put_back(client: KubeClient, index: Index, wanted: Mapping[str, Any], live: Seen) -> bool:
    """Replace every field that is not as we want it, whatever others have put there; False when there is none."""
    body = live.body
    changed = [
        {"op": "replace", "path": f"/{part}/{_pointer(field)}", "value": value}
        for part, fields in wanted.items()
        if part not in ("apiVersion", "kind", "metadata") and isinstance(fields, Mapping)
        for field, value in fields.items()
        if field in (body.get(part) or {}) and first_difference({part: {field: value}}, body, kind=live.resource.kind)
    ]
    if not changed:
        return False
    same = {"op": "test", "path": "/metadata/uid", "value": live.uid}
    index.fold(live.resource, await client.patch(live.resource, live.namespace, live.name, [same, *changed]))
    return True


def _pointer(field: str) -> str:
    """A field's name inside a JSON pointer (RFC 6901)."""
    return field.replace("~", "~0").replace("/", "~1")


async def _create_generated(client: KubeClient, index: Index, owner: Owner, manifest: dict[str, Any]) -> Action:
    """POST; when the name is taken, it is either ours and the watch has not brought it yet, or somebody else's."""
    name = manifest["metadata"]["name"]
    try:
        index.fold(SECRETS, await client.create(SECRETS, owner.namespace, manifest))
    except AlreadyExists:
        live = await _look_up(client, SECRETS, owner.namespace, name)
        if live is None:
            raise Conflict(f"Secret {owner.namespace}/{name} came and went while it was created", status=409) from None
        return "unchanged" if is_ours(live, owner) and live.tenant == owner.name else "conflict"
    return "created"


async def _look_up(client: KubeClient, resource: Resource, namespace: str, name: str) -> Seen | None:
    """Read an object that the index does not know. Secrets by a list: the operator's role does not allow a get."""
    if resource == SECRETS:
        found = await client.list(resource, namespace, field_selector=f"metadata.name={name}")
        return seen(resource, found[0]) if found else None
    try:
        return seen(resource, await client.get(resource, namespace, name))
    except NotFound:
        return None


async def _send(client: KubeClient, index: Index, resource: Resource, manifest: Mapping[str, Any]) -> Seen:
    """Apply, and let the index know the answer at once: the next reconcile may be sooner than the watch."""
    metadata = manifest["metadata"]
    now = index.fold(resource, await client.apply(resource, metadata["namespace"], metadata["name"], manifest))
    if field := difference(manifest, now):
        # The API server stores it in other words: a default inside an atomic list, a converted value. What it made of
        # our own words is right; only when that changes there is something to repair.
        index.accept(now, _hash_in(manifest))
        log.debug("child is stored in other words", extra={"child": f"{resource.kind}/{now.name}", "field": field})
    return now


async def _prune_one(client: KubeClient, index: Index, live: Seen) -> Outcome:
    try:
        await client.delete(live.resource, live.namespace, live.name, uid=live.uid)
    except (NotFound, Conflict):
        return Outcome(None, live.name, live.resource, "unchanged")  # gone, or not the object that we meant
    except KubeError as error:
        return Outcome(None, live.name, live.resource, "failed", error)
    return Outcome(None, live.name, live.resource, "pruned")


def difference(manifest: Mapping[str, Any], live: Seen) -> str | None:
    """The first field that we set and that has not our value any more, as a dotted path; None when all is ours."""
    metadata = manifest["metadata"]
    for field, now in (("labels", live.labels), ("annotations", live.annotations)):
        if found := first_difference(metadata.get(field), now):
            return f"metadata.{field}.{found}"
    references = metadata.get("ownerReferences") or ()
    if references and live.controller_uid != references[0]["uid"]:
        return "metadata.ownerReferences"
    wanted = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind", "metadata")}
    return first_difference(wanted, live.body, kind=live.resource.kind) if wanted else None


def _metadata_only(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {key: manifest[key] for key in ("apiVersion", "kind", "metadata")}


def _with_uid(manifest: Mapping[str, Any], uid: str) -> dict[str, Any]:
    return {**manifest, "metadata": {**manifest["metadata"], "uid": uid}}


def _hash_in(manifest: Mapping[str, Any]) -> str:
    value: str = manifest["metadata"]["annotations"][ANNOTATION_APPLIED_HASH]
    return value
