"""The trust boundary: what a tenant may not ask for, whatever the CRD lets through."""

from __future__ import annotations

from typing import Any

import pytest

from rem_crds.v1alpha1 import RemTenantSpec
from rem_crds.v1alpha1.effective import effective_tenant
from rem_operator.reconcile.policy import repository_of, violations
from rem_operator.settings import PolicySettings

OWN = frozenset({"ghcr.io/rem-dev/rem-runtime"})
ROLE = "arn:aws:iam::111122223333:role/"


def found(policy: dict[str, Any] | None = None, **spec: Any) -> list[str]:
    parsed = RemTenantSpec.model_validate({"database": {"storage": {"size": "1Gi"}}} | spec)
    return violations(
        effective_tenant(parsed),
        namespace="acme",
        policy=PolicySettings.model_validate(policy or {}),
        own_repositories=OWN,
    )


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("rem-acme-api", True),
        ("rem-acme-", True),
        ("rem-other-api", False),
        ("admin", False),
        ("path/rem-acme-api", False),
        ("rem-acme", False),
    ],
)
def test_roles(role: str, allowed: bool) -> None:
    said = found(identity={"worker": {"roleArn": ROLE + role}})
    assert (said == []) is allowed
    assert allowed or "spec.identity.worker.roleArn" in said[0]


def test_a_namespace_is_no_regular_expression() -> None:
    parsed = RemTenantSpec.model_validate(
        {"database": {"storage": {"size": "1Gi"}}, "identity": {"api": {"roleArn": f"{ROLE}rem-aXc-api"}}}
    )
    said = violations(effective_tenant(parsed), namespace="a.c", policy=PolicySettings(), own_repositories=OWN)
    assert len(said) == 1


@pytest.mark.parametrize(
    ("image", "allowed"),
    [
        ("ghcr.io/rem-dev/rem-runtime:9.9", True),
        ("ghcr.io/rem-dev/rem-runtime@sha256:" + "a" * 64, True),
        ("ghcr.io/rem-dev/rem-runtime-evil:1", False),
        ("ghcr.io/acme/rem-runtime:1", False),
    ],
)
def test_images(image: str, allowed: bool) -> None:
    assert (found(images={"runtime": image}) == []) is allowed


def test_an_image_repository_can_be_allowed() -> None:
    settings = {"allowed_image_repositories": "ghcr.io/acme/rem-runtime"}
    assert found(settings, images={"runtime": "ghcr.io/acme/rem-runtime:1"}) == []


@pytest.mark.parametrize(("setting", "allowed"), [(None, True), ("", False), ("other", False), ("other,aws", True)])
def test_cluster_stores(setting: str | None, allowed: bool) -> None:
    settings = {} if setting is None else {"allowed_cluster_stores": setting}
    secrets = {"storeRef": {"kind": "ClusterSecretStore", "name": "aws"}, "items": [{"name": "A", "key": "a"}]}
    assert (found(settings, secrets=secrets) == []) is allowed


def test_a_store_of_the_namespace_is_nobody_elses_business() -> None:
    secrets = {"storeRef": {"name": "vault"}, "items": [{"name": "A", "key": "a"}]}
    assert found({"allowed_cluster_stores": ""}, secrets=secrets) == []


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        ("ghcr.io/a/b:1", "ghcr.io/a/b"),
        ("registry:5000/a/b", "registry:5000/a/b"),
        ("registry:5000/a/b:1@sha256:" + "0" * 64, "registry:5000/a/b"),
        ("a/b@sha256:" + "0" * 64, "a/b"),
    ],
)
def test_repository_of(image: str, repository: str) -> None:
    assert repository_of(image) == repository
