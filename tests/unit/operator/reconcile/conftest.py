"""A tenant's world as the watch would have seen it: fabricated objects in an index, and what is gathered from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from rem_crds import handoff
from rem_operator.kube.index import Index, Seen, seen
from rem_operator.kube.resources import (
    CLUSTERS,
    DATABASE_ROLES,
    DATABASES,
    DEPLOYMENTS,
    EXTERNAL_SECRETS,
    JOBS,
    REM_TENANTS,
    SECRET_STORES,
    SECRETS,
    WATCHED,
    Resource,
)
from rem_operator.manifests.inputs import BuildSettings, Credentials, ImageSettings, TenantInputs
from rem_operator.reconcile.facts import TenantFacts
from rem_operator.reconcile.gather import gather_tenant
from rem_operator.reconcile.plan import wanted_schema_jobs

V1, V2 = "ghcr.io/rem-dev/rem-runtime:1.0.0", "ghcr.io/rem-dev/rem-runtime:2.0.0"
SETTINGS = BuildSettings(images=ImageSettings(runtime=V1))


class World:
    """One tenant `acme` in namespace `acme`, and everything around it."""

    v1, v2 = V1, V2

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
        self.spec: dict[str, Any] = {"database": {"storage": {"size": "1Gi"}}}
        self.status: dict[str, Any] = {}
        self.annotations: dict[str, str] = {}
        self.generation = 1
        self.unserved: set[Resource] = set()
        self.objects: dict[tuple[Resource, str], dict[str, Any]] = {}

    def put(self, resource: Resource, name: str, *, labels: dict[str, str] | None = None, **body: Any) -> None:
        """An object that carries the tenant's label, unless `labels` says otherwise; `body` is spec, status, data …"""
        metadata: dict[str, Any] = {
            "name": name,
            "namespace": "acme" if resource.namespaced else "",
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "generation": body.pop("generation", 1),
            "labels": {handoff.LABEL_TENANT: "acme"} if labels is None else labels,
        }
        if body.pop("deleting", False):
            metadata["deletionTimestamp"] = "2026-03-01T12:00:00Z"
        self.objects[resource, name] = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": metadata,
            **body,
        }

    def take(self, resource: Resource, name: str) -> None:
        """The object is gone."""
        del self.objects[resource, name]

    # what tests need again and again

    def cluster(self, system_id: str | None = "1001", *, healthy: bool = True, **more: Any) -> None:
        status: dict[str, Any] = {"phase": "Cluster in healthy state" if healthy else "Setting up primary"}
        if system_id is not None:
            status["systemID"] = system_id
        if healthy:
            status |= {"readyInstances": 1, "conditions": [{"type": "Ready", "status": "True"}]}
        self.put(CLUSTERS, "acme-db", spec={"instances": 1}, status=status, **more)

    def database(self, system_id: str = "1001", *, password: str = "pw") -> None:
        """A database with all that belongs to it."""
        self.cluster(system_id)
        applied = {"applied": True, "observedGeneration": 1}
        self.put(DATABASES, "acme-db-rem", status=applied)
        self.put(DATABASE_ROLES, "acme-db-role-app", status=applied)
        self.put(DATABASE_ROLES, "acme-db-role-sql", status=applied)
        self.secret("acme-db-app", password=password)
        self.secret("acme-db-role-app", password="app")
        self.secret("acme-db-role-sql", password="sql")
        self.secret("acme-api-key", key="key")

    def secret(self, name: str, *, labels: dict[str, str] | None = None, **data: str) -> None:
        self.put(SECRETS, name, labels=labels, type="Opaque", data=data)

    def synced(self, *names: str) -> None:
        """External Secrets has fetched these."""
        self.put(SECRET_STORES, "vault", labels={})
        ready = [{"type": "Ready", "status": "True"}]
        self.put(EXTERNAL_SECRETS, "acme-secrets", status={"conditions": ready})
        self.secret("acme-secrets", **dict.fromkeys(names, "value"))

    def job(self, state: str = "", *, name: str | None = None, image: str = V1, at: str = "1", **status: Any) -> str:
        """A schema Job, by default the wanted one; `state` is Complete, Failed or empty for one that runs."""
        name = name or self.jobs().wanted
        status = {"conditions": [{"type": state, "status": "True", "message": "because"}]} if state else status
        if state == "Complete":
            status["completionTime"] = f"2026-03-01T00:00:0{at}Z"
        labels = {handoff.LABEL_TENANT: "acme", handoff.LABEL_COMPONENT: "schema"}
        self.put(JOBS, name, labels=labels, spec=_template(image), status=status)
        return name

    def deployment(
        self, name: str = "acme-api", *, image: str = V1, rollout_hash: str = "live", generation: int = 1, **status: Any
    ) -> None:
        replicas = status.pop("wanted", 1)
        said = {
            "observedGeneration": 1,
            "replicas": 1,
            "updatedReplicas": 1,
            "readyReplicas": 1,
            "availableReplicas": 1,
            "conditions": [
                {"type": "Available", "status": "True"},
                {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
            ],
        } | status
        spec = {"replicas": replicas, **_template(image)}
        spec["template"]["metadata"] = {"annotations": {handoff.ANNOTATION_ROLLOUT_HASH: rollout_hash}}
        self.put(DEPLOYMENTS, name, generation=generation, spec=spec, status=said)

    # what is made of it

    def tenant(self) -> Seen:
        metadata = {
            "name": "acme",
            "namespace": "acme",
            "uid": "uid-tenant",
            "resourceVersion": "9",
            "generation": self.generation,
            "annotations": self.annotations,
        }
        body = {"spec": self.spec} | ({"status": self.status} if self.status else {})
        return seen(REM_TENANTS, {"metadata": metadata, **body})

    def facts(self) -> TenantFacts:
        index = Index()
        for resource in WATCHED:
            index.set_served(resource, served=resource not in self.unserved)
        for (resource, _), body in self.objects.items():
            index.fold(resource, body)
        return gather_tenant(index, self.tenant(), now=self.now)

    def inputs(self) -> TenantInputs:
        return TenantInputs(
            name="acme",
            namespace="acme",
            uid="uid-tenant",
            spec=self.facts().effective,
            settings=SETTINGS,
            credentials=Credentials(app_password="a", sql_password="b", api_key="c"),
        )

    def jobs(self) -> Any:
        return wanted_schema_jobs(self.facts(), self.inputs())


def _template(image: str) -> dict[str, Any]:
    return {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}


@pytest.fixture
def world() -> World:
    """A tenant that was just applied: nothing of it is there yet."""
    return World()


@pytest.fixture
def up(world: World) -> World:
    """A tenant whose database, schema and API are there."""
    world.database()
    world.status = {"database": {"systemID": "1001"}, "schema": {"image": V1}}
    world.job("Complete")
    world.deployment()
    return world


@pytest.fixture
def secrets_spec() -> Callable[..., dict[str, Any]]:
    """`spec.secrets` with these items."""

    def of(*names: str) -> dict[str, Any]:
        return {"storeRef": {"name": "vault"}, "items": [{"name": name, "key": "k"} for name in names]}

    return of
