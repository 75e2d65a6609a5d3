"""What is known of the tenant's database: pure readings of CloudNativePG's objects, and the rule that it is never
silently replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rem_crds import handoff
from rem_operator import names
from rem_operator.errors import (
    Blocked,
    Problem,
    Waiting,
    annotation_used_up,
    database_missing,
    database_replaced,
)
from rem_operator.kube.index import Seen
from rem_operator.kube.resources import CLUSTERS, DATABASE_ROLES, DATABASES, SECRETS, Resource
from rem_operator.reconcile.facts import TenantFacts

_ANNOTATION = handoff.ANNOTATION_REINITIALIZE_DATABASE


def system_id(facts: TenantFacts) -> str | None:
    """The system ID that the live Cluster reports; None while there is none."""
    cluster = _cluster(facts)
    return (cluster.body.get("status") or {}).get("systemID") or None if cluster else None


def lost_database(facts: TenantFacts) -> Blocked | None:
    """The database that this tenant had is gone, or another one stands in its place, and nobody has consented."""
    recorded = facts.recorded_system_id
    # While the API server does not serve Clusters nobody can tell whether there is one.
    if recorded is None or CLUSTERS in facts.unserved or _consents(facts):
        return None
    name, used_up = names.name_of_cluster(facts.name), _is_given(facts)
    if _cluster(facts) is None:
        if used_up:
            return annotation_used_up(name, recorded, _ANNOTATION)
        return database_missing(name, recorded, _ANNOTATION, facts.name)
    found = system_id(facts)
    if found is not None and found != recorded:
        return database_replaced(
            name, expected=recorded, found=found, annotation=_ANNOTATION, tenant=facts.name, used_up=used_up
        )
    return None


def handled_consent(facts: TenantFacts) -> str | None:
    """What `status.handled` says of the consent to an empty database after this reconcile.

    A consent covers the loss that it follows and no later one: it is noted as used as soon as a database is up, and
    forgotten when the annotation is removed, so that setting it again is a new consent. That holds for one that was
    set without need as well: in Git it would stand for years, also for a tenant that is made anew with an empty status.
    """
    if facts.seen.annotations.get(_ANNOTATION) is None:
        return None
    cluster = _cluster(facts)
    is_up = cluster is not None and not cluster.deleting and system_id(facts) is not None
    return facts.name if _is_given(facts) and is_up else _handled(facts)


def _is_given(facts: TenantFacts) -> bool:
    return facts.seen.annotations.get(_ANNOTATION) == facts.name


def _consents(facts: TenantFacts) -> bool:
    return _is_given(facts) and _handled(facts) != facts.name


def _handled(facts: TenantFacts) -> str | None:
    handled: str | None = (facts.status.get("handled") or {}).get(_ANNOTATION.partition("/")[2])
    return handled


def database_problem(facts: TenantFacts) -> Problem | None:
    """Why the database cannot be used yet; None when server, database and roles are there."""
    cluster = _cluster(facts)
    if cluster is None:
        return Waiting("WaitingForDatabase", f"Cluster {names.name_of_cluster(facts.name)} does not exist yet.")
    return _cluster_problem(facts, cluster) or _objects_problem(facts)


def _cluster_problem(facts: TenantFacts, cluster: Seen) -> Problem | None:
    if cluster.deleting:
        return Waiting("WaitingForDatabase", f"Cluster {cluster.name} is being deleted.")
    status = cluster.body.get("status") or {}
    if _condition(status, "Ready") == "True" and status.get("readyInstances"):
        return None
    if not facts.storage_class_exists:
        return Waiting(
            "WaitingForStorageClass",
            f"StorageClass {facts.spec.database.storage.storage_class_name} does not exist: create it. (The class of a "
            "tenant cannot be changed; under another class it has to be created anew.)",
        )
    if not status.get("phase"):
        return Waiting(
            "WaitingForDatabase",
            f"CloudNativePG has not looked at Cluster {cluster.name} yet; if this stays, check that its operator runs.",
        )
    reason = f" ({status['phaseReason']})" if status.get("phaseReason") else ""
    return Waiting("WaitingForDatabase", f"Cluster {cluster.name}: {status['phase']}{reason}.")


def _objects_problem(facts: TenantFacts) -> Problem | None:
    name = facts.name
    wanted: list[tuple[Resource, str]] = [
        (DATABASES, names.name_of_database(name)),
        (DATABASE_ROLES, names.name_of_app_role(name)),
        (DATABASE_ROLES, names.name_of_sql_role(name)),
    ]
    for resource, child in wanted:
        problem = _not_applied(resource, child, facts.child(resource, child))
        if problem is not None:
            return problem
    owner = names.name_of_owner_secret(name)
    if facts.child(SECRETS, owner) is None:
        return Waiting(
            "WaitingForSecret",
            f"CloudNativePG makes Secret {owner} for the Cluster; it must carry the label "
            f"{handoff.LABEL_TENANT}={name} (it gets it from the Cluster's inheritedMetadata).",
        )
    return None


def _not_applied(resource: Resource, name: str, found: Seen | None) -> Problem | None:
    if found is None:
        return Waiting("WaitingForDatabase", f"{resource.kind} {name} does not exist yet.")
    status = found.body.get("status") or {}
    if status.get("applied") is True and status.get("observedGeneration", found.generation) == found.generation:
        return None
    detail = status.get("message") or "CloudNativePG has not applied it yet"
    return Waiting("WaitingForDatabase", f"{resource.kind} {name}: {detail}.")


def _cluster(facts: TenantFacts) -> Seen | None:
    return facts.child(CLUSTERS, names.name_of_cluster(facts.name))


def _condition(status: Mapping[str, Any], kind: str) -> str | None:
    return next((c.get("status") for c in status.get("conditions") or () if c.get("type") == kind), None)
