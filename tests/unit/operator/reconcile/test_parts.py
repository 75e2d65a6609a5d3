"""The five parts that Ready is made of, and what is only told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rem_operator.kube.resources import (
    CLUSTERS,
    DATABASE_ROLES,
    EXTERNAL_SECRETS,
    SCALED_OBJECTS,
    TRIGGER_AUTHENTICATIONS,
)
from rem_operator.reconcile.parts import Part, informational, missing_kinds, parts_of

FILES = {"queue": {"url": "https://sqs.eu-central-1.amazonaws.com/111122223333/acme-files"}}
ALL = ["SecretsReady", "DatabaseReady", "SchemaReady", "ApiAvailable", "WorkerConfigured"]


def parts(world: Any) -> dict[str, Part]:
    return {part.condition: part for part in parts_of(world.facts(), world.jobs(), failure=None)}


def reasons(world: Any) -> list[tuple[str, str]]:
    return [(c.status, c.reason) for c in (part.as_condition() for part in parts(world).values())]


def test_a_tenant_that_was_just_applied(world: Any) -> None:
    assert list(parts(world)) == ALL
    assert reasons(world) == [
        ("True", "NotConfigured"),
        ("False", "WaitingForDatabase"),
        ("False", "WaitingForSchema"),
        ("False", "WaitingForApi"),
        ("True", "NotConfigured"),
    ]


def test_a_tenant_that_is_up(up: Any, secrets_spec: Callable[..., Any]) -> None:
    up.spec |= {"secrets": secrets_spec("A_KEY"), "fileProcessor": FILES, "objectStorage": {"bucket": "acme-files"}}
    up.synced("A_KEY")
    up.deployment("acme-files", replicas=0, wanted=0)
    up.put(SCALED_OBJECTS, "acme-files")
    assert [reason for _, reason in reasons(up)] == ["Synced", "Healthy", "Applied", "Available", "Configured"]
    assert all(status == "True" for status, _ in reasons(up))


def test_a_lost_database_is_told_in_its_own_condition_too(up: Any) -> None:
    up.take(CLUSTERS, "acme-db")
    assert parts(up)["DatabaseReady"].as_condition().reason == "DatabaseMissing"


@pytest.mark.parametrize(
    ("unserved", "part", "says"),
    [
        (CLUSTERS, "DatabaseReady", "install CloudNativePG"),
        (DATABASE_ROLES, "DatabaseReady", "install CloudNativePG"),
        (EXTERNAL_SECRETS, "SecretsReady", "install External Secrets"),
        (SCALED_OBJECTS, "WorkerConfigured", "install KEDA"),
        (TRIGGER_AUTHENTICATIONS, "WorkerConfigured", "install KEDA"),
    ],
)
def test_a_missing_kind_is_told_where_it_is_needed(
    up: Any, secrets_spec: Callable[..., Any], unserved: Any, part: str, says: str
) -> None:
    up.spec |= {"secrets": secrets_spec("A_KEY"), "fileProcessor": FILES, "objectStorage": {"bucket": "acme-files"}}
    up.unserved = {unserved}
    condition = parts(up)[part].as_condition()
    assert condition.reason == "WaitingForCRD"
    assert str(unserved) in condition.message
    assert says in condition.message


def test_kinds_that_this_tenant_does_not_need_are_nobodys_problem(world: Any) -> None:
    world.unserved = {EXTERNAL_SECRETS, SCALED_OBJECTS, TRIGGER_AUTHENTICATIONS}
    assert missing_kinds(world.facts()) is None


def test_a_worker_waits_for_what_scales_it(up: Any) -> None:
    up.spec |= {"fileProcessor": FILES, "objectStorage": {"bucket": "acme-files"}}
    up.deployment("acme-files")
    assert "ScaledObject acme-files" in parts(up)["WorkerConfigured"].as_condition().message


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        (None, []),
        ([], [("Unknown", "WaitingForKEDA")]),
        ([{"type": "Ready", "status": "True"}], [("True", "ScaledObjectReady")]),
        ([{"type": "Ready", "status": "False", "reason": "NoQueue", "message": "gone"}], [("False", "NoQueue")]),
        ([{"type": "Ready", "status": "False"}], [("False", "NotReady")]),
    ],
)
def test_what_keda_says_is_told_and_counts_for_nothing(world: Any, conditions: Any, told: list[Any]) -> None:
    if conditions is not None:
        world.put(SCALED_OBJECTS, "acme-files", status={"conditions": conditions})
    assert [(c.status, c.reason) for c in informational(world.facts())] == told
