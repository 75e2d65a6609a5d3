"""Every pod template that is built: Pod Security restricted, and nothing of ours can be replaced by the tenant."""

from __future__ import annotations

from typing import Any

import pytest

from rem_crds import handoff
from rem_operator.manifests.labels import is_reserved, reserved_pod_metadata


def templates(tenants: Any, t: Any) -> list[tuple[str, dict[str, Any]]]:
    found = [child.manifest for child in tenants.children(t)]
    return [(one["metadata"]["name"], one["spec"]["template"]) for one in found if "template" in one.get("spec", {})]


def test_every_pod_meets_pod_security_restricted(tenants: Any, t: Any, restricted_violations: Any) -> None:
    found = templates(tenants, t)
    assert found
    for name, template in found:
        assert restricted_violations(template["spec"]) == [], name


def test_the_checker_sees_what_is_wrong(restricted_violations: Any) -> None:
    assert restricted_violations(
        {"containers": [{"name": "c"}], "hostNetwork": True, "volumes": [{"name": "v", "hostPath": {}}]}
    )


def test_only_the_api_has_a_token(tenants: Any, t: Any) -> None:
    mounting = [name for name, template in templates(tenants, t) if template["spec"]["automountServiceAccountToken"]]
    assert mounting == [f"{t.name}-api"]
    accounts = [child.manifest for child in tenants.children(t) if child.manifest["kind"] == "ServiceAccount"]
    assert {one["automountServiceAccountToken"] for one in accounts} == {False}


def test_replicas_are_written_only_to_suspend_the_api(tenants: Any, t: Any) -> None:
    for child in tenants.children(t):
        assert "replicas" not in child.manifest.get("spec", {})
    stopped = tenants.children(t, suspended=True)
    replicas = {
        c.manifest["metadata"]["name"]: c.manifest["spec"].get("replicas")
        for c in stopped
        if c.manifest["kind"] == "Deployment"
    }
    assert replicas.pop(f"{t.name}-api") == 0
    assert set(replicas.values()) <= {None}
    for child in stopped:
        if child.manifest["kind"] == "ScaledObject":
            assert child.manifest["metadata"]["annotations"] == {"autoscaling.keda.sh/paused-replicas": "0"}


def test_containers_set_arguments_and_leave_the_entrypoint(tenants: Any, t: Any) -> None:
    for name, template in templates(tenants, t):
        (container,) = template["spec"]["containers"]
        assert "command" not in container
        wanted = {"api": ["api"], "files": ["files"], "schema": ["schema", "apply"]}[container["name"]]
        assert container["args"] == wanted, name


HOSTILE = {
    "rem.dev/tenant": "other",
    "rem.dev/component": "database",
    "rem.dev/rollout-hash": "fixed",
    "cnpg.io/cluster": "acme-db",
    "cnpg.io/instanceRole": "primary",
    "app.kubernetes.io/name": "other",
    "container.apparmor.security.beta.kubernetes.io/api": "unconfined",
    "eks.amazonaws.com/skip-containers": "api",
    "pod-template-hash": "0",
}


def hostile_tenant(tenants: Any) -> Any:
    """What the CRD would partly refuse, straight into the builders."""
    pods = {"podLabels": HOSTILE | {"team": "acme"}, "podAnnotations": HOSTILE | {"example.com/owner": "me"}}
    env = [
        {"name": name, "value": "theirs"}
        for name in ("POSTGRES__HOST", "AUTH__MODE", "API", "PATH", "LD_PRELOAD", "PYTHONPATH", "TMPDIR", "FREE")
    ]
    return tenants.spec(
        api={**pods, "env": env},
        fileProcessor={**pods, "env": env, "queue": {"url": "https://sqs.eu-1.amazonaws.com/1/q"}},
        objectStorage={"bucket": "files"},
    )


@pytest.mark.parametrize("name", ["acme-api", "acme-files"])
def test_a_tenant_cannot_replace_labels_annotations_or_variables_of_ours(tenants: Any, name: str) -> None:
    t = hostile_tenant(tenants)
    component = name.removeprefix("acme-")
    template = dict(templates(tenants, t))[name]
    labels, annotations = template["metadata"]["labels"], template["metadata"]["annotations"]
    assert labels == {
        "team": "acme",
        "rem.dev/tenant": "acme",
        "rem.dev/component": component,
        "app.kubernetes.io/name": f"rem-{component}",
        "app.kubernetes.io/managed-by": "rem-operator",
        "app.kubernetes.io/part-of": "rem",
    }
    assert annotations == {"example.com/owner": "me", "rem.dev/rollout-hash": "0123456789abcdef"}
    (container,) = template["spec"]["containers"]
    names = [one["name"] for one in container["env"]]
    assert len(names) == len(set(names))
    assert [one["name"] for one in container["env"] if one.get("value") == "theirs"] == ["FREE"]


def test_what_is_left_out_is_named(tenants: Any) -> None:
    found = reserved_pod_metadata(hostile_tenant(tenants).spec)
    assert "spec.api.podLabels[cnpg.io/cluster]" in found
    assert len(found) == 4 * len(HOSTILE)
    assert reserved_pod_metadata(tenants.inputs("fullest").spec) == []


@pytest.mark.parametrize(
    ("key", "reserved"),
    [
        ("team", False),
        ("example.com/x", False),
        ("sidecar.istio.io/inject", False),
        ("karpenter.sh/do-not-disrupt", False),
        ("cluster-autoscaler.kubernetes.io/safe-to-evict", False),
        ("notrem.dev/x", False),
        ("rem.dev/x", True),
        ("x.rem.dev/x", True),
        ("cnpg.io/cluster", True),
        ("k8s.io/x", True),
        ("scaledobject.keda.sh/name", True),
        ("batch.kubernetes.io/job-name", True),
        ("controller-uid", True),
    ],
)
def test_is_reserved(key: str, reserved: bool) -> None:
    assert is_reserved(key) is reserved


def test_settings_win_over_secrets(tenants: Any) -> None:
    template = dict(templates(tenants, tenants.inputs("fullest")))["acme-api"]
    assert template["spec"]["containers"][0]["envFrom"] == [
        {"secretRef": {"name": "acme-secrets"}},
        {"configMapRef": {"name": "acme-config"}},
    ]


def test_the_schema_job_gets_no_secret_but_the_database(tenants: Any) -> None:
    t = tenants.inputs("fullest")
    (schema,) = [template for name, template in templates(tenants, t) if "-schema-" in name]
    (container,) = schema["spec"]["containers"]
    sources = {one["valueFrom"]["secretKeyRef"]["name"] for one in container["env"] if "valueFrom" in one}
    assert sources == {"acme-db-app"}
    assert container["envFrom"] == [{"configMapRef": {"name": "acme-config"}}]


def test_the_plain_key_is_not_mounted(tenants: Any, t: Any) -> None:
    template = dict(templates(tenants, t))[f"{t.name}-api"]
    (volume,) = [one for one in template["spec"]["volumes"] if one["name"] == "api-key"]
    assert volume["secret"]["items"] == [{"key": handoff.API_KEY_FILE, "path": handoff.API_KEY_FILE}]


def test_paths_in_variables_are_mounted(tenants: Any, t: Any) -> None:
    """A node without mount namespaces rewrites paths in variables by the mounts, so each has to be under one."""
    for name, template in templates(tenants, t):
        (container,) = template["spec"]["containers"]
        mounts = [one["mountPath"] for one in container["volumeMounts"]] + [handoff.TERMINATION_MESSAGE_PATH]
        paths = [one["value"] for one in container["env"] if one.get("value", "").startswith("/")]
        for path in paths:
            assert any(path == mount or path.startswith(f"{mount}/") for mount in mounts), (name, path)


def test_authentication_without_keys_mounts_none(tenants: Any) -> None:
    t = tenants.spec(api={"auth": {"mode": "Disabled"}})
    template = dict(templates(tenants, t))["acme-api"]
    (container,) = template["spec"]["containers"]
    assert [one["name"] for one in template["spec"]["volumes"]] == ["scratch"]
    assert "AUTH__KEYS_FILE" not in {one["name"] for one in container["env"]}
