"""The real API server takes every manifest, against the neighbours' real CRDs, with strict field validation."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from rem_local.cluster import KubectlError, LocalCluster

pytestmark = pytest.mark.cluster
CASES = ("smallest", "fullest", "longest")


async def apply(cluster: LocalCluster, manifests: list[dict[str, Any]], *flags: str) -> list[dict[str, Any]]:
    """Server-side apply with strict field validation, in which a warning is a failure; gives what is stored."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    answer = await cluster.kubectl(
        *("apply", "--server-side", "--field-manager=rem-operator", "--validate=strict", "--warnings-as-errors"),
        *("-o", "json", *flags, "-f", "-"),
        stdin=text,
    )
    found = json.loads(answer)
    items: list[dict[str, Any]] = found["items"] if found["kind"] == "List" else [found]
    return items


def built(tenants: Any, case: str, namespace: str, *, suspended: bool = False) -> list[dict[str, Any]]:
    t = replace(tenants.inputs(case), namespace=namespace)
    return [child.manifest for child in tenants.children(t, suspended=suspended)]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("suspended", [False, True])
async def test_strict_validation(
    cluster: LocalCluster, restricted_namespace: str, tenants: Any, case: str, suspended: bool
) -> None:
    manifests = built(tenants, case, restricted_namespace, suspended=suspended)
    stored = await apply(cluster, manifests, "--dry-run=server")
    assert len(stored) == len(manifests)


async def test_strict_validation_sees_a_wrong_field(
    cluster: LocalCluster, restricted_namespace: str, tenants: Any
) -> None:
    manifests = built(tenants, "smallest", restricted_namespace)
    (wrong,) = [one for one in manifests if one["kind"] == "Cluster"]
    wrong["spec"]["bootstrap"]["initdb"]["postInitApplicationSql"] = []
    with pytest.raises(KubectlError, match="postInitApplicationSql"):
        await apply(cluster, [wrong], "--dry-run=server")


@pytest.mark.parametrize("case", CASES)
async def test_pods_run_in_a_restricted_namespace(
    cluster: LocalCluster, restricted_namespace: str, tenants: Any, case: str
) -> None:
    """The templates as Pods: the admission plug-ins look at those, and at a template only to warn."""
    manifests = built(tenants, case, restricted_namespace)
    # A pod is refused while its ServiceAccount or PriorityClass is not there.
    await apply(cluster, [one for one in manifests if one["kind"] == "ServiceAccount"])
    await apply(
        cluster,
        [
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": "important"},
                "value": 1,
            }
        ],
    )
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": one["metadata"]["name"], "namespace": restricted_namespace, **template["metadata"]},
            "spec": template["spec"],
        }
        for one in manifests
        if (template := one.get("spec", {}).get("template"))
    ]
    stored = await apply(cluster, pods, "--dry-run=server")
    assert {pod["spec"]["containers"][0]["name"] for pod in stored} >= {"api", "schema"}


async def test_the_namespace_refuses_what_is_not_restricted(
    cluster: LocalCluster, restricted_namespace: str, tenants: Any
) -> None:
    manifests = built(tenants, "smallest", restricted_namespace)
    (deployment,) = [one for one in manifests if one["kind"] == "Deployment"]
    deployment["spec"]["template"]["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    with pytest.raises(KubectlError, match="allowPrivilegeEscalation"):
        await apply(cluster, [deployment], "--dry-run=server")


@pytest.mark.parametrize("case", CASES)
async def test_applying_twice_changes_nothing(
    cluster: LocalCluster, restricted_namespace: str, tenants: Any, case: str
) -> None:
    """What the API server makes of a manifest is a fixed point: no default of its fights a field of ours."""
    manifests = [one for one in built(tenants, case, restricted_namespace) if one["kind"] != "Secret"]
    first, second = await apply(cluster, manifests), await apply(cluster, manifests)
    assert [_state(one) for one in first] == [_state(one) for one in second]
    assert len(first) == len(manifests)


def _state(stored: dict[str, Any]) -> tuple[Any, ...]:
    metadata = stored["metadata"]
    # Controllers write the status of what has a generation; that changes the version and nothing else.
    version = metadata.get("generation") or metadata["resourceVersion"]
    if stored["kind"] == "NetworkPolicy":
        # An empty list of rules is stored as no list, and the API server takes the second apply of [] for a change of
        # the spec. The engine knows both for the same and does not send it again.
        version = {key: value for key, value in stored["spec"].items() if value}
    return stored["kind"], metadata["name"], metadata["uid"], version
