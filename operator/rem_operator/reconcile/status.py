"""The status of a RemTenant: built pure, written by one writer, and only when it differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rem_crds import handoff
from rem_operator import names
from rem_operator.conditions import Condition, stamped
from rem_operator.kube.client import KubeClient
from rem_operator.kube.errors import NotFound
from rem_operator.kube.index import Index, Seen
from rem_operator.kube.resources import CLUSTERS, DEPLOYMENTS, EXTERNAL_SECRETS, Resource
from rem_operator.manifests.inputs import TenantInputs
from rem_operator.reconcile.database import handled_consent, lost_database, system_id
from rem_operator.reconcile.facts import TenantFacts
from rem_operator.reconcile.rollout import SchemaJobs, live_image

_HANDLED_CHARACTERS = 256
"""What the CRD takes of a value; an annotation can be longer, and a refused status would never be written."""
_CONSENT = handoff.ANNOTATION_REINITIALIZE_DATABASE.partition("/")[2]
_RECONCILE = handoff.ANNOTATION_RECONCILE_REQUESTED_AT.partition("/")[2]


def tenant_status(
    facts: TenantFacts,
    inputs: TenantInputs,
    *,
    conditions: Sequence[Condition],
    phase: str,
    jobs: SchemaJobs,
    image: str,
) -> dict[str, Any]:
    """What is to be reported; `image` is the runtime image that is wanted, and `jobs` its schema Job and the others."""
    previous = facts.status
    status = {
        "observedGeneration": facts.seen.generation,
        "phase": phase,
        "conditions": stamped(
            conditions, previous.get("conditions") or (), generation=facts.seen.generation, now=facts.now
        ),
        "summary": _summary(facts),
        "endpoints": _endpoints(facts),
        "database": _database(facts),
        "schema": _schema(previous, jobs, image),
        "api": _workload(facts, names.name_of_api(facts.name)),
        "fileProcessor": _workload(facts, names.name_of_files(facts.name)),
        "secrets": _secrets(facts),
        "effective": _effective(facts, inputs),
        "handled": _handled(facts),
    }
    return {key: value for key, value in status.items() if value not in (None, {}, [])}


async def write_status(client: KubeClient, index: Index, tenant: Seen, status: Mapping[str, Any]) -> bool:
    """Write the status when it differs from the one that was seen; returns whether it did."""
    if tenant.body.get("status") == status:
        return False
    resource = tenant.resource
    body = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": tenant.name, "namespace": tenant.namespace, "uid": tenant.uid},
        "status": status,
    }
    try:
        index.fold(resource, await client.apply_status(resource, tenant.namespace, tenant.name, body))
    except NotFound:
        return False  # it was deleted in the meantime, and its event is on the way
    return True


def _live(facts: TenantFacts, resource: Resource, name: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Spec and status of a child; empty when it is not there."""
    found = facts.child(resource, name)
    body = found.body if found else {}
    return body.get("spec") or {}, body.get("status") or {}


def _summary(facts: TenantFacts) -> dict[str, str]:
    spec, status = _live(facts, CLUSTERS, names.name_of_cluster(facts.name))
    texts = {"database": f"{status.get('readyInstances', 0)}/{spec['instances']}"} if spec else {}
    for key, deployment in (("api", names.name_of_api(facts.name)), ("files", names.name_of_files(facts.name))):
        wanted = _workload(facts, deployment)
        if wanted is not None:
            texts[key] = f"{wanted['readyReplicas']}/{wanted['replicas']}"
    return texts


def _endpoints(facts: TenantFacts) -> dict[str, str]:
    base = f"http://{names.name_of_api(facts.name)}.{facts.namespace}.svc:{handoff.PORT_API}"
    return {"api": f"{base}{handoff.PATH_PREFIX}"}


def _database(facts: TenantFacts) -> dict[str, Any]:
    name = names.name_of_cluster(facts.name)
    spec, status = _live(facts, CLUSTERS, name)
    # A lost or replaced database keeps its recorded identity: it is what the tenant is waiting for.
    recorded = (
        facts.recorded_system_id if lost_database(facts) is not None else system_id(facts) or facts.recorded_system_id
    )
    seen = {
        "cluster": name,
        "systemID": recorded,
        "instances": spec.get("instances"),
        "readyInstances": status.get("readyInstances", 0) if spec else None,
        "primary": status.get("currentPrimary"),
        "image": status.get("image"),
    }
    return {key: value for key, value in seen.items() if value is not None}


def _schema(previous: Mapping[str, Any], jobs: SchemaJobs, image: str) -> dict[str, Any]:
    before = previous.get("schema") or {}
    found = {
        "job": jobs.wanted if jobs.job is not None else before.get("job"),
        "image": image if jobs.succeeded else jobs.applied_image or before.get("image"),
    }
    return {key: value for key, value in found.items() if value}


def _workload(facts: TenantFacts, deployment: str) -> dict[str, Any] | None:
    spec, status = _live(facts, DEPLOYMENTS, deployment)
    if not spec:
        return None
    return {
        "replicas": spec.get("replicas", 1),
        "readyReplicas": status.get("readyReplicas", 0),
        "image": live_image(facts, deployment),
    }


def _secrets(facts: TenantFacts) -> dict[str, Any] | None:
    if facts.effective.secrets is None:
        return None
    _, status = _live(facts, EXTERNAL_SECRETS, names.name_of_secrets(facts.name))
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or ())
    return {"synced": len(facts.effective.secrets.items) if ready else 0}


def _effective(facts: TenantFacts, inputs: TenantInputs) -> dict[str, Any]:
    spec, images = facts.effective, inputs.settings.images
    own_postgres = spec.images.postgres is not None
    pgvector = spec.images.pgvector or ("" if own_postgres else images.pgvector)
    autoscaling = spec.api.autoscaling
    values: dict[str, Any] = {
        "operatingMode": spec.operating_mode,
        "deletionPolicy": spec.deletion_policy,
        "images": {
            "runtime": spec.images.runtime or images.runtime,
            "postgres": spec.images.postgres or images.postgres,
        }
        | ({"pgvector": pgvector} if pgvector else {}),
        "database": {"instances": spec.database.instances, "storageSize": spec.database.storage.size},
        "api": {
            "minReplicas": autoscaling.min_replicas,
            "maxReplicas": autoscaling.max_replicas,
            "targetCPUPercent": autoscaling.target_cpu_percent,
            "authMode": spec.api.auth.mode,
        },
        "embedding": {
            "provider": spec.llm.embedding.provider,
            "model": spec.llm.embedding.model,
            "dimensions": spec.llm.embedding.dimensions,
        },
    }
    worker = spec.file_processor
    if worker is not None:
        values["fileProcessor"] = {
            "minReplicas": worker.scaling.min_replicas,
            "maxReplicas": worker.scaling.max_replicas,
            "queueLength": worker.scaling.queue_length,
            "pollingIntervalSeconds": worker.scaling.polling_interval_seconds,
            "cooldownSeconds": worker.scaling.cooldown_seconds,
            "region": worker.queue.region,
        }
    return values


def _handled(facts: TenantFacts) -> dict[str, str]:
    asked = facts.seen.annotations.get(handoff.ANNOTATION_RECONCILE_REQUESTED_AT, "")[:_HANDLED_CHARACTERS]
    handled = {_RECONCILE: asked, _CONSENT: handled_consent(facts)}
    return {key: value for key, value in handled.items() if value}
