"""Whether a live object still is what we want: the table of what counts as a difference, and two properties."""

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rem_operator.kube.subset import first_difference, is_subset, quantity


def pod(**spec: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": spec}}}


def container(**fields: Any) -> dict[str, Any]:
    return pod(containers=[{"name": "api", **fields}])


SAME: dict[str, tuple[str, Any, Any]] = {
    "equal": ("ConfigMap", {"data": {"a": "1"}}, {"data": {"a": "1"}}),
    "the server adds a default": ("Deployment", {"spec": {"replicas": 2}}, {"spec": {"replicas": 2, "paused": False}}),
    "status is not ours": ("Deployment", {"spec": {}}, {"spec": {"a": 1}, "status": {"replicas": 1}}),
    "somebody adds a key": ("ConfigMap", {"data": {"a": "1"}}, {"data": {"a": "1", "theirs": "2"}}),
    "a sidecar is injected": (
        "Deployment",
        container(image="i"),
        pod(containers=[{"name": "istio-proxy", "image": "x"}, {"name": "api", "image": "i"}]),
    ),
    "a variable is added": (
        "Deployment",
        container(env=[{"name": "A", "value": "1"}]),
        container(env=[{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]),
    ),
    "memory in another unit": (
        "Deployment",
        container(resources={"limits": {"memory": "1Gi"}}),
        container(resources={"limits": {"memory": "1024Mi"}}),
    ),
    "processor in another unit": (
        "Deployment",
        container(resources={"requests": {"cpu": "0.5"}}),
        container(resources={"requests": {"cpu": "500m"}}),
    ),
    "processor as a number": (
        "Deployment",
        container(resources={"requests": {"cpu": 1}}),
        container(resources={"requests": {"cpu": "1"}}),
    ),
    "size of an emptyDir": (
        "Deployment",
        pod(volumes=[{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}]),
        pod(volumes=[{"name": "tmp", "emptyDir": {"sizeLimit": "1024Mi"}}]),
    ),
    "an empty map is dropped": (
        "NetworkPolicy",
        {"spec": {"ingress": [], "podSelector": {}}},
        {"spec": {"podSelector": {}}},
    ),
    "null means not set": ("Deployment", {"spec": {"replicas": None}}, {"spec": {}}),
    "protocol is a default of the key": (
        "Service",
        {"spec": {"ports": [{"port": 80, "name": "http"}]}},
        {"spec": {"ports": [{"port": 80, "name": "http", "protocol": "TCP", "targetPort": 80}]}},
    ),
    "protocol is a default inside a policy": (
        "NetworkPolicy",
        {"spec": {"egress": [{"ports": [{"port": 53}], "to": []}]}},
        {"spec": {"egress": [{"ports": [{"port": 53, "protocol": "TCP"}]}]}},
    ),
    "apiVersion is a default of fieldRef": (
        "Deployment",
        container(env=[{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]),
        container(env=[{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP", "apiVersion": "v1"}}}]),
    ),
    "defaults of a remoteRef": (
        "ExternalSecret",
        {"spec": {"data": [{"secretKey": "A", "remoteRef": {"key": "k"}}]}},
        {"spec": {"data": [{"secretKey": "A", "remoteRef": {"key": "k", "conversionStrategy": "Default"}}]}},
    ),
    "whole float and integer": ("X", {"spec": {"a": 1}}, {"spec": {"a": 1.0}}),
}

DIFFERENT: dict[str, tuple[str, Any, Any, str]] = {
    "changed": ("ConfigMap", {"data": {"a": "1"}}, {"data": {"a": "2"}}, "data.a"),
    "removed": ("ConfigMap", {"data": {"a": "1"}}, {"data": {}}, "data.a"),
    "data is no quantity": ("ConfigMap", {"data": {"a": "1000m"}}, {"data": {"a": "1"}}, "data.a"),
    "another type": ("X", {"spec": {"a": "80"}}, {"spec": {"a": 80}}, "spec.a"),
    "true is not 1": ("X", {"spec": {"a": True}}, {"spec": {"a": 1}}, "spec.a"),
    "false is not absent": ("X", {"spec": {"a": False}}, {"spec": {}}, "spec.a"),
    "zero is not absent": ("X", {"spec": {"replicas": 0}}, {"spec": {}}, "spec.replicas"),
    "empty text is not absent": ("X", {"spec": {"a": ""}}, {"spec": {}}, "spec.a"),
    "our container is gone": (
        "Deployment",
        container(image="i"),
        pod(containers=[{"name": "other", "image": "i"}]),
        "spec.template.spec.containers",
    ),
    "our variable is changed": (
        "Deployment",
        container(env=[{"name": "A", "value": "1"}]),
        container(env=[{"name": "A", "value": "2"}]),
        "spec.template.spec.containers.env.value",
    ),
    "less memory": (
        "Deployment",
        container(resources={"limits": {"memory": "1Gi"}}),
        container(resources={"limits": {"memory": "1G"}}),
        "spec.template.spec.containers.resources.limits.memory",
    ),
    "a selector is narrowed": (
        "NetworkPolicy",
        {"spec": {"podSelector": {"matchLabels": {"a": "b"}}}},
        {"spec": {"podSelector": {"matchLabels": {"a": "b", "c": "d"}}}},
        "spec.podSelector.matchLabels.c",
    ),
    "a Service is pointed elsewhere": (
        "Service",
        {"spec": {"selector": {"a": "b"}}},
        {"spec": {"selector": {"a": "b", "c": "d"}}},
        "spec.selector.c",
    ),
    "a policy admits one more": (
        "NetworkPolicy",
        {"spec": {"ingress": [{"from": [{"podSelector": {"matchLabels": {"a": "b"}}}]}]}},
        {
            "spec": {
                "ingress": [
                    {"from": [{"podSelector": {"matchLabels": {"a": "b"}}}, {"ipBlock": {"cidr": "0.0.0.0/0"}}]}
                ]
            }
        },
        "spec.ingress.from",
    ),
    "a peer is widened": (
        "NetworkPolicy",
        {"spec": {"ingress": [{"from": [{"podSelector": {"matchLabels": {"a": "b"}}}]}]}},
        {
            "spec": {
                "ingress": [
                    {
                        "from": [
                            {
                                "podSelector": {"matchLabels": {"a": "b"}},
                                "namespaceSelector": {"matchLabels": {"x": "y"}},
                            }
                        ]
                    }
                ]
            }
        },
        "spec.ingress.from.namespaceSelector",
    ),
    "a port is given a range": (
        "NetworkPolicy",
        {"spec": {"egress": [{"ports": [{"port": 53}]}]}},
        {"spec": {"egress": [{"ports": [{"port": 53, "protocol": "TCP", "endPort": 9999}]}]}},
        "spec.egress.ports.endPort",
    ),
    "a rule is added to a role": (
        "Role",
        {"rules": [{"verbs": ["get"], "resources": ["configmaps"], "apiGroups": [""]}]},
        {"rules": [{"verbs": ["get"], "resources": ["configmaps"], "apiGroups": [""]}, {"verbs": ["*"]}]},
        "rules",
    ),
    "a verb is added to a rule": (
        "Role",
        {"rules": [{"verbs": ["get"], "resources": ["configmaps"], "apiGroups": [""]}]},
        {"rules": [{"verbs": ["get", "list"], "resources": ["configmaps"], "apiGroups": [""]}]},
        "rules.verbs",
    ),
    "arguments are added": (
        "Deployment",
        container(args=["api"]),
        container(args=["api", "--debug"]),
        "spec.template.spec.containers.args",
    ),
    "arguments are reordered": (
        "Deployment",
        container(args=["schema", "apply"]),
        container(args=["apply", "schema"]),
        "spec.template.spec.containers.args",
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_these_are_the_same(case: str) -> None:
    kind, desired, live = SAME[case]
    assert first_difference(desired, live, kind=kind) is None


@pytest.mark.parametrize("case", DIFFERENT)
def test_these_differ_and_the_place_is_named(case: str) -> None:
    kind, desired, live, place = DIFFERENT[case]
    assert first_difference(desired, live, kind=kind) == place


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1Gi", 2**30),
        ("1024Mi", 2**30),
        ("500m", Decimal("0.5")),
        ("0.5", Decimal("0.5")),
        (2, 2),
        ("1e3", 1000),
        ("1E", 10**18),
        ("100k", 100_000),
        ("", None),
        ("Gi", None),
        ("1Xi", None),
        ("http", None),
        (True, None),
    ],
)
def test_quantities_are_numbers(text: Any, number: Any) -> None:
    assert quantity(text) == number


scalars = st.one_of(st.booleans(), st.integers(-5, 5), st.text("ab", max_size=3))
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.dictionaries(st.sampled_from("abcdef"), inner, max_size=4), st.lists(inner, max_size=3)),
    max_leaves=12,
)
roots = st.dictionaries(st.sampled_from("abcdef"), trees, max_size=4)


@given(roots)
def test_everything_is_a_subset_of_itself_and_nothing_is_changed(tree: dict[str, Any]) -> None:
    before = copy.deepcopy(tree)
    assert is_subset(tree, copy.deepcopy(tree))
    assert tree == before


@given(roots, st.text("xyz", min_size=1, max_size=3), scalars)
def test_what_others_add_at_the_root_is_theirs(tree: dict[str, Any], key: str, value: Any) -> None:
    assert is_subset(tree, {**tree, key: value})


@given(roots, scalars)
def test_a_replaced_value_is_always_noticed(tree: dict[str, Any], value: Any) -> None:
    for key, ours in tree.items():
        if not isinstance(ours, dict | list):
            assert not is_subset(tree, {**tree, key: {"replaced": value}})
            assert first_difference(tree, {k: v for k, v in tree.items() if k != key}) == key
