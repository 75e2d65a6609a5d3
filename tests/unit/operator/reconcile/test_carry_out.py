"""Stages: what they wait for, and what is made of refusals."""

from __future__ import annotations

from typing import Any

import pytest

from rem_operator.errors import Blocked, Waiting
from rem_operator.kube.apply import Action, Outcome
from rem_operator.kube.errors import Conflict, Forbidden, Invalid, KubeError, NotServed, Unreachable
from rem_operator.kube.resources import (
    CLUSTERS,
    CONFIG_MAPS,
    DATABASES,
    DEPLOYMENTS,
    NETWORK_POLICIES,
    SECRETS,
    SERVICES,
    Resource,
)
from rem_operator.reconcile.carry_out import refusals, stands_in_the_way, unfinished


def outcome(resource: Resource, action: Action = "failed", error: KubeError | None = None) -> Outcome:
    return Outcome(None, "acme-x", resource, action, error)


@pytest.mark.parametrize(
    ("resource", "action", "waits"),
    [
        (CLUSTERS, "conflict", True),
        (CLUSTERS, "failed", False),
        (CLUSTERS, "created", False),
        (CONFIG_MAPS, "failed", True),
        (CONFIG_MAPS, "conflict", True),
        (CONFIG_MAPS, "applied", False),
        (SECRETS, "conflict", True),
        (NETWORK_POLICIES, "failed", True),
        (DATABASES, "failed", False),
    ],
)
def test_what_stands_in_the_way(resource: Resource, action: Action, waits: bool) -> None:
    assert stands_in_the_way(outcome(resource, action)) is waits


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (Invalid("spec.size: too small"), Blocked, "Invalid"),
        (Forbidden("exceeded quota"), Waiting, "WaitingForPermission"),
    ],
)
def test_what_is_refused_is_named(world: Any, error: KubeError, kind: Any, reason: str) -> None:
    (found,) = refusals(world.facts(), [outcome(CLUSTERS, error=error)])
    assert isinstance(found, kind)
    assert found.reason == reason
    assert "Cluster acme-x" in found.message
    assert error.message in found.message


def test_what_passes_by_itself_is_no_refusal_and_yet_not_silent(world: Any) -> None:
    outcomes = [outcome(SERVICES, error=Unreachable("timeout")), outcome(DEPLOYMENTS, error=Conflict("uid"))]
    assert refusals(world.facts(), outcomes) == []
    assert "Service acme-x, Deployment acme-x" in unfinished(outcomes)
    assert unfinished([outcome(SERVICES, "applied")]) == ""


def test_a_missing_kind_is_awaited(world: Any) -> None:
    world.unserved = {CLUSTERS}
    (found,) = refusals(world.facts(), [outcome(CLUSTERS, error=NotServed("not served"))])
    assert found.reason == "WaitingForCRD"


def test_conflicts_are_told_together(world: Any) -> None:
    (found,) = refusals(world.facts(), [outcome(SERVICES, "conflict"), outcome(CONFIG_MAPS, "conflict")])
    assert found.reason == "NameConflict"
    assert "Service acme-x, ConfigMap acme-x" in found.message
