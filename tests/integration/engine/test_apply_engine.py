"""Server-side apply against the real API server: what it defaults, what it stores in other words, what others do."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from rem_operator.children import Child
from rem_operator.kube.apply import Outcome, Owner, apply_children
from rem_operator.kube.errors import Conflict, Invalid, NotFound, NotServed
from rem_operator.kube.resources import (
    CLUSTERS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    EXTERNAL_SECRETS,
    JOBS,
    NETWORK_POLICIES,
    REM_TENANTS,
    ROLES,
    SCALED_OBJECTS,
    SECRETS,
    SERVICES,
    Resource,
    resource_of,
)

pytestmark = pytest.mark.cluster
LABELS = {"rem.dev/tenant": "acme", "app.kubernetes.io/name": "rem-api"}


def child(resource: Resource, name: str, *, owned: bool = True, generated: bool = False, **body: Any) -> Child:
    metadata = {"name": name, "labels": dict(LABELS)}
    manifest = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **body}
    return Child(manifest, owned=owned, generated=generated)


def pod_template() -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": "api"}},
        "spec": {
            "restartPolicy": "Always",
            "containers": [
                {
                    "name": "api",
                    "image": "example.test/api:1",
                    "args": ["api"],
                    "ports": [{"name": "http", "containerPort": 8000}],
                    "env": [
                        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                        {"name": "PW", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                    ],
                    "envFrom": [{"configMapRef": {"name": "acme-config"}}],
                    "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}, "limits": {"memory": "1.5Gi"}},
                    "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
                    "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
                    "securityContext": {"capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True},
                }
            ],
            "volumes": [
                {"name": "tmp", "emptyDir": {"sizeLimit": "1024Mi"}},
                {"name": "keys", "secret": {"secretName": "acme-api-key"}},
                {
                    "name": "token",
                    "projected": {"sources": [{"serviceAccountToken": {"path": "token", "audience": "x"}}]},
                },
            ],
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "zone",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": {"app": "api"}},
                }
            ],
        },
    }


def everything() -> list[Child]:
    """One object of each kind in which the API server defaults or rewrites something."""
    job = pod_template()
    job["spec"]["restartPolicy"] = "Never"
    return [
        child(CONFIG_MAPS, "acme-config", data={"a": "1"}),
        child(DEPLOYMENTS, "acme-api", spec={"selector": {"matchLabels": {"app": "api"}}, "template": pod_template()}),
        child(JOBS, "acme-schema-1", spec={"backoffLimit": 3, "suspend": True, "template": job}),
        child(SERVICES, "acme-api", spec={"selector": {"app": "api"}, "ports": [{"port": 80, "targetPort": "http"}]}),
        child(
            NETWORK_POLICIES,
            "acme-api",
            spec={
                "podSelector": {"matchLabels": {"app": "api"}},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [],
                "egress": [{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 443}]}],
            },
        ),
        child(ROLES, "acme-api", rules=[{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]),
        child(
            EXTERNAL_SECRETS,
            "acme-secrets",
            spec={
                "refreshInterval": "1h",
                "secretStoreRef": {"kind": "ClusterSecretStore", "name": "aws"},
                "target": {"name": "acme-secrets", "template": {"metadata": {"labels": dict(LABELS)}}},
                "data": [{"secretKey": "A", "remoteRef": {"key": "ns/acme/a"}}],
            },
        ),
        child(
            SCALED_OBJECTS,
            "acme-files",
            spec={
                "scaleTargetRef": {"name": "acme-files"},
                "minReplicaCount": 0,
                "maxReplicaCount": 20,
                "triggers": [{"type": "aws-sqs-queue", "metadata": {"queueURL": "https://q", "queueLength": "10"}}],
            },
        ),
        child(CLUSTERS, "acme-db", owned=False, spec={"instances": 3, "storage": {"size": "20Gi"}}),
        secret(),
    ]


def secret(value: str = "first") -> Child:
    return child(SECRETS, "acme-api-key", owned=False, generated=True, type="Opaque", stringData={"api-key": value})


def actions(outcomes: Sequence[Outcome]) -> dict[str, str]:
    assert not [outcome.error for outcome in outcomes if outcome.error]
    return {f"{outcome.resource.kind}/{outcome.name}": outcome.action for outcome in outcomes}


async def apply(bench: Any, *children: Child, **how: Any) -> dict[str, str]:
    return actions(await apply_children(bench.client, bench.index, bench.owner, children, **how))


async def test_the_second_run_writes_nothing_and_neither_does_the_first_after_a_restart(bench: Any) -> None:
    assert set((await apply(bench, *everything())).values()) == {"created"}
    versions = await bench.versions()
    assert len(versions) == len(everything())

    calls: Counter[str] = Counter()
    bench.client._observe = lambda verb, status, seconds: calls.update([verb])
    assert set((await apply(bench, *everything())).values()) == {"unchanged"}
    assert not calls
    await bench.forget()
    calls.clear()
    assert set((await apply(bench, *everything())).values()) == {"unchanged"}
    assert not calls
    assert await bench.versions() == versions


HAND_EDITS: dict[str, tuple[Resource, str, tuple[str, str, Any]]] = {
    "a value of a ConfigMap": (CONFIG_MAPS, "acme-config", ("replace", "/data/a", "edited")),
    "the image": (DEPLOYMENTS, "acme-api", ("replace", "/spec/template/spec/containers/0/image", "evil:1")),
    "arguments": (DEPLOYMENTS, "acme-api", ("add", "/spec/template/spec/containers/0/args/-", "--debug")),
    "a quantity": (
        DEPLOYMENTS,
        "acme-api",
        ("replace", "/spec/template/spec/containers/0/resources/requests/memory", "512Mi"),
    ),
    "a probe": (DEPLOYMENTS, "acme-api", ("remove", "/spec/template/spec/containers/0/readinessProbe", None)),
    "the selector of a Service": (SERVICES, "acme-api", ("add", "/spec/selector/version", "1")),
    "the target port of a Service": (SERVICES, "acme-api", ("replace", "/spec/ports/0/targetPort", 9999)),
    "an allowed peer": (NETWORK_POLICIES, "acme-api", ("add", "/spec/ingress", [{}])),
    "an allowed port": (NETWORK_POLICIES, "acme-api", ("add", "/spec/egress/0/ports/-", {"port": 22})),
    "the pods of a policy": (NETWORK_POLICIES, "acme-api", ("add", "/spec/podSelector/matchLabels/x", "y")),
    "a verb of a role": (ROLES, "acme-api", ("add", "/rules/0/verbs/-", "delete")),
    "a rule of a role": (
        ROLES,
        "acme-api",
        ("add", "/rules/-", {"apiGroups": [""], "resources": ["*"], "verbs": ["*"]}),
    ),
    "the key of an ExternalSecret": (
        EXTERNAL_SECRETS,
        "acme-secrets",
        ("replace", "/spec/data/0/remoteRef/key", "another/tenant"),
    ),
    "a trigger": (SCALED_OBJECTS, "acme-files", ("replace", "/spec/triggers/0/metadata/queueLength", "1")),
    "the size of the database": (CLUSTERS, "acme-db", ("replace", "/spec/instances", 1)),
    "a label": (CONFIG_MAPS, "acme-config", ("replace", "/metadata/labels/app.kubernetes.io~1name", "x")),
    "our label": (CONFIG_MAPS, "acme-config", ("remove", "/metadata/labels/rem.dev~1tenant", None)),
    "our label on data": (CLUSTERS, "acme-db", ("remove", "/metadata/labels/rem.dev~1tenant", None)),
    "our hash": (CONFIG_MAPS, "acme-config", ("replace", "/metadata/annotations/rem.dev~1applied-hash", "x")),
    "the owner": (CONFIG_MAPS, "acme-config", ("remove", "/metadata/ownerReferences", None)),
    "a label of a generated Secret": (
        SECRETS,
        "acme-api-key",
        ("replace", "/metadata/labels/app.kubernetes.io~1name", "x"),
    ),
}


def without_bookkeeping(obj: dict[str, Any]) -> dict[str, Any]:
    metadata = {k: v for k, v in obj["metadata"].items() if k not in ("managedFields", "resourceVersion", "generation")}
    annotations = metadata.get("annotations", {})
    metadata["annotations"] = {k: v for k, v in annotations.items() if not k.startswith("deployment.kubernetes.io/")}
    return {**{k: v for k, v in obj.items() if k != "status"}, "metadata": metadata}


async def test_every_hand_edit_is_repaired_also_when_it_was_made_while_nobody_looked(bench: Any) -> None:
    await apply(bench, *everything())
    for what, (resource, name, edit) in HAND_EDITS.items():
        before = without_bookkeeping(await bench.read(resource, name))
        await bench.edit(resource, name, edit)
        assert without_bookkeeping(await bench.read(resource, name)) != before, what
        await bench.forget()
        done = await apply(bench, *everything())
        assert done[f"{resource.kind}/{name}"] in ("repaired", "applied"), what
        assert Counter(done.values())["unchanged"] == len(done) - 1, what
        after = without_bookkeeping(await bench.read(resource, name))
        assert after == before, what


async def test_what_others_add_beside_ours_stays(bench: Any) -> None:
    await apply(bench, *everything())
    await bench.edit(DEPLOYMENTS, "acme-api", ("add", "/spec/replicas", 5))
    await bench.edit(DEPLOYMENTS, "acme-api", ("add", "/metadata/annotations/theirs", "x"))
    await bench.edit(CONFIG_MAPS, "acme-config", ("add", "/data/theirs", "x"))
    await bench.forget()
    assert set((await apply(bench, *everything())).values()) == {"unchanged"}
    assert (await bench.read(DEPLOYMENTS, "acme-api"))["spec"]["replicas"] == 5


async def test_a_field_that_is_no_longer_set_goes(bench: Any) -> None:
    await apply(bench, child(CONFIG_MAPS, "acme-config", data={"a": "1", "b": "2"}))
    assert await apply(bench, child(CONFIG_MAPS, "acme-config", data={"a": "1"})) == {
        "ConfigMap/acme-config": "applied"
    }
    assert (await bench.read(CONFIG_MAPS, "acme-config"))["data"] == {"a": "1"}


async def test_a_child_that_is_no_longer_wanted_goes_and_data_stays(bench: Any) -> None:
    await apply(bench, *everything())
    await bench.see()
    done = await apply(bench, keep=[(ROLES, "acme-api")])
    await bench.see()
    assert set(await bench.versions()) == {
        "roles.rbac.authorization.k8s.io/acme-api",
        "clusters.postgresql.cnpg.io/acme-db",
        "secrets/acme-api-key",
    }
    assert set(done.values()) == {"pruned"}


async def test_foreign_objects_of_our_names_and_of_our_label_are_neither_changed_nor_pruned(bench: Any) -> None:
    for one in everything():
        foreign = {**one.manifest, "metadata": {"name": one.manifest["metadata"]["name"]}}
        await bench.create_foreign(resource_of(one.manifest), foreign)
    labelled = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "labels": LABELS}, "data": {}}
    await bench.create_foreign(CONFIG_MAPS, labelled)
    before = [
        without_bookkeeping(await bench.read(resource_of(one.manifest), one.manifest["metadata"]["name"]))
        for one in everything()
    ]
    await bench.see()
    assert set((await apply(bench, *everything())).values()) == {"conflict"}
    after = [
        without_bookkeeping(await bench.read(resource_of(one.manifest), one.manifest["metadata"]["name"]))
        for one in everything()
    ]
    assert after == before
    assert await bench.read(CONFIG_MAPS, "mine")


async def test_a_tenant_that_was_made_anew_adopts_its_data_as_it_is(bench: Any) -> None:
    data = [one for one in everything() if not one.owned]
    await apply(bench, *data)
    versions = await bench.versions()
    assert len(versions) == 2
    bench.owner = Owner("acme", bench.namespace, "11111111-2222-3333-4444-555555555555")
    await bench.forget()
    assert set((await apply(bench, *data)).values()) == {"unchanged"}
    assert await bench.versions() == versions


async def test_a_generated_secret_keeps_its_value_until_it_is_deleted(bench: Any) -> None:
    await apply(bench, secret("first"))
    made = await bench.read(SECRETS, "acme-api-key")
    await bench.forget()
    await apply(bench, secret("second"))
    assert (await bench.read(SECRETS, "acme-api-key"))["metadata"]["resourceVersion"] == made["metadata"][
        "resourceVersion"
    ]
    await bench.client.delete(SECRETS, bench.namespace, "acme-api-key", uid=made["metadata"]["uid"])
    await bench.see()
    assert await apply(bench, secret("third")) == {"Secret/acme-api-key": "created"}
    assert (await bench.read(SECRETS, "acme-api-key"))["data"] != made["data"]


async def test_a_secret_that_the_watch_has_not_brought_yet_is_no_conflict(bench: Any) -> None:
    await apply(bench, secret("first"))
    made = await bench.read(SECRETS, "acme-api-key")
    bench.index.remove(SECRETS, made)
    assert await apply(bench, secret("second")) == {"Secret/acme-api-key": "unchanged"}
    assert (await bench.read(SECRETS, "acme-api-key"))["data"] == made["data"]


async def test_metadata_of_a_deleted_secret_does_not_make_an_empty_one(bench: Any) -> None:
    """The watch lags, and the index still holds a Secret that is gone: the uid in what we send prevents a new one."""
    await apply(bench, secret("first"))
    made = await bench.read(SECRETS, "acme-api-key")
    await bench.client.delete(SECRETS, bench.namespace, "acme-api-key", uid=made["metadata"]["uid"])
    changed = secret("second")
    changed.manifest["metadata"]["labels"]["app.kubernetes.io/name"] = "changed"
    [outcome] = await apply_children(bench.client, bench.index, bench.owner, [changed])
    assert outcome.action == "failed"
    assert isinstance(outcome.error, Conflict)
    with pytest.raises(NotFound):
        await bench.read(SECRETS, "acme-api-key")


async def test_what_the_api_server_refuses_is_told_and_the_rest_is_applied(bench: Any) -> None:
    bad = child(DEPLOYMENTS, "acme-api", spec={"selector": {"matchLabels": {"app": "api"}}, "unknown": 1})
    outcomes = await apply_children(bench.client, bench.index, bench.owner, [bad, child(CONFIG_MAPS, "acme-config")])
    assert [outcome.action for outcome in outcomes] == ["failed", "created"]
    assert "unknown" in str(outcomes[0].error)
    empty = child(NETWORK_POLICIES, "p", spec={"podSelector": {}, "policyTypes": ["Sideways"]})
    outcome, *_ = await apply_children(bench.client, bench.index, bench.owner, [empty])
    assert isinstance(outcome.error, Invalid)
    assert "Sideways" in str(outcome.error)


async def test_the_client_tells_a_missing_kind_from_a_missing_object(bench: Any) -> None:
    with pytest.raises(NotFound):
        await bench.read(CONFIG_MAPS, "nothing")
    with pytest.raises(NotFound):
        await bench.read(CLUSTERS, "nothing")
    for resource in (
        Resource("nobody.example", "v1", "things", "Thing"),
        Resource("rem.dev", "v1alpha1", "things", "Thing"),
        Resource("apps", "v1", "things", "Thing"),
    ):
        with pytest.raises(NotServed):
            await bench.read(resource, "nothing")
    assert "remtenants" in await bench.client.served_kinds(REM_TENANTS)
