"""What a tenant's children are to be: pure, from what was gathered and what the builders make of it.

The order of things is in here and nowhere else: server and secrets first, then the schema, then what serves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rem_operator import names
from rem_operator.children import Child
from rem_operator.errors import Problem
from rem_operator.kube.resources import CLUSTERS, EXTERNAL_SECRETS, JOBS, SECRETS, Resource, resource_of
from rem_operator.manifests.api import api_children
from rem_operator.manifests.config import config_children
from rem_operator.manifests.database import database_children
from rem_operator.manifests.files_worker import files_children
from rem_operator.manifests.identity import identity_children, role_annotations
from rem_operator.manifests.inputs import TenantInputs
from rem_operator.manifests.network import network_children
from rem_operator.manifests.schema_job import schema_children, schema_job_name
from rem_operator.manifests.secrets import secret_children
from rem_operator.reconcile.database import database_problem
from rem_operator.reconcile.facts import TenantFacts
from rem_operator.reconcile.rollout import SchemaJobs, live_image, rollout_hash, schema_jobs
from rem_operator.reconcile.secrets import secrets_problem

_Name = tuple[Resource, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """Every child that is wanted, in three stages, each applied when the one before it has been; and what is kept."""

    server: tuple[Child, ...]
    """The Cluster. If it turns out to be somebody else's, nothing of ours may go into it or around it."""
    foundation: tuple[Child, ...]
    """What pods read at their start and what fences them in, so that none starts with what was there before."""
    workloads: tuple[Child, ...]
    """What runs the runtime's image: schema Job, API, worker."""
    keep: frozenset[_Name]
    """What is left alone besides."""

    @property
    def desired(self) -> tuple[Child, ...]:
        """All stages in their order."""
        return (*self.server, *self.foundation, *self.workloads)

    @property
    def names(self) -> frozenset[_Name]:
        """Resource and name of everything that is wanted or kept."""
        return self.keep | {(resource_of(c.manifest), c.manifest["metadata"]["name"]) for c in self.desired}


def plan_tenant(facts: TenantFacts, inputs: TenantInputs) -> Plan:
    """The children of a tenant in the state that it is in."""
    image = wanted_image(inputs)
    jobs = wanted_schema_jobs(facts, inputs)
    config = config_children(inputs)
    database = database_children(inputs)
    workloads = _workloads(facts, inputs, jobs, config=_data(config))
    if jobs.job is not None or database_problem(facts) is None:
        workloads = [*schema_children(inputs, image=image, dsn_hash=_dsn_hash(facts)), *workloads]
    return Plan(
        server=tuple(child for child in database if _is_cluster(child)),
        foundation=(
            *identity_children(inputs),
            *secret_children(inputs),
            *config,
            *network_children(inputs),
            *(child for child in database if not _is_cluster(child)),
        ),
        workloads=tuple(workloads),
        keep=frozenset() if jobs.succeeded else frozenset((JOBS, job.name) for job in jobs.others),
    )


def _is_cluster(child: Child) -> bool:
    return resource_of(child.manifest) == CLUSTERS


def wanted_image(inputs: TenantInputs) -> str:
    """The tenant's own runtime image, else the operator's."""
    return inputs.spec.images.runtime or inputs.settings.images.runtime


def wanted_schema_jobs(facts: TenantFacts, inputs: TenantInputs) -> SchemaJobs:
    """The schema Job of the wanted image and of the present database, and the others that are still there."""
    return schema_jobs(facts, schema_job_name(inputs, wanted_image(inputs), dsn_hash=_dsn_hash(facts)))


def _dsn_hash(facts: TenantFacts) -> str:
    """Stands for the database that the schema is in: a new one, or a new password, is a new Job."""
    secret = facts.child(SECRETS, names.name_of_owner_secret(facts.name))
    return secret.body["data_hash"] if secret is not None else ""


def needed_secrets_problem(facts: TenantFacts) -> Problem | None:
    """Why the Secret from the store cannot be used; None when there is one, or when none is wanted."""
    return secrets_problem(
        facts,
        external=facts.child(EXTERNAL_SECRETS, names.name_of_secrets(facts.name)),
        target=facts.child(SECRETS, names.name_of_secrets(facts.name)),
    )


def _workloads(facts: TenantFacts, inputs: TenantInputs, jobs: SchemaJobs, *, config: dict[str, str]) -> list[Child]:
    """API and worker, each with the newest image whose schema is there; none before there is one."""
    builders: list[tuple[str, Callable[..., list[Child]]]] = [(names.name_of_api(facts.name), api_children)]
    if inputs.spec.file_processor is not None:
        builders.append((names.name_of_files(facts.name), files_children))
    wanted: list[Child] = []
    for deployment, build in builders:
        live = live_image(facts, deployment)
        image = image_to_run(facts, jobs, wanted=wanted_image(inputs), live=live)
        role = inputs.spec.identity.api if deployment == names.name_of_api(facts.name) else inputs.spec.identity.worker
        # A cloud role gets into a pod when the pod is made: it counts as configuration.
        read = {**config, **role_annotations(role)}
        if image is None or (live is None and needed_secrets_problem(facts) is not None):
            continue
        wanted += build(inputs, image=image, rollout_hash=rollout_hash(facts, config=read, deployment=deployment))
    return wanted


def image_to_run(facts: TenantFacts, jobs: SchemaJobs, *, wanted: str, live: str | None) -> str | None:
    """The image to run: the wanted one once its schema is there, else the one whose schema was applied last.

    What the Deployment says comes last: somebody may have edited it.
    """
    if jobs.succeeded:
        return wanted
    recorded: str | None = (facts.status.get("schema") or {}).get("image")
    return jobs.applied_image or recorded or live


def _data(config: list[Child]) -> dict[str, str]:
    merged: dict[str, str] = {}
    for child in config:
        merged |= child.manifest.get("data") or {}
    return merged
