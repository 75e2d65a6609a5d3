"""manifests/operator on a real API server: it installs, the operator's rights are enough, and they end there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rem_local.cluster import KubectlError, LocalCluster
from rem_local.kube import SECRETS, Kube, KubeError
from rem_local.kube import Resource as LocalResource
from rem_operator.children import Child
from rem_operator.kube.resources import CHILDREN, KINDS_OF_OURS, REFERENCED, resource_of

pytestmark = pytest.mark.cluster
INSTALL = Path(__file__).parents[3] / "manifests" / "operator"
OPERATOR = "system:serviceaccount:rem-system:rem-operator"
_AGGREGATION_SECONDS = 30.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def installed(cluster: LocalCluster) -> AsyncIterator[LocalCluster]:
    """The cluster with manifests/operator applied as the README says."""
    await cluster.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--validate=strict", "--warnings-as-errors", "-k", INSTALL)
    )
    yield cluster


@pytest_asyncio.fixture(loop_scope="session")
async def as_operator(installed: LocalCluster) -> AsyncIterator[Kube]:
    """A client with the token of the operator's ServiceAccount."""
    token = await installed.kube.request_token("rem-system", "rem-operator")
    async with Kube(installed.server, token, installed.ca_file) as kube:
        yield kube


async def can(cluster: LocalCluster, verb: str, resource: str, *flags: str) -> bool:
    """`kubectl auth can-i`, which fails when the answer is no. It takes what follows a slash for a name."""
    resource, _, subresource = resource.partition("/")
    try:
        answer = await cluster.kubectl("auth", "can-i", verb, resource, f"--subresource={subresource}", *flags)
        return answer.startswith("yes")
    except KubectlError as error:
        if "no" not in str(error):
            raise
        return False


async def test_installing_twice_changes_nothing(installed: LocalCluster) -> None:
    arguments = ("apply", "--server-side", "--force-conflicts", "-k", INSTALL, "-o", "name")
    first = await installed.kubectl(*arguments)
    assert first == await installed.kubectl(*arguments)
    for kind in ("deployment.apps", "serviceaccount", "service", "namespace"):
        assert f"{kind}/rem-" in first
    assert first.count("customresourcedefinition") == len(KINDS_OF_OURS)


@pytest.mark.parametrize("case", ["smallest", "fullest", "longest"])
async def test_the_operator_may_make_and_delete_every_child(
    as_operator: Kube, restricted_namespace: str, tenants: Any, case: str
) -> None:
    t = replace(tenants.inputs(case), namespace=restricted_namespace)
    children: list[Child] = tenants.children(t)
    for child in children:
        manifest, resource = child.manifest, _local(child)
        name = manifest["metadata"]["name"]
        if child.generated:
            await as_operator.create(resource, restricted_namespace, manifest)
        else:
            await as_operator.apply(resource, restricted_namespace, name, manifest, manager="rem-operator")
    for child in children:
        await as_operator.delete(_local(child), restricted_namespace, child.manifest["metadata"]["name"])


def _local(child: Child) -> LocalResource:
    one = resource_of(child.manifest)
    return LocalResource(one.group, one.version, one.plural, one.kind, one.namespaced)


async def test_the_operator_may_watch_what_it_watches(installed: LocalCluster) -> None:
    for resource in (*KINDS_OF_OURS, *CHILDREN, *REFERENCED):
        for verb in ("list", "watch"):
            assert await can(installed, verb, str(resource), "--all-namespaces", f"--as={OPERATOR}"), resource


@pytest.mark.parametrize(
    ("verb", "resource", "flags"),
    [
        ("get", "secrets", ("-n", "default")),
        ("update", "secrets", ("-n", "default")),
        ("create", "pods", ("-n", "default")),
        ("create", "pods/exec", ("-n", "default")),
        ("get", "pods/log", ("-n", "default")),
        ("list", "nodes", ()),
        ("create", "namespaces", ()),
        ("delete", "namespaces", ()),
        ("patch", "remtenants.rem.dev", ("-n", "default")),
        ("delete", "remtenants.rem.dev", ("-n", "default")),
        ("patch", "leases.coordination.k8s.io", ("-n", "kube-node-lease")),
        ("create", "clusterroles.rbac.authorization.k8s.io", ()),
        ("escalate", "roles.rbac.authorization.k8s.io", ("-n", "default")),
        ("bind", "roles.rbac.authorization.k8s.io", ("-n", "default")),
        ("impersonate", "users", ()),
        ("impersonate", "serviceaccounts", ("-n", "default")),
        ("create", "serviceaccounts/token", ("-n", "default")),
        ("patch", "customresourcedefinitions.apiextensions.k8s.io", ()),
        ("*", "*", ("-n", "default")),
    ],
)
async def test_the_operators_rights_end(
    installed: LocalCluster, verb: str, resource: str, flags: tuple[str, ...]
) -> None:
    assert not await can(installed, verb, resource, *flags, f"--as={OPERATOR}")


async def test_the_operator_cannot_grant_more_than_it_has(
    as_operator: Kube, restricted_namespace: str, tenants: Any
) -> None:
    t = replace(tenants.inputs("smallest"), namespace=restricted_namespace)
    (role,) = [child for child in tenants.children(t) if child.manifest["kind"] == "Role"]
    role.manifest["rules"][0]["resources"] = ["secrets"]
    with pytest.raises(KubeError, match="attempting to grant"):
        await as_operator.apply(
            _local(role), restricted_namespace, role.manifest["metadata"]["name"], role.manifest, manager="rem-operator"
        )
    with pytest.raises(KubeError, match="Forbidden"):
        await as_operator.get(SECRETS, restricted_namespace, "anything")


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("view", {("list", "remtenants"), ("get", "remagents")}, {("create", "remagents"), ("patch", "remtenants")}),
        (
            "edit",
            {("list", "remtenants"), ("create", "remagents"), ("delete", "dreamcycles")},
            {("create", "remtenants"), ("delete", "remtenants")},
        ),
        (
            "admin",
            {("create", "remtenants"), ("delete", "remtenants"), ("create", "remagents")},
            {("patch", "remtenants/status")},
        ),
    ],
)
async def test_kubernetes_own_roles_include_ours(
    installed: LocalCluster, namespace: str, role: str, may: set[tuple[str, str]], may_not: set[tuple[str, str]]
) -> None:
    await installed.kubectl(
        "create", "rolebinding", "person", f"--clusterrole={role}", "--user=person", "-n", namespace
    )
    as_person = ("-n", namespace, "--as=person")
    async with asyncio.timeout(_AGGREGATION_SECONDS):
        # A controller copies the rules into view, edit and admin.
        while not all(  # noqa: ASYNC110 - what is awaited happens in the API server's authorizer, where nothing tells
            [await can(installed, verb, f"{kind}.rem.dev", *as_person) for verb, kind in may]
        ):
            await asyncio.sleep(0.2)
    for verb, full in may_not:
        kind, _, subresource = full.partition("/")
        assert not await can(installed, verb, f"{kind}.rem.dev/{subresource}", *as_person)
