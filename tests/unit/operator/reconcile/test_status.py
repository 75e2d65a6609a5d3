"""The status: equal input gives an equal status, the CRD takes whatever is in it, and nothing known is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pydantic
import pytest

from rem_crds.v1alpha1.tenant_status import RemTenantStatus
from rem_operator.conditions import Condition
from rem_operator.kube.resources import CLUSTERS, SECRETS
from rem_operator.reconcile.status import tenant_status

REQUESTED = "rem.dev/reconcile-requested-at"
FILES = {"queue": {"url": "https://sqs.eu-central-1.amazonaws.com/111122223333/acme-files"}}


def status_of(world: Any, *conditions: Condition) -> dict[str, Any]:
    told = conditions or (Condition("Ready", "True", "Ready", "All is well."),)
    return tenant_status(
        world.facts(),
        world.inputs(),
        conditions=told,
        phase="Ready",
        jobs=world.jobs(),
        image=world.inputs().spec.images.runtime or world.v1,
    )


def assert_known(model: type[pydantic.BaseModel], value: Mapping[str, Any]) -> None:
    """Every field is one of the model's: the models ignore what they do not know, the API server refuses it."""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    assert set(value) <= set(fields), f"{model.__name__} does not have {set(value) - set(fields)}"
    for name, inner in value.items():
        for kind in _models_in(fields[name].annotation):
            for one in inner if isinstance(inner, list) else [inner]:
                assert_known(kind, one)


def _models_in(annotation: Any) -> list[type[pydantic.BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return [annotation]
    return [found for part in getattr(annotation, "__args__", ()) for found in _models_in(part)]


@pytest.fixture
def full(up: Any, secrets_spec: Callable[..., Any]) -> Any:
    """Everything that a status can tell of."""
    up.spec |= {"secrets": secrets_spec("A_KEY"), "fileProcessor": FILES, "objectStorage": {"bucket": "acme-files"}}
    up.synced("A_KEY")
    up.deployment("acme-files", replicas=0, wanted=0)
    up.annotations = {REQUESTED: "2026-01-01T00:00:00Z", "rem.dev/reinitialize-database": "acme"}
    return up


@pytest.mark.parametrize("which", ["world", "up", "full"])
def test_the_contract_takes_it(which: str, request: pytest.FixtureRequest) -> None:
    status = status_of(request.getfixturevalue(which))
    RemTenantStatus.model_validate(status)
    assert_known(RemTenantStatus, status)


@pytest.mark.parametrize("which", ["world", "up", "full"])
def test_what_was_reported_is_reported_again(which: str, request: pytest.FixtureRequest) -> None:
    world = request.getfixturevalue(which)
    conditions = [Condition("Ready", "False", "A", "a"), Condition("Reconciling", "True", "A", "b" * 5000)]
    first = status_of(world, *conditions)
    world.status = first
    world.now += timedelta(minutes=5)
    assert status_of(world, *conditions) == first


def test_what_it_says_of_a_tenant_that_is_up(full: Any) -> None:
    status = status_of(full)
    assert status["observedGeneration"] == 1
    assert status["summary"] == {"database": "1/1", "api": "1/1", "files": "1/0"}
    assert status["database"]["systemID"] == "1001"
    assert status["schema"] == {"job": full.jobs().wanted, "image": full.v1}
    assert status["secrets"] == {"synced": 1}
    assert status["handled"] == {"reconcile-requested-at": "2026-01-01T00:00:00Z", "reinitialize-database": "acme"}
    assert status["effective"]["fileProcessor"]["region"] == "eu-central-1"


def test_a_lost_database_keeps_its_identity(up: Any) -> None:
    up.take(CLUSTERS, "acme-db")
    assert status_of(up)["database"]["systemID"] == "1001"
    up.cluster("2002")
    assert status_of(up)["database"]["systemID"] == "1001"


def test_a_new_database_and_its_consent_are_noted_together(up: Any) -> None:
    up.annotations = {"rem.dev/reinitialize-database": "acme"}
    up.cluster(None, healthy=False)
    before = status_of(up)
    assert before["database"]["systemID"] == "1001"
    assert "handled" not in before
    up.status = before
    up.cluster("2002")
    after = status_of(up)
    assert after["database"]["systemID"] == "2002"
    assert after["handled"] == {"reinitialize-database": "acme"}


def test_a_job_that_was_never_made_is_not_named(up: Any) -> None:
    job = up.jobs().wanted
    up.status = status_of(up)
    up.take(SECRETS, "acme-db-app")  # the Job's name follows from it
    assert status_of(up)["schema"] == {"job": job, "image": up.v1}


def test_a_schema_that_fails_leaves_the_image_that_was_applied(up: Any) -> None:
    up.spec["images"] = {"runtime": up.v2}
    failed = up.job("Failed", image=up.v2)
    assert status_of(up)["schema"] == {"job": failed, "image": up.v1}


def test_sizes_are_bounded(up: Any) -> None:
    up.annotations = {REQUESTED: "x" * 10_000}
    status = status_of(up, Condition("Ready", "False", "A", "x" * 100_000))
    RemTenantStatus.model_validate(status)
    assert len(status["handled"]["reconcile-requested-at"]) == 256
