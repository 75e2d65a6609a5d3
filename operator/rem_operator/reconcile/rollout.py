"""Which image the schema, the API and the worker run now: pure readings of Jobs and Deployments.

The schema comes first: API and worker keep the image that they have until the schema Job of the wanted image has
succeeded, so a schema that fails leaves the old pods serving.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rem_crds import handoff
from rem_operator import names
from rem_operator.errors import Blocked, Problem, Waiting
from rem_operator.kube.index import Seen
from rem_operator.kube.resources import DEPLOYMENTS, JOBS, SECRETS
from rem_operator.reconcile.facts import TenantFacts


@dataclass(frozen=True, slots=True)
class SchemaJobs:
    """The schema Job that is wanted, and the other ones that are still there."""

    wanted: str
    job: Seen | None
    others: tuple[Seen, ...]

    @property
    def succeeded(self) -> bool:
        """Whether the wanted Job has run to its end."""
        return self.job is not None and _job_condition(self.job, "Complete") is not None

    @property
    def last_applied(self) -> Seen | None:
        """The Job, other than the wanted one, that was the last to succeed; it is kept until the wanted one has."""
        done = [(_completed_at(job), job.name, job) for job in self.others if _job_condition(job, "Complete")]
        return max(done, key=lambda one: one[:2])[2] if done else None

    @property
    def applied_image(self) -> str | None:
        """The image of that Job: the newest one whose schema is in the database; None when no such Job is left."""
        job = self.last_applied
        return _image_of(job) if job is not None else None


def schema_jobs(facts: TenantFacts, wanted: str) -> SchemaJobs:
    """The tenant's schema Jobs; `wanted` is the name of the one for the wanted image."""
    jobs = [
        one
        for (resource, _), one in facts.children.items()
        if resource == JOBS and one.labels.get(handoff.LABEL_COMPONENT) == "schema"
    ]
    return SchemaJobs(
        wanted=wanted,
        job=next((one for one in jobs if one.name == wanted), None),
        others=tuple(one for one in jobs if one.name != wanted),
    )


def schema_problem(jobs: SchemaJobs, *, failure: str | None) -> Problem | None:
    """Why the schema is not there yet; `failure` is what the Job's last pod said when it ended."""
    if jobs.succeeded:
        return None
    if jobs.job is None:
        return Waiting("WaitingForSchema", f"Job {jobs.wanted} is made as soon as the database is ready.")
    failed = _job_condition(jobs.job, "Failed")
    if failed is None:
        return Waiting("WaitingForSchema", f"Job {jobs.wanted} {_progress(jobs.job)}.")
    said = (failure or failed.get("message") or failed.get("reason") or "no message").rstrip(".")
    serving = " Pods of the previous image go on serving." if jobs.applied_image is not None else ""
    return Blocked(
        "SchemaFailed",
        f"Job {jobs.wanted} failed: {said}.{serving} "
        "Correct the cause, then delete the Job to have it run again, or set another image.",
    )


def _progress(job: Seen) -> str:
    status = job.body.get("status") or {}
    if status.get("failed"):
        return f"is tried again, {status['failed']} of its pods failed; see their logs"
    return "is running" if status.get("ready") else "has no running pod yet; see its pods' events"


def schema_failed(jobs: SchemaJobs) -> bool:
    """Whether the wanted Job has given up."""
    return jobs.job is not None and _job_condition(jobs.job, "Failed") is not None


def _job_condition(job: Seen, kind: str) -> Mapping[str, Any] | None:
    conditions = (job.body.get("status") or {}).get("conditions") or ()
    return next((c for c in conditions if c.get("type") == kind and c.get("status") == "True"), None)


def _completed_at(job: Seen) -> str:
    completed: str = (job.body.get("status") or {}).get("completionTime") or ""
    return completed


def live_image(facts: TenantFacts, deployment: str) -> str | None:
    """The image that a Deployment's first container runs; None when there is no such Deployment."""
    found = facts.child(DEPLOYMENTS, deployment)
    return _image_of(found) if found is not None else None


def _image_of(workload: Seen) -> str:
    image: str = workload.body["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def rollout_hash(facts: TenantFacts, *, config: Mapping[str, str], deployment: str) -> str:
    """Changes when anything changes that a pod reads only at its start: its ConfigMap and the Secrets it consumes.

    While a Secret is missing (deleted, and about to be made anew) the value of the live Deployment is kept, so that
    one rotation rolls the pods once and not twice.
    """
    consumed = consumed_secrets(facts)
    secrets = {name: facts.child(SECRETS, name) for name in consumed}
    if any(secret is None for secret in secrets.values()):
        live = _live_rollout_hash(facts, deployment)
        if live is not None:
            return live
    hashes = {name: secret.body["data_hash"] for name, secret in secrets.items() if secret is not None}
    text = json.dumps({"config": dict(config), "secrets": hashes}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def consumed_secrets(facts: TenantFacts) -> list[str]:
    """Every Secret that API and worker pods read."""
    name = facts.name
    logins = [names.name_of_owner_secret(name), names.name_of_app_role(name), names.name_of_sql_role(name)]
    consumed = [*logins, names.name_of_api_key(name)]
    if facts.effective.secrets is not None:
        consumed.append(names.name_of_secrets(name))
    credentials = facts.effective.identity.credentials_secret_ref
    if credentials is not None:
        consumed.append(credentials.name)
    return sorted(consumed)


def _live_rollout_hash(facts: TenantFacts, deployment: str) -> str | None:
    found = facts.child(DEPLOYMENTS, deployment)
    if found is None:
        return None
    annotations = found.body["spec"]["template"].get("metadata", {}).get("annotations") or {}
    live: str | None = annotations.get(handoff.ANNOTATION_ROLLOUT_HASH)
    return live


def api_problem(facts: TenantFacts) -> Problem | None:
    """Why the API does not answer; None while a pod does.

    Not the Deployment's Available: with maxUnavailable 0 that is False for a moment at every step of the autoscaler,
    and what the autoscaler does is never folded into Ready.
    """
    name = names.name_of_api(facts.name)
    found = facts.child(DEPLOYMENTS, name)
    if found is None:
        return Waiting("WaitingForApi", f"Deployment {name} is made as soon as schema and secrets are there.")
    if (found.body.get("status") or {}).get("availableReplicas", 0):
        return None
    return Waiting("WaitingForApi", f"Deployment {name} has no available pod; see its pods' events.")


def rolling(facts: TenantFacts) -> str:
    """What is being rolled out while the API serves, in words; empty when nothing is."""
    name = names.name_of_api(facts.name)
    found = facts.child(DEPLOYMENTS, name)
    if found is None:
        return ""
    status = found.body.get("status") or {}
    if status.get("observedGeneration", 0) < found.generation:
        return f"Deployment {name} is about to roll out."
    wanted, total = found.body["spec"].get("replicas", 1), status.get("replicas", 0)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    # Not compared with what is wanted: that changes with the autoscaler, which is no roll-out. Once a roll-out is
    # through, Progressing keeps this reason until the template changes again.
    progressing = _deployment_condition(found, "Progressing").get("reason")
    if updated == total and progressing in (None, "NewReplicaSetAvailable"):
        return ""
    # The numbers are progress, for which the deadline starts anew.
    return f"Deployment {name} is rolling out: {updated} of {wanted} pods are new, {available} of {total} available."


def _deployment_condition(deployment: Seen, kind: str) -> Mapping[str, Any]:
    conditions = (deployment.body.get("status") or {}).get("conditions") or ()
    return next((c for c in conditions if c.get("type") == kind), {})
