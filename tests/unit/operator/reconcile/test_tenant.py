"""The whole reconcile of a tenant against an API server in memory: what is written, in what order, and what is said."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from rem_crds.handoff import ANNOTATION_ROLLOUT_HASH, FIELD_MANAGER, LABEL_TENANT
from rem_operator.deps import Deps
from rem_operator.events import EventRecorder
from rem_operator.kube.client import KubeClient
from rem_operator.kube.errors import AlreadyExists, Forbidden, KubeError, NotFound, Unreachable
from rem_operator.kube.index import Index
from rem_operator.kube.resources import (
    CLUSTERS,
    CONFIG_MAPS,
    DATABASE_ROLES,
    DATABASES,
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    NETWORK_POLICIES,
    REM_TENANTS,
    SECRETS,
    WATCHED,
    Resource,
)
from rem_operator.manifests.inputs import ImageSettings
from rem_operator.metrics import Metrics
from rem_operator.queue import Key, Result
from rem_operator.reconcile.tenant import reconcile_tenant
from rem_operator.settings import Settings

KEY = Key("RemTenant", "acme", "acme")
# A tenant that comes up takes fewer writes than this, statuses included; the sweep below checks that.
WRITES_OF_A_COMING_UP = 60


class Killed(BaseException):
    """The operator's process is gone: nothing after it runs, and nobody handles it."""


REINITIALIZE = "rem.dev/reinitialize-database"


class Cluster:
    """An API server in memory with a watch that never lags: objects, and what was written in which order."""

    def __init__(self, image: str) -> None:
        self.objects: dict[tuple[Resource, str], dict[str, Any]] = {}
        self.written: list[tuple[str, str]] = []
        self.reads: list[tuple[str, str]] = []
        self.refuse: dict[Resource, KubeError] = {}
        self.index = Index()
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
        self.image = image
        self.writes_left: int | None = None
        self.last_write_arrives = True
        self._tokens = 0
        self._version = 10
        self.start_operator()

    def start_operator(self) -> None:
        """A new process: what it knows is what a first list brings."""
        self.index = Index()
        client = cast(KubeClient, self)
        for resource in WATCHED:
            self.index.set_served(resource, served=True)
        for (resource, _), body in self.objects.items():
            if LABEL_TENANT in body["metadata"].get("labels", {}) or resource == REM_TENANTS:
                self.index.fold(resource, body)
        self.deps = Deps(
            client=client,
            index=self.index,
            settings=Settings(images=ImageSettings(runtime=self.image)),
            metrics=Metrics(),
            events=EventRecorder(client, lambda: self.now),
            clock=lambda: self.now,
            token=self._token,
        )

    def _token(self) -> str:
        self._tokens += 1
        return f"random-{self._tokens}"

    def _spend_a_write(self) -> None:
        """Count down to the write at which the operator is killed; after it, nothing of that process gets through."""
        if self.writes_left is None:
            return
        self.writes_left -= 1
        if self.writes_left < 0 or (self.writes_left == 0 and not self.last_write_arrives):
            raise Killed

    def _die_if_spent(self) -> None:
        if self.writes_left == 0:
            raise Killed

    async def reconcile(self) -> Result:
        self.written, self.reads = [], []
        return await reconcile_tenant(self.deps, KEY)

    # what the operator's client does

    async def apply(self, resource: Resource, _ns: str | None, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if resource in self.refuse:
            raise self.refuse[resource]
        if resource == EVENTS:
            return dict(body)
        self._spend_a_write()
        old = self.objects.get((resource, name))
        new = copy.deepcopy(dict(body))
        if old is not None and "status" in old:
            new["status"] = old["status"]
        stored = self.store(resource, name, new, manager=FIELD_MANAGER, seen=self.writes_left != 0)
        self._die_if_spent()
        return stored

    async def create(self, resource: Resource, namespace: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
        name = body["metadata"]["name"]
        if (resource, name) in self.objects:
            raise AlreadyExists(name, status=409)
        given = {**body, "data": body.get("stringData") or {}}
        given.pop("stringData", None)
        return await self.apply(resource, namespace, name, given)

    async def apply_status(self, resource: Resource, _ns: str, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._spend_a_write()
        self.written.append((f"{resource.kind}/status", name))
        new = {**self.objects[resource, name], "status": body["status"]}
        stored = self.store(resource, name, new, manager="", quiet=True)
        self._die_if_spent()
        return stored

    async def get(self, resource: Resource, _ns: str | None, name: str) -> dict[str, Any]:
        self.reads.append((resource.kind, name))
        if (resource, name) not in self.objects:
            raise NotFound(name, status=404)
        return self.objects[resource, name]

    async def list(self, resource: Resource, _ns: str | None = None, **_: Any) -> Any:
        return []

    async def delete(self, resource: Resource, _ns: str, name: str, *, uid: str) -> None:
        assert self.objects[resource, name]["metadata"]["uid"] == uid
        self.written.append((f"-{resource.kind}", name))
        self.lose(resource, name)

    # what others do

    def store(
        self,
        resource: Resource,
        name: str,
        body: dict[str, Any],
        *,
        manager: str = "somebody",
        quiet: bool = False,
        seen: bool = True,
    ) -> dict[str, Any]:
        """`seen`: the operator's watch brings it (it does not to a process that is being killed)."""
        old = self.objects.get((resource, name), {"metadata": {}})
        old_metadata = old["metadata"]
        self._version += 1
        managers = {entry["manager"] for entry in old_metadata.get("managedFields", ())} | ({manager} - {""})
        metadata = {
            **body.get("metadata", {}),
            "name": name,
            "namespace": "acme",
            "uid": old_metadata.get("uid") or f"uid-{name}-{self._version}",
            "generation": old_metadata.get("generation", 0) + (old.get("spec") != body.get("spec")),
            "managedFields": [{"manager": one} for one in sorted(managers)],
        }
        new = {"apiVersion": resource.api_version, "kind": resource.kind, **body, "metadata": metadata}
        if not quiet:
            self.written.append((resource.kind, name))
        metadata["resourceVersion"] = str(self._version)
        self.objects[resource, name] = new
        if not seen:
            return new
        if LABEL_TENANT in metadata.get("labels", {}) or resource == REM_TENANTS:
            self.index.fold(resource, new)
        elif self.index.get(resource, "acme", name) is not None:
            self.index.remove(resource, new)
        return new

    def change(self, resource: Resource, name: str, **body: Any) -> None:
        self.store(resource, name, {**self.objects[resource, name], **body}, manager="", quiet=True)

    def lose(self, resource: Resource, name: str) -> None:
        gone = self.objects.pop((resource, name))
        self._version += 1
        gone["metadata"]["resourceVersion"] = str(self._version)
        self.index.remove(resource, gone)

    def tenant(self, *, annotations: dict[str, str] | None = None, **spec: Any) -> None:
        body = {
            "metadata": {"annotations": annotations or {}},
            "spec": {"database": {"storage": {"size": "1Gi"}}} | spec,
        }
        if (REM_TENANTS, "acme") in self.objects:
            body["status"] = self.status
        self.store(REM_TENANTS, "acme", body, manager="platform", quiet=True)

    async def come_up(self) -> None:
        """Reconcile, and do what the neighbours do, until the tenant is Ready."""
        await self.reconcile()
        self.database_is_up("1001")
        await self.reconcile()
        ((_, job),) = [key for key in self.objects if key[0] == JOBS]
        self.change(JOBS, job, status={"conditions": [{"type": "Complete", "status": "True"}]})
        await self.reconcile()
        self.rolled()
        await self.reconcile()
        assert self.ready == ("True", "Ready")

    async def go_on_until_ready(self) -> None:
        """As `come_up`, from whatever state a killed operator has left behind."""
        for _ in range(10):
            await self.reconcile()
            if self.status and self.ready == ("True", "Ready") and not self.condition("Reconciling"):
                return
            if (CLUSTERS, "acme-db") in self.objects:
                self.database_is_up("1001")
            for resource, name in list(self.objects):
                if resource == JOBS:
                    self.change(JOBS, name, status={"conditions": [{"type": "Complete", "status": "True"}]})
            if (DEPLOYMENTS, "acme-api") in self.objects:
                self.rolled()
        raise AssertionError(self.status)

    def essence(self) -> dict[Any, Any]:
        """The end state: every object with what the operator sets of it, without random values and versions."""
        found = {}
        for (resource, name), body in self.objects.items():
            spec = copy.deepcopy(body.get("spec") or {})
            template = spec.get("template", {}).get("metadata", {})
            template.get("annotations", {}).pop(ANNOTATION_ROLLOUT_HASH, None)  # it stands for the random values
            found[resource.kind, name] = (spec, body["metadata"].get("labels"), sorted(body.get("data") or {}))
        return found

    def database_is_up(self, system_id: str) -> None:
        ready = [{"type": "Ready", "status": "True"}]
        self.change(
            CLUSTERS, "acme-db", status={"systemID": system_id, "readyInstances": 1, "conditions": ready, "phase": "ok"}
        )
        for resource, name in list(self.objects):
            if resource in (DATABASES, DATABASE_ROLES):
                self.change(resource, name, status={"applied": True})
        owner = {"metadata": {"labels": {LABEL_TENANT: "acme"}}, "data": {"password": system_id}}
        self.store(SECRETS, "acme-db-app", owner, manager="cnpg", quiet=True)

    def rolled(self) -> None:
        generation = self.objects[DEPLOYMENTS, "acme-api"]["metadata"]["generation"]
        conditions = [
            {"type": "Available", "status": "True"},
            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
        ]
        numbers = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 1)
        status = {"observedGeneration": generation, "conditions": conditions, **numbers}
        self.change(DEPLOYMENTS, "acme-api", status=status)

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.objects[REM_TENANTS, "acme"].get("status", {})
        return status

    def condition(self, kind: str) -> Any:
        return next((c for c in self.status["conditions"] if c["type"] == kind), None)

    @property
    def ready(self) -> tuple[str, str]:
        found = self.condition("Ready")
        return found["status"], found["reason"]

    @property
    def kinds(self) -> set[str]:
        return {kind for kind, _ in self.written}


@pytest.fixture
def cluster(world: Any) -> Cluster:
    found = Cluster(world.v1)
    found.tenant()
    return found


async def test_the_second_run_writes_and_reads_nothing(cluster: Cluster) -> None:
    await cluster.come_up()
    cluster.now += timedelta(hours=1)
    await cluster.reconcile()
    assert cluster.written == []
    assert cluster.reads == []


async def test_waiting_writes_nothing_either(cluster: Cluster) -> None:
    await cluster.reconcile()
    cluster.change(CLUSTERS, "acme-db", status={"phase": "x" * 10_000})
    await cluster.reconcile()
    cluster.now += timedelta(minutes=1)
    await cluster.reconcile()
    assert cluster.written == []


async def test_pods_start_after_what_they_read(cluster: Cluster) -> None:
    await cluster.come_up()
    cluster.tenant(objectStorage={"bucket": "acme-files"})
    await cluster.reconcile()
    written = [kind for kind, _ in cluster.written]
    assert written.index("ConfigMap") < written.index("Deployment")


@pytest.mark.parametrize("resource", [CONFIG_MAPS, NETWORK_POLICIES])
async def test_pods_do_not_roll_while_what_they_need_cannot_be_written(cluster: Cluster, resource: Resource) -> None:
    await cluster.come_up()
    cluster.refuse = {resource: Unreachable("timeout")}
    network = {"egressTo": [{"namespace": "web", "ports": [4317]}]}
    cluster.tenant(objectStorage={"bucket": "acme-files"}, network=network)
    with pytest.raises(Unreachable):
        await cluster.reconcile()
    assert "Deployment" not in cluster.kinds
    # Ready is about the present generation: what is not applied yet must not look finished.
    assert cluster.condition("Reconciling")["status"] == "True"
    cluster.refuse = {}
    await cluster.reconcile()
    assert {resource.kind, "Deployment"} <= cluster.kinds


async def test_somebody_elses_cluster_gets_nothing_from_us(cluster: Cluster) -> None:
    cluster.store(CLUSTERS, "acme-db", {"metadata": {"labels": {}}, "spec": {"instances": 1}})
    result = await cluster.reconcile()
    assert cluster.ready == ("False", "NameConflict")
    assert cluster.kinds == {"RemTenant/status"}
    assert result.requeue_after_seconds == 60.0


async def test_a_cluster_without_its_label_is_not_lost(cluster: Cluster) -> None:
    await cluster.come_up()
    bare = {**cluster.objects[CLUSTERS, "acme-db"]["metadata"], "labels": {}}
    cluster.change(CLUSTERS, "acme-db", metadata=bare)
    await cluster.reconcile()
    assert cluster.ready == ("True", "Ready")
    assert cluster.objects[CLUSTERS, "acme-db"]["metadata"]["labels"][LABEL_TENANT] == "acme"


async def test_a_lost_database_is_not_made_again(cluster: Cluster) -> None:
    await cluster.come_up()
    cluster.lose(CLUSTERS, "acme-db")
    await cluster.reconcile()
    assert cluster.ready == ("False", "DatabaseMissing")
    assert cluster.kinds == {"RemTenant/status"}
    await cluster.reconcile()
    assert cluster.written == []

    cluster.tenant(annotations={REINITIALIZE: "acme"})
    await cluster.reconcile()
    assert ("Cluster", "acme-db") in cluster.written
    cluster.database_is_up("2002")
    await cluster.reconcile()
    assert cluster.status["database"]["systemID"] == "2002"
    assert cluster.status["handled"]["reinitialize-database"] == "acme"


async def test_when_nobody_can_tell_the_database_is_not_called_lost(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cluster.come_up()
    cluster.lose(CLUSTERS, "acme-db")

    async def no_answer(*_: Any) -> dict[str, Any]:
        raise Unreachable("timeout")

    monkeypatch.setattr(cluster, "get", no_answer)
    with pytest.raises(Unreachable):
        await cluster.reconcile()
    assert cluster.ready == ("True", "Ready")


async def test_a_roll_out_that_hangs_is_told_and_not_polled(cluster: Cluster) -> None:
    await cluster.come_up()
    cluster.tenant(objectStorage={"bucket": "acme-files"})
    result = await cluster.reconcile()
    assert cluster.ready == ("True", "Ready")
    assert cluster.condition("Reconciling")["reason"] == "RollingOut"
    assert result.requeue_after_seconds is not None
    assert result.requeue_after_seconds > 590
    cluster.now += timedelta(minutes=11)
    result = await cluster.reconcile()
    assert cluster.condition("Stalled")["reason"] == "ProgressDeadlineExceeded"
    assert cluster.condition("Reconciling") is None
    assert cluster.status["phase"] == "Degraded"
    assert result.requeue_after_seconds is None
    await cluster.reconcile()
    assert cluster.written == []
    cluster.rolled()
    await cluster.reconcile()
    assert cluster.condition("Stalled") is None
    assert cluster.status["phase"] == "Ready"


async def test_a_changed_spec_is_a_new_attempt(cluster: Cluster) -> None:
    await cluster.reconcile()
    cluster.now += timedelta(minutes=11)
    await cluster.reconcile()
    assert cluster.ready == ("False", "ProgressDeadlineExceeded")
    cluster.tenant(objectStorage={"bucket": "acme-files"})
    await cluster.reconcile()
    assert cluster.ready == ("False", "WaitingForDatabase")
    assert cluster.condition("Stalled") is None


async def test_what_the_operator_may_not_do_is_awaited_and_tried_again(cluster: Cluster) -> None:
    cluster.refuse = {NETWORK_POLICIES: Forbidden("networkpolicies is forbidden")}
    result = await cluster.reconcile()
    assert cluster.ready == ("False", "WaitingForPermission")
    assert cluster.condition("Reconciling")["status"] == "True"
    assert result.requeue_after_seconds == 60.0


async def test_what_nothing_can_be_built_from_is_said(cluster: Cluster) -> None:
    files = {"queue": {"url": "http://queue.aws.svc:99999/q", "region": "eu-central-1"}}
    cluster.tenant(objectStorage={"bucket": "acme-files"}, fileProcessor=files)
    await cluster.reconcile()
    assert cluster.ready == ("False", "Invalid")
    assert cluster.kinds == {"RemTenant/status"}


async def test_a_spec_that_does_not_parse_is_said_and_what_is_known_stays(cluster: Cluster) -> None:
    await cluster.come_up()
    cluster.tenant(database={"storage": {"size": "much"}})
    await cluster.reconcile()
    assert cluster.ready == ("False", "Invalid")
    assert "spec.database.storage.size" in cluster.condition("Ready")["message"]
    assert cluster.status["database"]["systemID"] == "1001"
    await cluster.reconcile()
    assert cluster.written == []


async def test_what_leaves_the_spec_is_pruned_and_data_is_not(cluster: Cluster) -> None:
    files = {"queue": {"url": "https://sqs.eu-central-1.amazonaws.com/111122223333/q"}}
    cluster.tenant(objectStorage={"bucket": "acme-files"}, fileProcessor=files)
    await cluster.reconcile()
    cluster.database_is_up("1001")
    await cluster.reconcile()
    ((_, job),) = [key for key in cluster.objects if key[0] == JOBS]
    cluster.change(JOBS, job, status={"conditions": [{"type": "Complete", "status": "True"}]})
    await cluster.reconcile()
    assert (DEPLOYMENTS, "acme-files") in cluster.objects
    cluster.tenant(objectStorage={"bucket": "acme-files"})
    await cluster.reconcile()
    pruned = {one for one in cluster.written if one[0].startswith("-")}
    assert pruned == {
        ("-Deployment", "acme-files"),
        ("-ScaledObject", "acme-files"),
        ("-TriggerAuthentication", "acme-files"),
    }


@pytest.mark.parametrize("arrives", [True, False], ids=["after", "before"])
async def test_killed_at_any_write_and_started_again_the_end_is_the_same(cluster: Cluster, *, arrives: bool) -> None:
    """SIGKILL right before, or right after, the API server takes the n-th write, for every n of a coming up."""
    await cluster.go_on_until_ready()
    expected = cluster.essence()
    survived = 0
    for number in range(1, WRITES_OF_A_COMING_UP):
        killed = Cluster(cluster.image)
        killed.tenant()
        killed.writes_left, killed.last_write_arrives = number, arrives
        try:
            await killed.go_on_until_ready()
        except Killed:
            survived += 1
        killed.writes_left = None
        data = {key: body for key, body in killed.objects.items() if key[0] in (CLUSTERS, SECRETS)}
        killed.start_operator()
        await killed.go_on_until_ready()
        assert killed.essence() == expected, number
        for key, body in data.items():
            assert killed.objects[key]["metadata"]["uid"] == body["metadata"]["uid"], number
            assert killed.objects[key].get("data") == body.get("data"), number
        await killed.reconcile()
        assert killed.written == [], number
    assert 20 < survived < WRITES_OF_A_COMING_UP - 1
