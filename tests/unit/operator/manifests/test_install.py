"""The operator's install YAML, read: rights without wildcards, what the engine needs and no more; its pod."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from rem_operator.kube.resources import CHILDREN, KINDS_OF_OURS, REFERENCED, SECRETS, Resource

INSTALL = Path(__file__).parents[4] / "manifests" / "operator"
CRDS = Path(__file__).parents[4] / "crds"


def objects() -> list[dict[str, Any]]:
    kustomization = yaml.safe_load((INSTALL / "kustomization.yaml").read_text())
    files = [INSTALL / name for name in kustomization["resources"] if name.endswith(".yaml")]
    assert {path.name for path in files} == {path.name for path in INSTALL.glob("*.yaml")} - {"kustomization.yaml"}
    return [one for path in files for one in yaml.safe_load_all(path.read_text())]


def named(kind: str, name: str) -> dict[str, Any]:
    return next(one for one in objects() if one["kind"] == kind and one["metadata"]["name"] == name)


def verbs_of(role: dict[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found.setdefault(f"{resource}.{group}" if group else resource, set()).update(rule["verbs"])
    return found


def rules() -> list[tuple[str, dict[str, Any]]]:
    return [(one["metadata"]["name"], rule) for one in objects() if "rules" in one for rule in one["rules"]]


def test_no_rule_says_everything() -> None:
    forbidden = {"*", "escalate", "bind", "impersonate"}
    for name, rule in rules():
        assert not forbidden & {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}, name
        assert not {"pods/exec", "pods/attach", "serviceaccounts/token", "nodes"} & set(rule["resources"]), name


def test_the_operator_may_do_what_the_engine_does() -> None:
    tenant, cluster = (verbs_of(named("ClusterRole", name)) for name in ("rem-operator-tenant", "rem-operator"))
    for resource in CHILDREN:
        wanted = {"list", "watch", "create", "patch", "delete"} | (set() if resource == SECRETS else {"get"})
        assert tenant.pop(str(resource)) == wanted, resource
    for resource in (*KINDS_OF_OURS, *REFERENCED):
        assert cluster.pop(str(resource)) == {"get", "list", "watch"}, resource
    statuses = {f"{resource.plural}/status.{resource.group}" for resource in KINDS_OF_OURS}
    assert set(tenant) == statuses | {"remtenants/finalizers.rem.dev", "pods", "events"}
    assert set(cluster) == {"customresourcedefinitions.apiextensions.k8s.io", "namespaces"}


def test_what_the_api_is_granted_the_operator_has(tenants: Any, t: Any) -> None:
    tenant = verbs_of(named("ClusterRole", "rem-operator-tenant"))
    granted = verbs_of(tenants.manifest(t, "Role", f"{t.name}-api"))
    assert granted
    for resource, verbs in granted.items():
        assert verbs <= tenant[resource]


def test_the_operators_pod(restricted_violations: Any) -> None:
    deployment = named("Deployment", "rem-operator")["spec"]
    pod = deployment["template"]["spec"]
    assert restricted_violations(pod) == []
    (container,) = pod["containers"]
    assert container["image"] == f"ghcr.io/rem-dev/rem-operator:{version('rem')}"
    assert container["args"] == ["run"]
    assert (deployment["replicas"], deployment["strategy"]["type"]) == (1, "Recreate")
    names = {one["name"] for one in container["env"]}
    assert {"KUBE__TOKEN_FILE", "KUBE__CA_FILE", "HTTP__HOST"} <= names
    assert deployment["selector"]["matchLabels"].items() <= deployment["template"]["metadata"]["labels"].items()
    service = named("Service", "rem-operator")["spec"]
    assert service["selector"] == deployment["selector"]["matchLabels"]


def test_the_namespace_enforces_restricted() -> None:
    labels = named("Namespace", "rem-system")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize(
    ("name", "into"), [("rem-viewer", "view"), ("rem-author", "edit"), ("rem-tenant-admin", "admin")]
)
def test_roles_for_people_are_aggregated(name: str, into: str) -> None:
    assert named("ClusterRole", name)["metadata"]["labels"][f"rbac.authorization.k8s.io/aggregate-to-{into}"] == "true"


@pytest.mark.parametrize("resource", KINDS_OF_OURS, ids=str)
def test_the_crds_are_installed_too(resource: Resource) -> None:
    kustomization = yaml.safe_load((CRDS / "Kustomization").read_text())
    assert f"{resource}.yaml" in kustomization["resources"]
    shipped = {*CRDS.glob("*.yaml"), *CRDS.glob("policies/*.yaml")}
    assert {CRDS / name for name in kustomization["resources"]} == shipped
