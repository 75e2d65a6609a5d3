"""What can be wrong with an object of ours, as one small tree.

    Problem                       a reason and a message for a condition
    ├── Blocked                   only a change to this object helps            → Stalled=True
    │   ├── Invalid               it does not parse, cannot have an effect, or the API server refused what follows
    │   ├── NotYetSupported       a field is set that this version does not reconcile
    │   ├── ForbiddenByPolicy     it reaches beyond its namespace further than the operator's settings allow
    │   ├── NameConflict          somebody else's object has one of our names
    │   ├── DatabaseMissing       there was a database, and it is gone
    │   ├── DatabaseReplaced      the database is not the one that this tenant had
    │   └── SchemaFailed          the schema Job failed for good
    └── Waiting                   something else has to happen first            → Reconciling=True

A problem is a value that checks return; it is raised nowhere. What the Kubernetes API answers is in `kube.errors`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a tenant is not Ready: `reason` is CamelCase and stable, `message` says what to do."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Blocked(Problem):
    """Only a change to this object helps; waiting does not."""


@dataclass(frozen=True, slots=True)
class Waiting(Problem):
    """Something else has to happen first; it is watched, and the operator goes on by itself."""


def invalid(message: str) -> Blocked:
    """The object does not parse, cannot have the effect that it asks for, or the API server refused what follows."""
    return Blocked("Invalid", message)


def not_yet_supported(fields: list[str]) -> Blocked:
    """Name every field that is set and not reconciled by this version."""
    listed = ", ".join(fields)
    return Blocked(
        "NotYetSupported",
        f"This version does not reconcile {listed}. Remove what is listed, or wait for a later version.",
    )


def forbidden_by_policy(message: str) -> Blocked:
    """The operator's settings do not allow what the object asks for beyond its own namespace."""
    return Blocked("ForbiddenByPolicy", message)


def name_conflict(objects: list[str]) -> Blocked:
    """Objects that bear one of our names and are not ours."""
    listed = ", ".join(objects)
    return Blocked(
        "NameConflict",
        f"{listed} exists and is not managed by this tenant; it was left alone. "
        "Rename or delete it, or rename the tenant.",
    )


def database_missing(cluster: str, system_id: str, annotation: str, tenant: str) -> Blocked:
    """The database that this tenant had is gone; a new, empty one is never made silently."""
    return Blocked(
        "DatabaseMissing",
        f"Cluster {cluster} (system ID {system_id}) is gone and no new, empty one is made by itself. "
        f"Bring it back, or annotate the tenant with {annotation}={tenant} to start with an empty database.",
    )


def annotation_used_up(cluster: str, system_id: str, annotation: str) -> Blocked:
    """The consent to an empty database is older than this loss and does not cover it."""
    return Blocked(
        "DatabaseMissing",
        f"Cluster {cluster} (system ID {system_id}) is gone, and the annotation {annotation} was already used or set "
        "before that: it covers no later loss. Bring the Cluster back, or remove the annotation and set it again to "
        "start with an empty database.",
    )


def database_replaced(
    cluster: str, *, expected: str, found: str, annotation: str, tenant: str, used_up: bool
) -> Blocked:
    """Under the right name there is another database; `used_up` when the annotation is there and does not count."""
    consent = (
        f"remove the annotation {annotation}, which was there before, and set it again"
        if used_up
        else f"annotate the tenant with {annotation}={tenant}"
    )
    return Blocked(
        "DatabaseReplaced",
        f"Cluster {cluster} has system ID {found}; this tenant's data is in {expected}. Bring the right one back, "
        f"or {consent} to go on with the one that is there.",
    )
