"""What keeps a tenant from being acted on: the first violation, in words that name the field and the remedy."""

from __future__ import annotations

from typing import Any

import pytest

from rem_operator.errors import Blocked
from rem_operator.reconcile.checks import first_violation
from rem_operator.settings import PolicySettings

FILES = {"queue": {"url": "https://sqs.eu-central-1.amazonaws.com/111122223333/acme-files"}}


def violation(world: Any) -> Any:
    return first_violation(world.facts(), PolicySettings(), world.inputs())


def test_a_good_tenant_violates_nothing(up: Any) -> None:
    up.spec |= {
        "api": {"env": [{"name": "OWN", "value": "1"}], "podLabels": {"example.com/team": "blue"}},
        "network": {"ingressFrom": [{"namespace": "web"}]},
    }
    assert violation(up) is None


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"api": {"podLabels": {"cnpg.io/cluster": "acme-db"}}}, "spec.api.podLabels[cnpg.io/cluster] is reserved"),
        (
            {"fileProcessor": FILES | {"podAnnotations": {"rem.dev/x": "1"}}, "objectStorage": {"bucket": "acme"}},
            "spec.fileProcessor.podAnnotations[rem.dev/x] is reserved",
        ),
        ({"api": {"env": [{"name": "TMPDIR", "value": "/x"}]}}, "spec.api.env[TMPDIR] is set by the operator"),
        (
            {
                "identity": {"credentialsSecretRef": {"name": "cloud"}},
                "secrets": {"storeRef": {"name": "v"}, "items": [{"name": "AWS_ACCESS_KEY_ID", "key": "k"}]},
            },
            "spec.secrets.items[AWS_ACCESS_KEY_ID] is set by the operator",
        ),
        (
            {"api": {"auth": {"mode": "Disabled"}}, "network": {"ingressFrom": [{"namespace": "web"}]}},
            "spec.network.ingressFrom opens nothing",
        ),
        (
            {"database": {"storage": {"size": "1Gi"}, "parameters": {"max_connections": "20"}}},
            "spec.database.parameters.max_connections is 20",
        ),
    ],
)
def test_what_could_have_no_effect_is_invalid(world: Any, spec: dict[str, Any], says: str) -> None:
    world.spec |= spec
    found = violation(world)
    assert isinstance(found, Blocked)
    assert found.reason == "Invalid"
    assert says in found.message


def test_the_trust_boundary(world: Any) -> None:
    world.spec["images"] = {"runtime": "ghcr.io/somebody/else:1"}
    found = violation(world)
    assert found.reason == "ForbiddenByPolicy"
    assert "POLICY__ALLOWED_IMAGE_REPOSITORIES" in found.message


def test_what_is_not_supported_is_said_before_anything_else(world: Any) -> None:
    world.spec |= {"operatingMode": "Suspended", "images": {"runtime": "ghcr.io/somebody/else:1"}}
    assert violation(world).reason == "NotYetSupported"


def test_a_lost_database_keeps_everything_as_it_is(world: Any) -> None:
    world.status = {"database": {"systemID": "1001"}}
    assert violation(world).reason == "DatabaseMissing"
