"""A Ready tenant stays as it is, and what somebody changes of it is repaired."""

from __future__ import annotations

import copy
from typing import Any

import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="session")]

# What the API server or a controller makes of these when they are deleted or edited is not the operator's doing.
DATA = {"Cluster"}
# Made by CloudNativePG and External Secrets, and repaired by them.
NEIGHBOURS = {("Secret", "acme-db-app"), ("Secret", "acme-secrets"), ("ServiceAccount", "acme-db")}
EXPECTED = {
    ("Cluster", "acme-db"),
    ("Database", "acme-db-rem"),
    ("DatabaseRole", "acme-db-role-app"),
    ("DatabaseRole", "acme-db-role-sql"),
    ("Secret", "acme-db-role-app"),
    ("Secret", "acme-db-role-sql"),
    ("Secret", "acme-api-key"),
    ("ExternalSecret", "acme-secrets"),
    ("ServiceAccount", "acme-api"),
    ("ServiceAccount", "acme-worker"),
    ("Role", "acme-api"),
    ("RoleBinding", "acme-api"),
    ("ConfigMap", "acme-config"),
    ("Deployment", "acme-api"),
    ("Service", "acme-api"),
    ("HorizontalPodAutoscaler", "acme-api"),
    ("PodDisruptionBudget", "acme-api"),
    ("Deployment", "acme-files"),
    ("ScaledObject", "acme-files"),
    ("TriggerAuthentication", "acme-files"),
    ("NetworkPolicy", "acme-api"),
    ("NetworkPolicy", "acme-files"),
    ("NetworkPolicy", "acme-schema"),
    ("NetworkPolicy", "acme-db"),
}


async def test_every_child_is_there(running: Any) -> None:
    children = await running.children()
    assert set(children) >= EXPECTED
    jobs = [name for kind, name in children if kind == "Job"]
    assert len(jobs) == 1
    assert jobs[0].startswith("acme-schema-")


async def test_data_has_no_owner_and_everything_else_has(running: Any) -> None:
    children = await running.children()
    unowned = {key for key in EXPECTED if not children[key]["metadata"].get("ownerReferences")}
    assert unowned == {
        ("Cluster", "acme-db"),
        ("Database", "acme-db-rem"),
        ("DatabaseRole", "acme-db-role-app"),
        ("DatabaseRole", "acme-db-role-sql"),
        ("Secret", "acme-db-role-app"),
        ("Secret", "acme-db-role-sql"),
        ("Secret", "acme-api-key"),
    }


async def test_status_says_what_there_is(running: Any) -> None:
    status = (await running.until_ready())["status"]
    assert status["phase"] == "Ready"
    assert status["database"]["systemID"].isdigit()
    assert status["summary"]["api"] == "1/1"
    assert status["endpoints"]["api"] == f"http://acme-api.{running.namespace}.svc:8000/api/v1"
    assert status["effective"]["database"]["instances"] == 3
    types = [c["type"] for c in status["conditions"]]
    assert "Stalled" not in types
    assert "Reconciling" not in types
    assert all(c["observedGeneration"] == status["observedGeneration"] for c in status["conditions"])


async def test_a_second_reconcile_writes_nothing(running: Any, operator: Any) -> None:
    before = await running.settled()
    await operator.kill()
    await operator.start()
    # A fresh operator lists everything and reconciles every tenant; an event of a child enqueues it once more.
    await running.kube.merge(
        _resource(running, "ServiceAccount"), running.namespace, "acme-db", {"metadata": {"annotations": {"x/y": "z"}}}
    )
    after = await running.settled(quiet_seconds=4)
    changed = {key for key in before if after.get(key) != before[key]}
    assert changed <= {("ServiceAccount", "acme-db")}
    assert set(after) == set(before)


async def test_hand_edits_are_repaired(running: Any, wait_for: Any) -> None:
    before = await running.children()
    edited = [key for key in sorted(EXPECTED) if key[0] not in DATA]
    for key in edited:
        await running.kube.merge(_resource(running, key[0]), running.namespace, key[1], _edit(before[key]))
    await _until_as_before(running, wait_for, {key: before[key] for key in edited})


async def test_deleted_children_come_back(running: Any, wait_for: Any) -> None:
    before = await running.children()
    deleted = [key for key in sorted(EXPECTED) if key[0] not in DATA]
    for key in deleted:
        await running.kube.delete(_resource(running, key[0]), running.namespace, key[1])
    await _until_as_before(running, wait_for, {key: before[key] for key in deleted}, made_anew=True)
    await running.until_ready()
    await running.settled()


async def test_what_happens_while_the_operator_is_down_is_repaired(running: Any, operator: Any, wait_for: Any) -> None:
    before = await running.children()
    await operator.kill()
    half = sorted(key for key in EXPECTED if key[0] not in DATA)
    for number, key in enumerate(half):
        resource = _resource(running, key[0])
        if number % 2:
            await running.kube.delete(resource, running.namespace, key[1])
        else:
            await running.kube.merge(resource, running.namespace, key[1], _edit(before[key]))
    await operator.start()
    await _until_as_before(running, wait_for, {key: before[key] for key in half}, made_anew=True)
    await running.until_ready()
    await running.settled()


async def test_what_others_add_is_theirs(running: Any) -> None:
    added = {"metadata": {"annotations": {"example.com/note": "theirs"}, "labels": {"example.com/team": "blue"}}}
    await running.kube.merge(_resource(running, "Service"), running.namespace, "acme-api", added)
    await running.settled()
    service = (await running.children())["Service", "acme-api"]
    assert service["metadata"]["annotations"]["example.com/note"] == "theirs"
    assert service["metadata"]["labels"]["example.com/team"] == "blue"


async def test_children_carry_nothing_of_the_parents_metadata(running: Any) -> None:
    foreign = {"metadata": {"labels": {"argocd.argoproj.io/instance": "tenants"}, "annotations": {"team": "blue"}}}
    await running.kube.merge(_tenants(), running.namespace, "acme", foreign)
    await running.settled()
    for item in (await running.children()).values():
        assert "argocd.argoproj.io/instance" not in item["metadata"].get("labels", {})
        assert "team" not in item["metadata"].get("annotations", {})
        assert "app.kubernetes.io/instance" not in item["metadata"].get("labels", {})


def _edit(item: dict[str, Any]) -> dict[str, Any]:
    """A hand edit that every kind allows, and where it is easy one of the spec as well."""
    edit: dict[str, Any] = {"metadata": {"labels": {"app.kubernetes.io/managed-by": "somebody"}}}
    if item["kind"] == "Service":
        edit["spec"] = {"ports": [{"name": "http", "port": 81, "targetPort": 81}]}
    if item["kind"] == "ConfigMap":
        edit["data"] = {"AUTH__MODE": "Disabled"}
    if item["kind"] == "HorizontalPodAutoscaler":
        edit["spec"] = {"maxReplicas": 50}
    if item["kind"] == "NetworkPolicy":
        edit["spec"] = {"ingress": [{}], "egress": [{}]}
    if item["kind"] == "Role":
        edit["rules"] = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]
    return edit


async def _until_as_before(running: Any, wait_for: Any, before: dict[Any, Any], *, made_anew: bool = False) -> None:
    different: list[Any] = []

    async def as_before() -> bool:
        nonlocal different
        now = await running.children()
        different = [key for key, item in before.items() if key not in now or _essence(now[key]) != _essence(item)]
        return not different

    await wait_for(as_before, seconds=60, says=lambda: f"not as before: {different}")
    if made_anew:
        return
    now = await running.children()
    assert all(now[key]["metadata"]["uid"] == item["metadata"]["uid"] for key, item in before.items())


def _essence(item: dict[str, Any]) -> dict[str, Any]:
    """What the operator sets: neither times and versions, nor what controllers write, nor a Secret's random value."""
    essence = copy.deepcopy({key: value for key, value in item.items() if key not in {"status", "metadata", "data"}})
    if item["kind"] == "Service":
        essence["spec"] = {"ports": essence["spec"]["ports"], "selector": essence["spec"]["selector"]}
    if item["kind"] == "Deployment":
        template = essence["spec"]["template"]
        template["metadata"]["annotations"].pop("rem.dev/rollout-hash", None)
        essence["spec"].pop("replicas", None)
    if item["kind"] == "ConfigMap":
        essence["data"] = item["data"]
    metadata = item["metadata"]
    labels = {k: v for k, v in metadata["labels"].items() if not k.startswith("example.com/")}
    return essence | {"labels": labels, "owners": [o["uid"] for o in metadata.get("ownerReferences", [])]}


def _resource(running: Any, kind: str) -> Any:
    from rem_operator.kube import resources  # noqa: PLC0415 - beside its one use

    found = next(r for r in resources.CHILDREN if r.kind == kind)
    return _as_local(found)


def _tenants() -> Any:
    from rem_operator.kube import resources  # noqa: PLC0415 - beside its one use

    return _as_local(resources.REM_TENANTS)


def _as_local(resource: Any) -> Any:
    from rem_local.kube import Resource  # noqa: PLC0415 - beside its one use

    return Resource(resource.group, resource.version, resource.plural, resource.kind, resource.namespaced)
