"""Values from the secret store, and Secrets that a user names: what is awaited, and how it is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rem_operator.errors import Problem, Waiting
from rem_operator.kube.resources import EXTERNAL_SECRETS, SECRET_STORES, SECRETS
from rem_operator.reconcile.plan import needed_secrets_problem


def problem(world: Any) -> Problem | None:
    return needed_secrets_problem(world.facts())


@pytest.fixture
def asking(world: Any, secrets_spec: Callable[..., Any]) -> Any:
    """A tenant that asks for two values and has them."""
    world.spec["secrets"] = secrets_spec("A_KEY", "B_KEY")
    world.synced("A_KEY", "B_KEY")
    return world


def test_nothing_is_wanted(world: Any, secrets_spec: Callable[..., Any]) -> None:
    assert problem(world) is None
    world.spec["secrets"] = secrets_spec()
    assert problem(world) is None


def test_everything_is_there(asking: Any) -> None:
    assert problem(asking) is None


def test_a_missing_store_is_named_with_the_field(asking: Any) -> None:
    asking.take(SECRET_STORES, "vault")
    found = problem(asking)
    assert isinstance(found, Waiting)
    assert found.reason == "WaitingForSecretStore"
    assert "SecretStore vault does not exist in namespace acme" in found.message
    assert "spec.secrets.storeRef" in found.message


def test_a_cluster_store_is_in_no_namespace(asking: Any) -> None:
    asking.spec["secrets"]["storeRef"] = {"kind": "ClusterSecretStore", "name": "aws"}
    found = problem(asking)
    assert found is not None
    assert "ClusterSecretStore aws does not exist: create it" in found.message


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        ([], "has not looked at ExternalSecret acme-secrets yet"),
        ([{"type": "Ready", "status": "False", "message": "no such key: openai"}], "no such key: openai"),
        ([{"type": "Ready", "status": "False"}], "not synced"),
    ],
)
def test_what_external_secrets_says(asking: Any, conditions: list[Any], says: str) -> None:
    asking.put(EXTERNAL_SECRETS, "acme-secrets", status={"conditions": conditions})
    found = problem(asking)
    assert isinstance(found, Waiting)
    assert says in found.message


def test_the_secret_itself_is_awaited(asking: Any) -> None:
    asking.take(SECRETS, "acme-secrets")
    found = problem(asking)
    assert found is not None
    assert "rem.dev/tenant=acme" in found.message


def test_ready_may_be_about_the_items_of_a_moment_ago(asking: Any) -> None:
    asking.secret("acme-secrets", A_KEY="value")
    found = problem(asking)
    assert isinstance(found, Waiting)
    assert "B_KEY" in found.message


@pytest.mark.parametrize(
    ("labels", "keys", "says"),
    [
        (None, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], None),
        (None, ["AWS_ACCESS_KEY_ID"], "lacks AWS_SECRET_ACCESS_KEY"),
        ({}, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], "does not carry the label rem.dev/tenant=acme"),
        ({"rem.dev/tenant": "other"}, ["AWS_ACCESS_KEY_ID"], "does not carry the label rem.dev/tenant=acme"),
    ],
)
def test_a_secret_that_the_user_names(world: Any, labels: Any, keys: list[str], says: str | None) -> None:
    world.spec["identity"] = {"credentialsSecretRef": {"name": "cloud"}}
    world.secret("cloud", labels=labels, **dict.fromkeys(keys, "x"))
    found = problem(world)
    if says is None:
        assert found is None
        return
    assert found is not None
    assert found.reason == "WaitingForSecret"
    assert says in found.message


def test_a_named_secret_that_is_not_there(world: Any) -> None:
    world.spec["identity"] = {"credentialsSecretRef": {"name": "cloud"}}
    found = problem(world)
    assert found is not None
    assert "Secret cloud is named by spec.identity.credentialsSecretRef and is not there" in found.message
