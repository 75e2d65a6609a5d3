"""The database is never silently replaced; a consent to an empty one covers the loss that it follows and no other."""

from __future__ import annotations

from typing import Any

import pytest

from rem_operator.errors import Blocked, Waiting
from rem_operator.kube.resources import CLUSTERS, DATABASE_ROLES, DATABASES, SECRETS
from rem_operator.reconcile.database import database_problem, handled_consent, lost_database

REINITIALIZE = "rem.dev/reinitialize-database"


@pytest.mark.parametrize(
    ("recorded", "live", "given", "handled", "reason"),
    [
        # recorded: the known system ID. live: the Cluster's, "" while it reports none, None without a Cluster.
        (None, None, None, None, None),
        (None, "1001", None, None, None),
        ("1001", "1001", None, None, None),
        ("1001", "", None, None, None),
        ("1001", None, None, None, "DatabaseMissing"),
        ("1001", "2002", None, None, "DatabaseReplaced"),
        ("1001", None, "acme", None, None),
        ("1001", "", "acme", None, None),
        ("1001", "2002", "acme", None, None),
        ("1001", None, "true", None, "DatabaseMissing"),
        ("1001", None, "other", None, "DatabaseMissing"),
        ("1001", None, "acme", "acme", "DatabaseMissing"),
        ("1001", "2002", "acme", "acme", "DatabaseReplaced"),
    ],
)
def test_what_counts_as_lost(
    world: Any, recorded: str | None, live: str | None, given: str | None, handled: str | None, reason: str | None
) -> None:
    world.status = {"database": {"systemID": recorded} if recorded else {}}
    if handled:
        world.status["handled"] = {"reinitialize-database": handled}
    if live is not None:
        world.cluster(live or None)
    world.annotations = {REINITIALIZE: given} if given else {}
    lost = lost_database(world.facts())
    assert (lost.reason if lost else None) == reason
    if lost is not None:
        assert isinstance(lost, Blocked)
        assert "1001" in lost.message
        assert REINITIALIZE in lost.message
        assert ("set it again" in lost.message) is (given == "acme")


def test_without_the_kind_nobody_can_tell(world: Any) -> None:
    world.status = {"database": {"systemID": "1001"}}
    world.unserved = {CLUSTERS}
    assert lost_database(world.facts()) is None


@pytest.mark.parametrize(
    ("live", "deleting", "given", "before", "after"),
    [
        (None, False, None, "acme", None),  # removed: forgotten, so that setting it again is a new consent
        (None, False, "acme", None, None),  # given for the present loss: not used yet
        ("", False, "acme", None, None),  # the new one is coming up
        ("2002", False, "acme", None, "acme"),  # the new one is up: used
        ("1001", False, "acme", None, "acme"),  # set without need: it must not lie in wait for the next loss
        ("1001", True, "acme", None, None),  # set for the loss that is under way
        (None, False, "acme", "acme", "acme"),
        ("1001", False, "true", None, None),
    ],
)
def test_what_becomes_of_a_consent(
    world: Any, live: str | None, deleting: bool, given: str | None, before: str | None, after: str | None
) -> None:
    world.status = {"database": {"systemID": "1001"}}
    if before:
        world.status["handled"] = {"reinitialize-database": before}
    if live is not None:
        world.cluster(live or None, deleting=deleting)
    world.annotations = {REINITIALIZE: given} if given else {}
    assert handled_consent(world.facts()) == after


def test_a_consent_that_stood_in_git_does_not_cover_a_later_loss(world: Any) -> None:
    """A tenant made anew has an empty status, and finds its database and the old annotation."""
    world.annotations = {REINITIALIZE: "acme"}
    world.database()
    handled = handled_consent(world.facts())
    world.status = {"database": {"systemID": "1001"}, "handled": {"reinitialize-database": handled}}
    world.take(CLUSTERS, "acme-db")
    lost = lost_database(world.facts())
    assert lost is not None
    assert lost.reason == "DatabaseMissing"


def test_a_database_with_all_that_belongs_to_it_has_no_problem(world: Any) -> None:
    world.database()
    assert database_problem(world.facts()) is None


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        (CLUSTERS, "acme-db"),
        (DATABASES, "acme-db-rem"),
        (DATABASE_ROLES, "acme-db-role-app"),
        (DATABASE_ROLES, "acme-db-role-sql"),
        (SECRETS, "acme-db-app"),
    ],
)
def test_what_is_not_there_is_awaited_by_name(world: Any, resource: Any, name: str) -> None:
    world.database()
    world.take(resource, name)
    problem = database_problem(world.facts())
    assert isinstance(problem, Waiting)
    assert f"{resource.kind} {name}" in problem.message


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ({}, "check that its operator runs"),
        ({"phase": "Setting up primary"}, "Setting up primary."),
        ({"phase": "Unable", "phaseReason": "no disk"}, "Unable (no disk)."),
        # Hibernated: Ready and in healthy state, and nobody is there.
        ({"phase": "Cluster in healthy state", "conditions": [{"type": "Ready", "status": "True"}]}, "healthy state"),
    ],
)
def test_a_cluster_that_is_not_up(world: Any, status: dict[str, Any], says: str) -> None:
    world.database()
    world.put(CLUSTERS, "acme-db", spec={"instances": 1}, status=status)
    problem = database_problem(world.facts())
    assert isinstance(problem, Waiting)
    assert says in problem.message


def test_a_cluster_that_is_being_deleted_is_not_there_any_more(world: Any) -> None:
    world.database()
    world.cluster(deleting=True)
    problem = database_problem(world.facts())
    assert isinstance(problem, Waiting)
    assert "is being deleted" in problem.message


def test_an_unknown_storage_class_is_the_reason_while_the_cluster_is_not_up(world: Any) -> None:
    world.spec["database"]["storage"]["storageClassName"] = "fast"
    world.database()
    assert database_problem(world.facts()) is None
    world.cluster(healthy=False)
    problem = database_problem(world.facts())
    assert problem is not None
    assert problem.reason == "WaitingForStorageClass"
    assert "fast" in problem.message


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ({}, "has not applied it yet"),
        ({"applied": False, "message": "no such role"}, "no such role"),
        ({"applied": True, "observedGeneration": 0}, "has not applied it yet"),
    ],
)
def test_what_is_not_applied_is_awaited(world: Any, status: dict[str, Any], says: str) -> None:
    world.database()
    world.put(DATABASES, "acme-db-rem", status=status)
    problem = database_problem(world.facts())
    assert isinstance(problem, Waiting)
    assert says in problem.message
