"""The five parts that Ready is made of, as problems and conditions: pure."""

from __future__ import annotations

from dataclasses import dataclass

from rem_crds.v1alpha1 import conditions as types
from rem_operator import names
from rem_operator.conditions import Condition, from_problem
from rem_operator.errors import Problem, Waiting
from rem_operator.kube.resources import (
    CLUSTERS,
    DATABASE_ROLES,
    DATABASES,
    DEPLOYMENTS,
    EXTERNAL_SECRETS,
    SCALED_OBJECTS,
    TRIGGER_AUTHENTICATIONS,
    Resource,
)
from rem_operator.reconcile.database import database_problem, lost_database
from rem_operator.reconcile.facts import TenantFacts
from rem_operator.reconcile.plan import needed_secrets_problem
from rem_operator.reconcile.rollout import SchemaJobs, api_problem, schema_problem

_INSTALL = {
    "postgresql.cnpg.io": "CloudNativePG 1.30 or later",
    "external-secrets.io": "External Secrets 0.17 or later (external-secrets.io/v1)",
    "keda.sh": "KEDA 2.20 or later",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its condition type, what is wrong with it, and the reason that it has when nothing is."""

    condition: str
    problem: Problem | None
    ready_reason: str

    def as_condition(self) -> Condition:
        """The part's own condition."""
        return from_problem(self.condition, self.problem, ready_reason=self.ready_reason)


def parts_of(facts: TenantFacts, jobs: SchemaJobs, *, failure: str | None) -> list[Part]:
    """The five parts in the order in which they come up; `failure` is the last words of a failed schema Job."""
    no_secrets = facts.effective.secrets is None and not facts.absent_named_secrets
    no_worker = facts.effective.file_processor is None
    database = lost_database(facts) or _unserved(facts, CLUSTERS, DATABASES, DATABASE_ROLES) or database_problem(facts)
    secrets = _unserved(facts, EXTERNAL_SECRETS) or needed_secrets_problem(facts)
    return [
        Part(types.SECRETS_READY, secrets, "NotConfigured" if no_secrets else "Synced"),
        Part(types.DATABASE_READY, database, "Healthy"),
        Part(types.SCHEMA_READY, schema_problem(jobs, failure=failure), "Applied"),
        Part(types.API_AVAILABLE, api_problem(facts), "Available"),
        Part(types.WORKER_CONFIGURED, _worker_problem(facts), "NotConfigured" if no_worker else "Configured"),
    ]


def informational(facts: TenantFacts) -> list[Condition]:
    """What is told and never folded into Ready: the autoscaler's state changes by itself, and zero is healthy."""
    scaled = facts.child(SCALED_OBJECTS, names.name_of_files(facts.name))
    if scaled is None:
        return []
    conditions = (scaled.body.get("status") or {}).get("conditions") or ()
    ready = next((c for c in conditions if c.get("type") == "Ready"), None)
    if ready is None:
        return [
            Condition(types.SCALING_ACTIVE, "Unknown", "WaitingForKEDA", "KEDA has not looked at the ScaledObject yet.")
        ]
    status = ready.get("status")
    if status == "True":
        return [Condition(types.SCALING_ACTIVE, "True", "ScaledObjectReady")]
    return [Condition(types.SCALING_ACTIVE, "False", ready.get("reason") or "NotReady", ready.get("message") or "")]


def missing_kinds(facts: TenantFacts) -> Problem | None:
    """The API server does not know a kind that this tenant needs."""
    if not facts.unserved:
        return None
    named = ", ".join(sorted(str(resource) for resource in facts.unserved))
    groups = sorted({resource.group for resource in facts.unserved})
    install = " and ".join(_INSTALL[group] for group in groups)
    return Waiting("WaitingForCRD", f"The API server does not serve {named}: install {install}.")


def _unserved(facts: TenantFacts, *resources: Resource) -> Problem | None:
    return missing_kinds(facts) if facts.unserved.intersection(resources) else None


def _worker_problem(facts: TenantFacts) -> Problem | None:
    if facts.effective.file_processor is None:
        return None
    unserved = _unserved(facts, SCALED_OBJECTS, TRIGGER_AUTHENTICATIONS)
    if unserved is not None:
        return unserved
    name = names.name_of_files(facts.name)
    missing = next((one for one in (DEPLOYMENTS, SCALED_OBJECTS) if facts.child(one, name) is None), None)
    if missing is None:
        return None
    return Waiting("WaitingForWorker", f"{missing.kind} {name} is made as soon as schema and secrets are there.")
