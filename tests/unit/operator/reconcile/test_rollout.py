"""Which image runs, when pods roll, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rem_operator.errors import Blocked, Waiting
from rem_operator.kube.resources import SECRETS
from rem_operator.reconcile.rollout import (
    api_problem,
    consumed_secrets,
    live_image,
    rolling,
    rollout_hash,
    schema_failed,
    schema_problem,
)


def hashed(world: Any, config: dict[str, str] | None = None) -> str:
    return rollout_hash(world.facts(), config=config or {}, deployment="acme-api")


@pytest.mark.parametrize(
    ("state", "status", "kind", "says"),
    [
        ("Complete", {}, None, ""),
        ("Failed", {}, Blocked, "failed: no such table. Correct the cause"),
        ("", {}, Waiting, "has no running pod yet"),
        ("", {"active": 1, "ready": 1}, Waiting, "is running"),
        ("", {"active": 1, "failed": 2}, Waiting, "2 of its pods failed"),
    ],
)
def test_what_is_said_of_a_schema_job(world: Any, state: str, status: dict[str, Any], kind: Any, says: str) -> None:
    world.database()
    world.job(state, **status)
    problem = schema_problem(world.jobs(), failure="no such table.")
    assert (type(problem) if problem else None) is kind
    assert problem is None or says in problem.message
    assert schema_failed(world.jobs()) is (state == "Failed")


def test_a_job_that_is_not_there_yet(world: Any) -> None:
    problem = schema_problem(world.jobs(), failure=None)
    assert isinstance(problem, Waiting)
    assert "as soon as the database is ready" in problem.message


def test_without_last_words_the_job_speaks(world: Any) -> None:
    world.database()
    world.job("Failed")
    problem = schema_problem(world.jobs(), failure=None)
    assert problem is not None
    assert "because" in problem.message
    assert "previous image" not in problem.message


def test_pods_go_on_serving_only_if_there_was_a_schema(up: Any) -> None:
    up.spec["images"] = {"runtime": up.v2}
    up.job("Failed", image=up.v2)
    problem = schema_problem(up.jobs(), failure=None)
    assert problem is not None
    assert "Pods of the previous image go on serving." in problem.message


def test_the_job_that_succeeded_last_says_whose_schema_is_there(world: Any) -> None:
    world.job("Complete", name="acme-schema-2", image=world.v2, at="5")
    world.job("Complete", name="acme-schema-1", image=world.v1, at="1")
    world.job("Failed", name="acme-schema-3", image="ghcr.io/rem-dev/rem-runtime:3.0.0")
    assert world.jobs().applied_image == world.v2


def test_an_image_out_of_a_deployment(up: Any) -> None:
    assert live_image(up.facts(), "acme-api") == up.v1
    assert live_image(up.facts(), "acme-files") is None


def test_pods_roll_with_their_configuration_and_their_secrets(up: Any) -> None:
    before = hashed(up)
    assert hashed(up) == before
    assert hashed(up, {"LOG__LEVEL": "DEBUG"}) != before
    up.secret("acme-api-key", key="another")
    assert hashed(up) != before


def test_a_missing_secret_rolls_nothing_until_there_is_a_new_one(up: Any) -> None:
    up.take(SECRETS, "acme-api-key")
    assert hashed(up) == "live"
    up.secret("acme-api-key", key="new")
    assert hashed(up) != "live"


def test_secrets_that_pods_do_not_read_roll_nothing(up: Any) -> None:
    before = hashed(up)
    up.secret("acme-somebody-elses", password="new")
    assert hashed(up) == before


def test_a_new_password_of_sql_mode_rolls_the_pods(up: Any) -> None:
    before = hashed(up)
    up.secret("acme-db-role-sql", password="new")
    assert hashed(up) != before


def test_which_secrets_are_consumed(world: Any, secrets_spec: Callable[..., Any]) -> None:
    assert consumed_secrets(world.facts()) == [
        "acme-api-key",
        "acme-db-app",
        "acme-db-role-app",
        "acme-db-role-sql",
    ]
    world.spec |= {"secrets": secrets_spec("A"), "identity": {"credentialsSecretRef": {"name": "cloud"}}}
    assert set(consumed_secrets(world.facts())) >= {"acme-secrets", "cloud"}


ROLLED = [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]
IN_PROGRESS = [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}]


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ({"conditions": ROLLED}, ""),
        ({"conditions": ROLLED, "generation": 2}, "about to roll out"),
        ({"conditions": IN_PROGRESS, "wanted": 2, "replicas": 3, "updatedReplicas": 1}, "1 of 2 pods are new"),
        ({"conditions": IN_PROGRESS, "replicas": 2, "updatedReplicas": 1}, "1 of 1 pods are new"),
        # The autoscaler has asked for more, or the new pods are not ready yet: no roll-out.
        ({"conditions": ROLLED, "wanted": 5}, ""),
        ({"conditions": ROLLED, "wanted": 5, "replicas": 5, "updatedReplicas": 5}, ""),
    ],
)
def test_what_is_a_roll_out(world: Any, status: dict[str, Any], says: str) -> None:
    world.deployment(**status)
    said = rolling(world.facts())
    assert says in said
    assert bool(said) is bool(says)


def test_the_api_is_there_while_a_pod_is_available(up: Any) -> None:
    assert api_problem(up.facts()) is None
    up.deployment(availableReplicas=0)
    problem = api_problem(up.facts())
    assert isinstance(problem, Waiting)
    assert "no available pod" in problem.message


def test_a_step_of_the_autoscaler_is_no_outage(up: Any) -> None:
    up.deployment(wanted=2, conditions=[{"type": "Available", "status": "False"}], availableReplicas=1)
    assert api_problem(up.facts()) is None


def test_nothing_rolls_out_that_is_not_there(world: Any) -> None:
    assert rolling(world.facts()) == ""
    assert isinstance(api_problem(world.facts()), Waiting)
