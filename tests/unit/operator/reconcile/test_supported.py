"""Every field of the spec is either reconciled by this version or reported by name: silence is a defect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pydantic
import pytest

from rem_crds.v1alpha1 import RemTenantSpec
from rem_operator.reconcile.supported import unsupported_fields

MINIMAL: dict[str, Any] = {"database": {"storage": {"size": "1Gi"}}}


def fields(annotations: dict[str, str] | None = None, **spec: Any) -> list[str]:
    return unsupported_fields(RemTenantSpec.model_validate(MINIMAL | spec), annotations or {})


def test_the_smallest_tenant_is_supported() -> None:
    assert fields() == []


def test_saying_the_default_is_supported() -> None:
    assert fields(operatingMode="Running", deletionPolicy="Retain", deletionProtection=False) == []
    assert fields(llm={"embedding": {"provider": "minilm"}}, api={"auth": {"mode": "ApiKey"}}) == []
    assert fields(observability={"podMonitor": "Never"}) == []


def test_deletion_protection_is_held_by_the_api_server() -> None:
    assert fields(deletionProtection=True) == []


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({"operatingMode": "Suspended"}, "spec.operatingMode"),
        ({"deletionPolicy": "Delete"}, "spec.deletionPolicy"),
        ({"database": {"storage": {"size": "1Gi"}, "pooler": {"enabled": True}}}, "spec.database.pooler"),
        (
            {"database": {"storage": {"size": "1Gi"}, "backup": {"destinationPath": "s3://acme-backups/rem"}}},
            "spec.database.backup",
        ),
        ({"database": {"storage": {"size": "1Gi"}, "recovery": {"backupName": "b"}}}, "spec.database.recovery"),
        ({"api": {"auth": {"mode": "OIDC", "issuer": "https://a.example", "audience": "rem"}}}, "spec.api.auth.mode"),
        ({"api": {"auth": {"mode": "ApiKey", "issuer": "https://a.example"}}}, "spec.api.auth: issuer"),
        ({"api": {"auth": {"mode": "Disabled", "userClaim": "email"}}}, "spec.api.auth: issuer"),
        ({"llm": {"models": ["openai-chat:gpt"]}}, "spec.llm.models"),
        ({"llm": {"embedding": {"provider": "openai", "model": "m", "dimensions": 8}}}, "spec.llm.embedding.provider"),
        ({"evaluation": {"questionsFrom": {"configMapKeyRef": {"name": "q", "key": "q"}}}}, "spec.evaluation"),
        ({"observability": {"podMonitor": "Auto"}}, "spec.observability.podMonitor"),
        ({"limits": {"requestsPerMinute": 5}}, "spec.limits"),
        ({"agents": {"maxAgents": 5}}, "spec.agents"),
        ({"observability": {"otlpEndpoint": "http://otel:4317"}}, "spec.observability.otlpEndpoint"),
    ],
)
def test_what_is_not_reconciled_is_named(spec: dict[str, Any], named: str) -> None:
    assert [field for field in fields(**spec) if field.startswith(named)]


@pytest.mark.parametrize("name", ["paused", "suspended", "restarted-at", "backup-requested-at"])
def test_annotations_that_nothing_handles_are_named(name: str) -> None:
    assert fields({f"rem.dev/{name}": "true"}) == [f"annotation rem.dev/{name}"]
    assert fields({f"rem.dev/{name}": "false"}) == []


# What the children, the checks or the API server follow. A field that is new in the contract is in neither list.
RECONCILED = {
    "deletionProtection",
    "images.runtime",
    "images.postgres",
    "images.pgvector",
    "database.instances",
    "database.storage",
    "database.resources",
    "database.parameters",
    "database.scheduling",
    "api.autoscaling",
    "api.resources",
    "api.scheduling",
    "api.env",
    "api.podLabels",
    "api.podAnnotations",
    "fileProcessor.enabled",
    "fileProcessor.queue",
    "fileProcessor.scaling",
    "fileProcessor.resources",
    "fileProcessor.scheduling",
    "fileProcessor.env",
    "fileProcessor.podLabels",
    "fileProcessor.podAnnotations",
    "objectStorage.bucket",
    "objectStorage.prefix",
    "objectStorage.region",
    "objectStorage.endpoint",
    "secrets.storeRef",
    "secrets.refreshInterval",
    "secrets.items",
    "identity.api",
    "identity.worker",
    "identity.database",
    "identity.credentialsSecretRef",
    "llm.defaultModel",
    "network.ingressFrom",
    "network.egressTo",
}
REPORTED = {
    "operatingMode",
    "deletionPolicy",
    "database.backup",
    "database.recovery",
    "database.pooler",
    "api.ingress",
    "api.auth",
    "fileProcessor.spot",
    "llm.models",
    "llm.providers",
    "llm.embedding",
    "agents.maxAgents",
    "agents.mcpServers",
    "evaluation.questionsFrom",
    "observability.otlpEndpoint",
    "observability.podMonitor",
    "limits.requestsPerMinute",
    "limits.tokensPerUserPerDay",
}


def test_every_field_of_the_contract_is_in_one_of_the_lists() -> None:
    assert set(_fields(RemTenantSpec)) == RECONCILED | REPORTED
    assert not RECONCILED & REPORTED


def _fields(model: type[pydantic.BaseModel], *, depth: int = 2) -> Iterator[str]:
    for name, field in model.model_fields.items():
        kinds = [k for k in (field.annotation, *get_args(field.annotation)) if isinstance(k, type)]
        inner = next((k for k in kinds if issubclass(k, pydantic.BaseModel)), None)
        if inner is None or depth == 1:
            yield field.alias or name
        else:
            yield from (f"{field.alias or name}.{below}" for below in _fields(inner, depth=depth - 1))
