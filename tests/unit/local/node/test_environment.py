"""Environment, command line and rewritten paths, by Kubernetes' rules."""

from __future__ import annotations

import pytest

from rem_local.node.downward import PodFacts
from rem_local.node.environment import PathMap, command_line, expand, mount_paths, pod_environment
from rem_local.node.images import Image
from rem_local.node.podspec import Container, Pod
from rem_local.node.sources import SourceSet, UnresolvedReferenceError

SOURCES = SourceSet(
    config_maps={"conf": {"A": b"from-conf", "LOG__LEVEL": b"info", "not=a-name": b"x"}},
    secrets={"keys": {"A": b"from-secret", "token": b"t0"}},
)


def container(**fields: object) -> Container:
    return Container.model_validate({"name": "main", "image": "x", **fields})


def facts(each: Container) -> PodFacts:
    meta = {"name": "api-1", "namespace": "acme", "uid": "u1", "labels": {"app": "api"}, "annotations": {"n/a": "q"}}
    raw = {"metadata": meta, "spec": {"containers": [], "serviceAccountName": "acme-api"}}
    pod = Pod.model_validate(raw)
    pod = pod.model_copy(update={"spec": pod.spec.model_copy(update={"containers": (each,)})})
    allocatable = {"cpu": "8", "memory": "16Gi"}
    return PodFacts(pod, node_name="local", pod_ip="127.16.10.1", host_ip="127.16.0.1", allocatable=allocatable)


def environment(**fields: object) -> dict[str, str]:
    each = container(**fields)
    return pod_environment(each, facts(each), SOURCES, services={"KUBERNETES_SERVICE_HOST": "127.16.0.1"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "a"),
        ("x$(A)y$(B)", "xayb"),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$a"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(A", "$(A"),
        ("", ""),
        ("$()", "$()"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert expand(text, {"A": "a", "B": "b"}) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"fieldRef": {"fieldPath": "metadata.name"}}, "api-1"),
        ({"fieldRef": {"fieldPath": "metadata.namespace"}}, "acme"),
        ({"fieldRef": {"fieldPath": "metadata.uid"}}, "u1"),
        ({"fieldRef": {"fieldPath": "metadata.labels['app']"}}, "api"),
        ({"fieldRef": {"fieldPath": "metadata.labels['none']"}}, ""),
        ({"fieldRef": {"fieldPath": "metadata.annotations['n/a']"}}, "q"),
        ({"fieldRef": {"fieldPath": "metadata.labels"}}, 'app="api"'),
        ({"fieldRef": {"fieldPath": "spec.nodeName"}}, "local"),
        ({"fieldRef": {"fieldPath": "spec.serviceAccountName"}}, "acme-api"),
        ({"fieldRef": {"fieldPath": "status.podIP"}}, "127.16.10.1"),
        ({"fieldRef": {"fieldPath": "status.hostIP"}}, "127.16.0.1"),
        ({"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}, "512"),
        ({"resourceFieldRef": {"resource": "limits.memory", "divisor": "0"}}, str(512 * 1024**2)),
        ({"resourceFieldRef": {"resource": "limits.cpu"}}, "8"),
        ({"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1"}}, "1"),
        ({"resourceFieldRef": {"resource": "requests.memory"}}, "0"),
        ({"configMapKeyRef": {"name": "conf", "key": "A"}}, "from-conf"),
        ({"secretKeyRef": {"name": "keys", "key": "token"}}, "t0"),
    ],
)
def test_value_from(source: dict[str, object], expected: str) -> None:
    resources = {"limits": {"memory": "512Mi"}, "requests": {"cpu": "250m"}}
    seen = environment(env=[{"name": "X", "valueFrom": source}], resources=resources)
    assert seen["X"] == expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "no", "key": "k"}}}]}, 'secret "no" not found'),
        (
            {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}}]},
            "couldn't find key k in Secret acme/keys",
        ),
        ({"envFrom": [{"configMapRef": {"name": "no"}}]}, 'configmap "no" not found'),
        ({"env": [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}]}, "fieldPath spec.x"),
    ],
)
def test_what_is_missing_is_named(fields: dict[str, object], message: str) -> None:
    with pytest.raises(UnresolvedReferenceError, match=message):
        environment(**fields)


def test_what_is_optional_may_be_missing() -> None:
    missing = {"name": "no", "key": "k", "optional": True}
    env = [{"name": "X", "valueFrom": {"secretKeyRef": missing}}, {"name": "Y", "value": "$(X)"}]
    seen = environment(env=env, envFrom=[{"secretRef": {"name": "no", "optional": True}}])
    assert seen == {"KUBERNETES_SERVICE_HOST": "127.16.0.1", "Y": "$(X)"}


def test_later_sources_win_and_env_wins_over_env_from() -> None:
    both = [{"configMapRef": {"name": "conf"}}, {"secretRef": {"name": "keys"}}]
    seen = environment(envFrom=both)
    assert (seen["A"], seen["LOG__LEVEL"]) == ("from-secret", "info")
    assert not any("=" in name for name in seen)
    seen = environment(envFrom=both, env=[{"name": "A", "value": "said, was $(A)"}])
    assert seen["A"] == "said, was from-secret"
    assert environment(envFrom=[{"prefix": "P_", "secretRef": {"name": "keys"}}])["P_token"] == "t0"


PATHS = PathMap({"/etc/rem": "/h/conf", "/etc/rem/api-key/": "/h/key", "/tmp": "/h/tmp"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/etc/rem", "/h/conf"),
        ("/etc/rem/", "/h/conf/"),
        ("/etc/rem/a.json", "/h/conf/a.json"),
        ("/etc/rem/api-key/keys.json", "/h/key/keys.json"),
        ("/etc/rem/api-keys", "/h/conf/api-keys"),
        ("/etc/remote", "/etc/remote"),
        ("/etc/rem.d/x", "/etc/rem.d/x"),
        ("/etc/rem-2", "/etc/rem-2"),
        ("/usr/etc/rem", "/usr/etc/rem"),
        ("--file=/etc/rem/a", "--file=/h/conf/a"),
        ("/tmp:/etc/rem:/usr", "/h/tmp:/h/conf:/usr"),
        ('{"file": "/etc/rem/a"}', '{"file": "/h/conf/a"}'),
        ("cat /etc/rem/a > /tmp/b", "cat /h/conf/a > /h/tmp/b"),
        ("file:///etc/rem/a", "file:///h/conf/a"),
        ("sqlite:////tmp/a.db", "sqlite:////h/tmp/a.db"),
        ("https://host/etc/rem/a", "https://host/etc/rem/a"),
        ("s3://bucket/tmp", "s3://bucket/tmp"),
        ("nothing", "nothing"),
    ],
)
def test_paths_are_rewritten(text: str, expected: str) -> None:
    assert PATHS.rewrite(text) == expected


def test_a_rewritten_path_is_not_rewritten_again() -> None:
    assert PathMap({"/tmp": "/tmp/state/tmp", "/data": "/tmp/state/data"}).rewrite("/data:/tmp") == (
        "/tmp/state/data:/tmp/state/tmp"
    )


def test_no_mounts_change_nothing() -> None:
    assert PathMap({}).rewrite("/tmp/x") == "/tmp/x"


def test_mounts_with_sub_paths() -> None:
    mounts = [
        {"name": "v", "mountPath": "/a"},
        {"name": "v", "mountPath": "/b", "subPath": "b/c"},
        {"name": "w", "mountPath": "/c", "subPathExpr": "$(POD)"},
    ]
    paths = mount_paths(container(volumeMounts=mounts), volumes={"v": "/h/v", "w": "/h/w"}, variables={"POD": "p"})
    assert paths == {"/a": "/h/v", "/b": "/h/v/b/c", "/c": "/h/w/p"}
    out = container(volumeMounts=[{"name": "v", "mountPath": "/a", "subPath": "../x"}])
    with pytest.raises(UnresolvedReferenceError, match="leaves the volume"):
        mount_paths(out, volumes={"v": "/h/v"}, variables={})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("/bin/rem", "serve")),
        ({"args": ["api", "$(A)", "/tmp/x"]}, ("/bin/rem", "api", "a", "/h/tmp/x")),
        ({"command": ["sh", "-c"]}, ("sh", "-c")),
        ({"command": ["sh"], "args": ["-c", "cat /tmp/$(A)"]}, ("sh", "-c", "cat /h/tmp/a")),
    ],
)
def test_command_and_args(fields: dict[str, object], expected: tuple[str, ...]) -> None:
    image = Image(("/bin/rem",), {"HOME": "/tmp/image", "I": "1"}, cmd=("serve",))
    line = command_line(container(**fields), image, {"A": "a"}, paths=PATHS, base={"PATH": "/bin", "HOME": "/h"})
    assert line.argv == expected
    assert line.env == {"PATH": "/bin", "HOME": "/tmp/image", "I": "1", "A": "a"}, "the image speaks of this host"


def test_the_pod_wins_over_the_image() -> None:
    image = Image(("/bin/rem",), {"LEVEL": "info"})
    line = command_line(container(workingDir="/tmp/w"), image, {"LEVEL": "debug"}, paths=PATHS, base={})
    assert (line.env, line.working_dir) == ({"LEVEL": "debug"}, "/h/tmp/w")
